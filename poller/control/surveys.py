"""What waits in mappings' sources: asked of them when somebody wants to know, an operator or who reads the metrics page; never else."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.contract import Standing
from poller.control.running import Running
from poller.observe.metrics import Metrics
from poller.pipeline.link import Link
from poller.pipeline.stream import StreamMapping

PATIENCE = 2.0
"""Seconds to wait at most for a source to answer."""


@dataclass(frozen=True, slots=True)
class Survey:
    """Of one mapping. partitions: those whose server tells how far reading has come. backlog: of a source that tells no more than that."""

    partitions: Mapping[str, Standing] = field(default_factory=dict)
    backlog: int | None = None

    @classmethod
    async def of(cls, link: Link) -> Survey:
        """Ask. A source that does not answer in time has told nothing."""
        try:
            async with asyncio.timeout(PATIENCE):
                partitions = await link.survey()
                return cls(backlog=await link.backlog()) if partitions is None else cls(partitions)
        except TimeoutError:
            return cls()

    @property
    def lag(self) -> int | None:
        """Records behind where reading has come; None where that is not known of all partitions."""
        lags = [standing.lag for standing in self.partitions.values()]
        known = [lag for lag in lags if lag is not None]
        return sum(known) if known and len(known) == len(lags) else self.backlog

    @property
    def pending(self) -> int | None:
        """Records given out and not settled; None where the source has no such thing."""
        counts = [standing.pending for standing in self.partitions.values() if standing.pending is not None]
        return sum(counts) if counts else None

    def told(self) -> dict[str, Any]:
        """As members of a mapping's view; what is not known is left out."""
        told: dict[str, Any] = {"lag": self.lag, "pending": self.pending}
        if self.partitions:
            told["partitions"] = {name: _known(standing) for name, standing in sorted(self.partitions.items())}
        return {key: value for key, value in told.items() if value is not None}


class Surveys:
    """Gauges of the streams' mappings, as they stand when ``take`` returns. One that is paused, or not ours, has none."""

    def __init__(self, running: Mapping[str, Running[Any]], metrics: Metrics) -> None:
        self._running = running
        self._found: dict[str, Survey] = {}
        text = "Records of a stream behind where its group or checkpoint is, of the partitions read here; where the source tells."
        metrics.watch("mapping_lag_records", text, "mapping", lambda: self._gauge("lag"), aws="OffsetLag, SumOffsetLag")
        text = "Records given to any consumer of the mapping's group and not settled; where the source tells."
        metrics.watch("mapping_pending_records", text, "mapping", lambda: self._gauge("pending"))
        text = "Time without a record done although there were some; 0 while all that can be read is done."
        metrics.watch("mapping_still_seconds", text, "mapping", lambda: _each(self._streams(), "still_seconds"))
        text = "Batches whose failure record the destination has not taken; the lane of each waits."
        metrics.watch("batches_held_up", text, "mapping", self._held_up)

    async def take(self) -> None:
        """Ask all of them at once."""
        streams = self._streams()
        found = await asyncio.gather(*(Survey.of(mapping.link) for mapping in streams.values()))
        self._found = dict(zip(streams, found, strict=True))

    def _streams(self) -> dict[str, StreamMapping]:
        at_work = {name: each.mapping for name, each in self._running.items() if each.state == "running"}
        return {name: mapping for name, mapping in at_work.items() if isinstance(mapping, StreamMapping)}

    def _held_up(self) -> dict[str, float]:
        return {name: mapping.discards.waiting for name, mapping in self._streams().items()}

    def _gauge(self, of: str) -> dict[str, float]:
        return _each(self._found, of)


def _each(things: Mapping[str, object], of: str) -> dict[str, float]:
    values = {name: getattr(thing, of) for name, thing in things.items()}
    return {name: value for name, value in values.items() if value is not None}


def _known(standing: Standing) -> dict[str, Any]:
    return {key: value for key, value in dataclasses.asdict(standing).items() if value is not None}
