"""What is shown of a mapping: what the daemon says of it, or what the state file holds while none runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from connectors.contract import FINISHED
from poller.cli.daemon import AwayError, Daemon
from poller.control import positions
from poller.settings.mappings import source
from poller.settings.model import Settings


def views(settings: Settings, daemon: Daemon) -> tuple[list[dict[str, Any]], str]:
    """One object a mapping, in the configuration's order, then those that only the daemon has; and why no daemon says it, "" if one does.

    Raises StoreError.
    """
    try:
        told = {view["mapping"]: view for view in daemon.mappings()}
    except AwayError as error:
        return [_at_rest(name, settings) for name in settings.event_source_mappings], str(error)
    known = settings.event_source_mappings
    found = [told.get(name) or _at_rest(name, settings) for name in known]
    return [*found, *(view for name, view in told.items() if name not in known)], ""


def finished_of(positions: Mapping[str, str]) -> list[str]:
    """Partitions that have ended, and of which everything is done: a shard that was split, merged or rolled over, until it is forgotten."""
    return [partition for partition, position in positions.items() if position == FINISHED]


def _at_rest(name: str, settings: Settings) -> dict[str, Any]:
    mapping = settings.event_source_mappings[name]
    view: dict[str, Any] = {"mapping": name, "function": mapping.function, "source": mapping.source.type}
    view["state"] = "not running" if mapping.enabled else "disabled"
    if source(mapping).capabilities.stream:
        view["positions"] = positions.known(Path(settings.state), name).positions
    return view
