"""Reading one shard of a stream, page by page.

The iterator moves on only together with the records it brought, so a read that is cancelled loses none. What was read and not handed
out waits in memory, one page at most.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from connectors.contract import Record, SourceError, Throttled
from connectors.shards.lineage import Shard
from connectors.shards.positions import is_later, middle_of


class ExpiredIteratorError(SourceError):
    """An iterator is too old: another one is to be had."""


class TrimmedError(SourceError):
    """The server has no record any more at the position that it was asked for, or never had."""


@dataclass(frozen=True, slots=True)
class Page:
    """What one read has brought.

    records: in order; a record's handle is the position that its settlement reaches. cursor: sequence number of the last
    one read, "" for none. iterator: for the next read; "": the shard is at its end. behind: whether the server knows of more.
    """

    records: Sequence[Record]
    cursor: str
    iterator: str
    behind: bool = False


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds between two reads of one shard.

    idle: when the last brought nothing. busy: when there may be more. refused: when it could not be read, and nobody said how long.
    """

    idle: float
    busy: float
    refused: float = 1.0


class Shards(Protocol):
    """The requests of one service about one open stream. Each raises ``SourceError``."""

    async def listed(self) -> tuple[list[Shard], float]:
        """All shards, in any order, and the server's time in epoch seconds, rounded down."""
        ...

    async def iterator(self, shard: str, position: str) -> str:
        """One that begins where a position says: behind its record, or at the one it is in the middle of. Raises ``TrimmedError``."""
        ...

    async def page(self, shard: str, iterator: str, limit: int) -> Page:
        """Read up to ``limit`` records. Raises ``ExpiredIteratorError``."""
        ...


class ShardReading:
    """One shard. trimmed: told position and error when the records there are gone; returns where to go on instead."""

    def __init__(
        self,
        shard: str,
        position: str,
        iterator: str,
        *,
        pace: Pace,
        trimmed: Callable[[str, TrimmedError], Awaitable[str]],
    ) -> None:
        self.id = shard
        self.due = _now()
        """Loop time of the next read."""
        self.ended = False
        """Whether its last page has been read."""
        self.throttled = ""
        """What the server said when it asked for fewer calls; "" when the last read was answered."""
        self.ahead: deque[Record] = deque()
        """Read, and not handed out."""
        self._position = position
        self._iterator = iterator
        self._pace = pace
        self._trimmed = trimmed
        self._last = ""  # what is to be settled before its end counts

    @property
    def is_read(self) -> bool:
        """Whether it has ended, and all of it is handed out."""
        return self.ended and not self.ahead

    def is_done(self, position: str | None) -> bool:
        """Whether it has ended and all that was read of it is settled. position: how far it is."""
        if not self.is_read:
            return False
        return not self._last or not is_later(self._last, position)

    def postpone(self) -> None:
        """Read it later, from a new iterator."""
        self._iterator = ""
        self.due = _now() + self._pace.refused

    async def read(self, service: Shards, limit: int) -> None:
        """Read one page, from a new iterator if need be; when throttled, read it later. Raises any other ``SourceError``."""
        try:
            page = await self._page(service, limit)
        except Throttled as error:
            self.throttled = str(error)
            self.due = _now() + (error.retry_after or self._pace.refused)
            return
        self.throttled = ""
        self.ended = not page.iterator
        self.ahead.extend(self._new(page))
        self.due = _now() + (self._pace.busy if page.cursor or page.behind else self._pace.idle)
        self._iterator = page.iterator
        if page.cursor:
            self._position = page.cursor
        if page.records:
            self._last = page.records[-1].handle

    def _new(self, page: Page) -> Sequence[Record]:
        """Without what is done of a record that reading begins in the middle of."""
        if middle_of(self._position) is None:
            return page.records
        return [record for record in page.records if is_later(record.handle, self._position)]

    async def _page(self, service: Shards, limit: int) -> Page:
        if self._iterator:
            try:
                return await service.page(self.id, self._iterator, limit)
            except ExpiredIteratorError:
                self._iterator = ""
        try:
            self._iterator = await service.iterator(self.id, self._position)
        except TrimmedError as error:
            self._position = await self._trimmed(self._position, error)
            self._iterator = await service.iterator(self.id, self._position)
        return await service.page(self.id, self._iterator, limit)


def _now() -> float:
    return asyncio.get_running_loop().time()
