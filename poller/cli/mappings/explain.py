"""``pollerd mappings explain``."""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
import sys
from pathlib import Path
from typing import Any

from connectors.contract import Capabilities, Seekable
from poller.cli.daemon import Daemon
from poller.cli.mappings import said
from poller.cli.mappings.named import configuration, mapping
from poller.cli.mappings.view import finished_of, views
from poller.control import positions
from poller.control.positions import Held
from poller.control.store import StoreError
from poller.settings.mappings import source
from poller.settings.model import MappingSettings, Settings

TEXT = (
    "Explain a mapping: every key as it is in force, what its source can do, where reading begins and who keeps how far it has come, and "
    "what the daemon says of it now: why it does not invoke, and what it did last; and the last ten lines of its log."
)

CHANGES = 10
"""Of the record: the newest."""
LANE = re.compile(r"\d+/\d+")
"""A lane and how many there are."""


def call(given: argparse.Namespace) -> int:
    """0: explained. 1: the state file cannot serve. 2: no such mapping."""
    settings = configuration(given)
    if mapping(given.mapping, settings) is None:
        return 2
    try:
        explained = _explained(given.mapping, settings, Daemon(settings, given.url))
    except StoreError as error:
        print(error, file=sys.stderr)
        return 1
    if given.json:
        print(json.dumps(explained, indent=2))
    else:
        print("\n".join(_lines(explained)))
    return 0


def _explained(name: str, settings: Settings, daemon: Daemon) -> dict[str, Any]:
    own = settings.event_source_mappings[name]
    found = source(own)
    able = found.capabilities
    shown, away = views(settings, daemon)
    now = next(view for view in shown if view["mapping"] == name) | ({"daemon": away} if away else {})
    explained: dict[str, Any] = {"mapping": name, "keys": _keys(own, able)}
    explained["source can"] = {key: value for key, value in dataclasses.asdict(able).items() if value or value == 0}
    if able.stream:
        held = positions.known(Path(settings.state), name)
        explained["reading"] = _reading(own, able, held, now, kept_by_server=isinstance(found, Seekable))
    moved = {"positions", "partitions"} & explained.get("reading", {}).keys()
    explained["now"] = {key: value for key, value in now.items() if key not in moved}
    explained["changes"] = said.entries(Path(settings.state), name)[-CHANGES:]
    return explained


def _keys(own: MappingSettings, able: Capabilities) -> dict[str, Any]:
    """Keys with the values in force; options of the source may be secrets and are left out."""
    values = {field.name: getattr(own, field.name) for field in dataclasses.fields(own)}
    values["source"] = {"type": own.source.type}
    values["batch_size"] = own.batch_size or min(able.default_batch_size, able.max_batch_size)
    values["envelope"] = own.envelope or able.envelope
    if able.stream:
        values["starting_position"] = own.starting_position or able.starting_positions[0]
    return {key: _plain(value) for key, value in values.items() if value is not None}


def _reading(
    own: MappingSettings, able: Capabilities, held: Held, now: dict[str, Any], *, kept_by_server: bool
) -> dict[str, Any]:
    """Where positions are the server's only a running daemon knows them: it asks. now: what it says."""
    begins = str(held.start) if held.start else own.starting_position or able.starting_positions[0]
    known: dict[str, Any] = {} if kept_by_server else {"positions": dict(sorted(held.positions.items()))}
    if finished := sorted(finished_of(held.positions)):
        known["finished"] = finished
    if kept_by_server or "partitions" in now:
        known["partitions"] = now.get("partitions", {})
    return {
        "kept by": "the source's server" if kept_by_server else "the state file",
        "partitions nobody knows begin at": begins + (", by a rewind" if held.start else ""),
        **known,
        "done beyond": {partition: _lanes(marks) for partition, marks in sorted(held.marks.items())},
    }


def _lanes(marks: dict[str, str]) -> dict[str, str]:
    """Marks of lanes; what the engine keeps beside them may hold a function's own state."""
    return {lane: position for lane, position in sorted(marks.items()) if LANE.fullmatch(lane)}


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return list(value) if isinstance(value, tuple) else value


def _lines(explained: dict[str, Any], depth: int = 0) -> list[str]:
    lines = []
    for key, value in explained.items():
        if key in said.LINES and value:
            lines += [f"{'  ' * depth}{key}:", *(f"{'  ' * (depth + 1)}{line}" for line in said.LINES[key](value))]
        elif isinstance(value, dict) and value:
            lines += [f"{'  ' * depth}{key}:", *_lines(value, depth + 1)]
        else:
            lines.append(f"{'  ' * depth}{key}: {value if isinstance(value, str) else json.dumps(value)}")
    return lines
