"""What is told of mappings: whether each works and why not (/readyz), and how far it has come (operators). Reads; changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from poller.control.running import Running
from poller.control.surveys import Survey
from poller.observe.ages import Ages
from poller.pipeline.mapping import Mapping as QueueMapping
from poller.pipeline.stream import StreamMapping
from poller.settings.model import Settings

Mappings = Mapping[str, Running[Any]]
"""Those that are enabled, by name."""


class Configured(Protocol):
    """A configuration, which may change, and what runs of it."""

    @property
    def settings(self) -> Settings:
        """As they are now."""
        ...

    @property
    def mappings(self) -> Mappings:
        """Those that are enabled."""
        ...


class Views:
    """Of all mappings of a configuration, in its order. stopping: whether the daemon is."""

    def __init__(self, configured: Configured, ages: Ages, stopping: Callable[[], bool]) -> None:
        self._configured = configured
        self._ages = ages
        self._stopping = stopping

    def readiness(self) -> list[dict[str, Any]]:
        """Each mapping, whether it works, and why not."""
        return [self._readiness(name) for name in self._configured.settings.event_source_mappings]

    async def operators(self) -> list[dict[str, Any]]:
        """The same, with how far each has come, and what waits in its source."""
        found = await asyncio.gather(*(self._survey(name) for name in self._configured.settings.event_source_mappings))
        return [
            view | self._progress(view["mapping"]) | survey.told()
            for view, survey in zip(self.readiness(), found, strict=True)
        ]

    def in_hand(self) -> dict[str, int]:
        """Records fetched and not settled, by mapping."""
        mappings = {name: running.mapping for name, running in self._configured.mappings.items()}
        return {name: mapping.in_hand for name, mapping in mappings.items() if mapping is not None}

    def _readiness(self, name: str) -> dict[str, Any]:
        settings, running = self._configured.settings.event_source_mappings[name], self._configured.mappings.get(name)
        shown = {"mapping": name, "function": settings.function, "source": settings.source.type}
        if running is None:
            return shown | {"ready": True, "state": "disabled"}
        if self._stopping():
            return shown | {"ready": False, "state": "stopping"}
        if running.state != "running":
            return shown | {"ready": True, "state": running.state}
        mapping = running.mapping
        trouble = running.trouble or (mapping.link.trouble if mapping else "")
        identity = mapping.link.identity if mapping else None
        if mapping is None or identity is None or trouble:
            return shown | {"ready": False, "state": "connecting", "trouble": trouble}
        told = _of_stream(mapping) if isinstance(mapping, StreamMapping) else _of_queue(mapping)
        return shown | {"ready": "trouble" not in told, "state": "polling", "from": identity.label} | told

    def _progress(self, name: str) -> dict[str, Any]:
        running = self._configured.mappings.get(name)
        if running is None or not isinstance(running.mapping, StreamMapping):
            return {}
        told: dict[str, Any] = {"last_processing_result": running.mapping.last_processing_result}
        if (age := self._ages.of(name)) is not None:
            told["iterator_age_seconds"] = age
        if running.checkpoints is not None:
            told["positions"] = running.checkpoints.positions()
        return told

    async def _survey(self, name: str) -> Survey:
        running = self._configured.mappings.get(name)
        return await Survey.of(running.mapping.link) if running and running.mapping else Survey()


def _of_queue(mapping: QueueMapping) -> dict[str, Any]:
    warning = {"warning": mapping.warning} if mapping.warning else {}
    return {"pollers": mapping.running, "records_in_hand": mapping.in_hand} | warning


def _of_stream(mapping: StreamMapping) -> dict[str, Any]:
    """still_seconds: since nothing was done although there may be something to do. It counts up while a function runs, too."""
    told: dict[str, Any] = {
        "invocations": mapping.running,
        "records_in_hand": mapping.in_hand,
        "still_seconds": round(mapping.still_seconds, 3),
    }
    discards = mapping.discards
    if discards.failing_since is not None:
        since = datetime.fromtimestamp(discards.failing_since, UTC).isoformat(timespec="seconds")
        told |= {"trouble": discards.trouble, "batches_held_up": discards.waiting, "failing_since": since}
    return told
