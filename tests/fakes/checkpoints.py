"""A store of checkpoints in a dictionary: what it holds is what a crash leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from connectors.contract import SourceError
from poller.pipeline.stream import LaneCheckpoints, Marks


class FakeCheckpoints(LaneCheckpoints):
    """Writes take ``seconds``; each first asks ``fault`` whether it fails, or worse."""

    def __init__(self) -> None:
        self.saved: dict[str, str] = {}
        self.marked: dict[str, Marks] = {}
        self.moves: list[tuple[str, str | None, str]] = []
        self.seconds = 0.0
        self.faults: list[SourceError] = []
        self.before: Callable[[], None] = lambda: None

    def positions(self) -> Mapping[str, str]:
        return dict(self.saved)

    async def save(self, positions: Mapping[str, str]) -> None:
        await self._write()
        self.saved |= positions

    async def move(self, partition: str, position: str | None, why: str) -> None:
        await self._write()
        self.moves.append((partition, position, why))
        self.marked.pop(partition, None)
        self.saved.pop(partition, None)
        if position is not None:
            self.saved[partition] = position

    def marks(self) -> Mapping[str, Marks]:
        return dict(self.marked)

    async def mark(self, marks: Mapping[str, Marks]) -> None:
        await self._write()
        for partition, found in marks.items():
            if found:
                self.marked[partition] = dict(found)
            else:
                self.marked.pop(partition, None)

    async def _write(self) -> None:
        if self.seconds:
            await asyncio.sleep(self.seconds)
        self.before()
        if self.faults:
            raise self.faults.pop(0)
