"""Reading a stream of shards: all of them at once, children after their parents, each from its own iterator. Not a connector.

Kinesis and DynamoDB Streams give the requests (``Shards``), this gives ``fetch`` and ``settle``. Four rules hold here:

1. An iterator moves on only together with the records it brought: a fetch that is cancelled loses none.
2. What was read and not handed out waits in memory, one page of a shard at most; a shard with a page waiting is not read.
3. What one shard cannot do now (too many calls, an iterator that ran out) stops no other.
4. A position is saved when the record at it is settled; the end of a shard when all its records are.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from connectors import shards
from connectors.contract import Missing, Outcome, Reader, Record, Settlement, SourceError, Throttled, Unreachable
from connectors.shards import Shard

T = TypeVar("T")

READS_AT_ONCE = 8
"""Shards read together; also bounds what is read ahead, at 10 MB for each (Kinesis quotas, GetRecords)."""
PAGE = 1000
"""Records to ask a shard for at least, whatever room there is: a shard may be asked only a few times a second."""
LOOK_SECONDS = 60.0
"""How often shards are listed when none has ended meanwhile."""


class ExpiredIteratorError(SourceError):
    """An iterator is too old: another one is to be had."""


class TrimmedError(SourceError):
    """The server has no record any more at the position that it was asked for, nor knows it."""


@dataclass(frozen=True, slots=True)
class Page:
    """What one read has brought. cursor: sequence number of the last record read, "" for none. iterator: for the next; "": the end."""

    records: Sequence[Record]
    cursor: str
    iterator: str
    behind: bool = False
    """Whether the server knows of more records."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds between two reads of one shard. idle: when the last brought nothing. busy: when there is more."""

    idle: float
    busy: float


class Shards(Protocol):
    """The requests of one service about one open stream. Each raises ``SourceError``."""

    async def listed(self) -> tuple[list[Shard], float]:
        """All shards, parents before children or not, and the server's time in epoch seconds, rounded down."""
        ...

    async def iterator(self, shard: str, position: str) -> str:
        """One that begins at a position's place, or behind a sequence number. Raises ``TrimmedError``."""
        ...

    async def page(self, shard: str, iterator: str, limit: int) -> Page:
        """Read up to ``limit`` records. Raises ``ExpiredIteratorError``."""
        ...


@dataclass(slots=True, eq=False)
class _Shard:
    """One shard that is being read. position: where the next iterator begins. due: loop time of the next read."""

    id: str
    position: str
    due: float
    iterator: str = ""
    ended: bool = False
    throttled: bool = False
    ahead: deque[Record] = field(default_factory=deque)
    handed: str = ""
    """What is to be settled before its end counts; "": nothing."""


class ShardWalk:
    """One open stream, read by one reader."""

    def __init__(self, service: Shards, reader: Reader, pace: Pace, largest_page: int) -> None:
        self._service = service
        self._reader = reader
        self._pace = pace
        self._largest_page = largest_page
        self._positions: dict[str, str] = {}
        self._reading: dict[str, _Shard] = {}
        self._held: frozenset[str] = frozenset()
        self._look_at = 0.0
        self._changed = asyncio.Event()
        self._closed = False

    async def begin(self) -> None:
        """List shards and, where reading begins at LATEST, fix that place before anything else; what is fixed is saved."""
        self._positions = dict(self._reader.checkpoints.positions())
        await self._look(self._reader.start)

    def hold(self, partitions: Collection[str]) -> None:
        """Neither read nor hand out these, until told otherwise."""
        self._held = frozenset(partitions)
        self._changed.set()

    @property
    def is_over(self) -> bool:
        """Whether all there is has been read and settled."""
        return not self._reading

    def close(self) -> None:
        """A fetch under way ends with ``Unreachable``."""
        self._closed = True
        self._changed.set()

    async def fetch(self, room: int, wait_seconds: float) -> list[Record]:
        """Hand out what was read ahead, else read what is due, until something came or the wait is over."""
        until = _now() + wait_seconds
        while True:
            self._changed.clear()
            if _now() >= self._look_at:
                await self._look()
            records = self._take(room) or await self._read(room)
            if records or room < 1 or _now() >= until:
                return records
            await self._sleep(until)
            if self._closed:
                raise Unreachable("the stream was closed")

    async def settle(self, settlements: Sequence[Settlement]) -> None:
        """Save how far each shard is done; one that is at its end makes room for its children."""
        done: dict[str, list[str]] = {}
        for settlement in settlements:
            record = settlement.record
            known = record.partition in self._positions or record.partition in self._reading
            if known and record.handle and settlement.outcome is not Outcome.RELEASED:
                done.setdefault(record.partition, []).append(record.handle)
        await self._save({shard: shards.furthest(positions) for shard, positions in done.items()})

    async def _save(self, reached: Mapping[str, str]) -> None:
        """Save positions, forward only, and the end of shards that have come to it."""
        forward = {
            shard: position
            for shard, position in reached.items()
            if shards.is_later(position, self._positions.get(shard))
        }
        known = self._positions | forward
        ends = {shard.id: shards.END for shard in self._reading.values() if _is_done(shard, known.get(shard.id))}
        if forward or ends:
            await self._reader.checkpoints.save(forward | ends)
            self._positions |= forward | ends
        if ends:
            for shard in ends:
                del self._reading[shard]
            self._look_at = 0.0  # its children may be read now
            self._changed.set()

    async def _look(self, start: str = "") -> None:
        """List shards, begin what may be read now, and forget what is gone. start: of the reader, when nothing has been read yet."""
        listed, moment = await self._service.listed()
        iterators = await self._fix_latest(shards.beginning(listed, self._positions, start), moment)
        for gone in shards.forgotten(listed, self._positions):
            await self._forget(gone)
        for shard in shards.readable(listed, self._positions):
            if shard not in self._reading:
                position = self._positions.get(shard) or self._first_position()
                self._reading[shard] = _Shard(shard, position, _now(), iterators.get(shard, ""))
        self._look_at = _now() + LOOK_SECONDS

    def _first_position(self) -> str:
        """Where a shard begins of which nobody knows better: its whole content is new unless a moment was named."""
        if self._reader.start == shards.AT_TIMESTAMP and self._reader.timestamp is not None:
            return shards.since(self._reader.timestamp)
        return shards.TRIM_HORIZON

    async def _fix_latest(self, first: Sequence[str], moment: float) -> dict[str, str]:
        """Iterators of the shards that begin at LATEST. Their moment is saved too, for when an iterator is lost before a record came."""
        found = await _together([self._service.iterator(shard, shards.LATEST) for shard in first])
        if first:
            fixed = dict.fromkeys(first, shards.since(moment))
            await self._reader.checkpoints.save(fixed)
            self._positions |= fixed
        return dict(zip(first, found, strict=True))

    async def _forget(self, shard: str) -> None:
        """A shard that is no longer listed has outlived its records."""
        if self._positions[shard] == shards.END:
            why = "the shard was read to its end, and the stream no longer lists it"
        else:
            why = "the stream no longer lists the shard: what was not read of it by then is gone"
        await self._reader.checkpoints.move(shard, None, why)
        del self._positions[shard]
        self._reading.pop(shard, None)

    def _take(self, room: int) -> list[Record]:
        """Records read ahead, as many of each shard as of any other."""
        records: list[Record] = []
        ready = [shard for shard in self._reading.values() if shard.ahead and shard.id not in self._held]
        while ready and len(records) < room:
            share = max(1, (room - len(records)) // len(ready))
            for shard in ready:
                count = min(share, len(shard.ahead), room - len(records))
                records += [shard.ahead.popleft() for _ in range(count)]
            ready = [shard for shard in ready if shard.ahead]
        for served in {record.partition for record in records}:
            self._reading[served] = self._reading.pop(served)  # the others first, next time
        return records

    async def _read(self, room: int) -> list[Record]:
        """Read what is due, those that wait the longest first, until something can be handed out."""
        if room < 1:
            return []
        due = sorted((shard for shard in self._free() if shard.due <= _now()), key=lambda shard: shard.due)
        limit = min(self._largest_page, max(PAGE, room))
        for first in range(0, len(due), READS_AT_ONCE):
            await _together([self._read_shard(shard, limit) for shard in due[first : first + READS_AT_ONCE]])
            await self._save({})  # of empty shards that have ended
            if records := self._take(room):
                return records
        self._complain()
        return []

    def _free(self) -> list[_Shard]:
        return [shard for shard in self._reading.values() if not (shard.ended or shard.ahead or shard.id in self._held)]

    def _complain(self) -> None:
        """Raise ``Throttled`` when no shard can be read for now: the engine waits, and tells."""
        free = self._free()
        if free and all(shard.throttled for shard in free):
            wait = max(0.0, min(shard.due for shard in free) - _now())
            raise Throttled("all shards ask for fewer calls", retry_after=wait)

    async def _read_shard(self, shard: _Shard, limit: int) -> None:
        """Read one page, from a new iterator if need be."""
        try:
            page = await self._page(shard, limit)
        except Throttled as error:
            shard.throttled = True
            shard.due = _now() + (error.retry_after or self._pace.idle)
            return
        except Missing:  # the shard, or the whole stream: listing tells
            shard.iterator = ""
            shard.due = _now() + self._pace.idle
            self._look_at = 0.0
            return
        shard.throttled = False
        shard.iterator = page.iterator
        shard.ended = not page.iterator
        shard.ahead.extend(page.records)
        shard.due = _now() + (self._pace.busy if page.cursor or page.behind else self._pace.idle)
        if page.cursor:
            shard.position = page.cursor
        if page.records:
            shard.handed = page.records[-1].handle

    async def _page(self, shard: _Shard, limit: int) -> Page:
        if shard.iterator:
            try:
                return await self._service.page(shard.id, shard.iterator, limit)
            except ExpiredIteratorError:
                shard.iterator = ""
        try:
            shard.iterator = await self._service.iterator(shard.id, shard.position)
        except TrimmedError as error:
            why = f"the records behind {shard.position} are gone ({error}): reading goes on with the oldest there are"
            await self._reader.checkpoints.move(shard.id, shards.TRIM_HORIZON, why)
            self._positions[shard.id] = shard.position = shards.TRIM_HORIZON
            shard.iterator = await self._service.iterator(shard.id, shard.position)
        return await self._service.page(shard.id, shard.iterator, limit)

    async def _sleep(self, until: float) -> None:
        """Until a shard is due, shards are to be listed, or something has changed."""
        next_due = min((shard.due for shard in self._free()), default=until)
        try:
            async with asyncio.timeout_at(min(until, next_due, self._look_at)):
                await self._changed.wait()
        except TimeoutError:
            pass


def _is_done(shard: _Shard, position: str | None) -> bool:
    """Whether a shard has ended and what was handed out of it is settled."""
    if not shard.ended or shard.ahead:
        return False
    return not shard.handed or not shards.is_later(shard.handed, position)


async def _together(calls: Sequence[Awaitable[T]]) -> list[T]:
    """Await all, some at a time, to their ends; their answers in order. Raises the first error, after the last has ended."""
    some = asyncio.Semaphore(READS_AT_ONCE)

    async def one(call: Awaitable[T]) -> T:
        async with some:
            return await call

    answers = await asyncio.gather(*(one(call) for call in calls), return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    return [answer for answer in answers if not isinstance(answer, BaseException)]


def _now() -> float:
    return asyncio.get_running_loop().time()
