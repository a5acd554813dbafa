"""Reading a stream of shards: all of them at once, children after their parents, each from its own iterator.

Kinesis and DynamoDB Streams give the requests (``Shards``), this gives ``fetch`` and ``settle``. Three rules hold here:

1. A shard with records that wait to be handed out is not read; so what waits is bounded.
2. What one shard cannot do now (too many calls, an iterator that ran out) stops no other.
3. A position is saved when the record at it is settled; the end of a shard when all its records are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import TypeVar

from connectors.contract import Missing, Outcome, Reader, Record, Settlement, Throttled, Unreachable
from connectors.shards import lineage
from connectors.shards.positions import AT_TIMESTAMP, END, LATEST, TRIM_HORIZON, furthest, is_later, since
from connectors.shards.reading import Pace, ShardReading, Shards, TrimmedError

T = TypeVar("T")

READS_AT_ONCE = 8
"""Shards read together; also bounds what is read ahead, at 10 MB for each (Kinesis quotas, GetRecords)."""
PAGE = 1000
"""Records to ask a shard for at least, whatever room there is: a shard may be asked only a few times a second."""
LOOK_SECONDS = 60.0
"""How often shards are listed when none has ended meanwhile."""
LOOK_SOON_SECONDS = 5.0
"""How often while the children of one that has ended are not listed yet, or listing is asked for less often."""


class ShardWalk:
    """One open stream, read by one reader."""

    def __init__(self, service: Shards, reader: Reader, pace: Pace, largest_page: int) -> None:
        self._service = service
        self._reader = reader
        self._pace = pace
        self._largest_page = largest_page
        self._positions: dict[str, str] = {}
        self._reading: dict[str, ShardReading] = {}
        self._held: frozenset[str] = frozenset()
        self._told: set[str] = set()  # that they have ended
        self._look_at = 0.0
        self._changed = asyncio.Event()
        self._saving = asyncio.Lock()
        self._closed = False

    async def begin(self) -> None:
        """List shards and, where reading begins at LATEST, fix that place before anything else; what is fixed is saved."""
        self._positions = dict(self._reader.checkpoints.positions())
        self._tell(shard for shard, position in self._positions.items() if position == END)
        await self._look(self._reader.start)

    def hold(self, partitions: Collection[str]) -> None:
        """Neither read nor hand out these, until told otherwise."""
        self._held = frozenset(partitions)
        self._changed.set()

    @property
    def is_over(self) -> bool:
        """Whether all there is has been read and settled."""
        return not self._reading

    async def close(self) -> None:
        """A fetch under way ends with ``Unreachable``."""
        self._closed = True
        self._changed.set()

    async def fetch(self, room: int, wait_seconds: float) -> list[Record]:
        """Hand out what was read ahead, else read what is due, until something came or the wait is over."""
        until, told = _now() + wait_seconds, len(self._told)
        while True:
            self._changed.clear()
            await self._look_again()
            records = await self._next(room)
            self._tell(shard.id for shard in self._reading.values() if shard.is_read)
            if records or len(self._told) > told or room < 1 or _now() >= until:
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
            if known and settlement.outcome is not Outcome.RELEASED:
                done.setdefault(record.partition, []).append(record.handle)
        await self._save({shard: furthest(positions) for shard, positions in done.items()})

    async def _save(self, reached: Mapping[str, str]) -> None:
        """Save positions, forward only, and the end of shards that have come to it."""
        async with self._saving:  # one after the other, or an earlier position could be saved last
            forward = {
                shard: position for shard, position in reached.items() if is_later(position, self._positions.get(shard))
            }
            known = self._positions | forward
            ends = {shard.id: END for shard in self._reading.values() if shard.is_done(known.get(shard.id))}
            if forward or ends:
                await self._reader.checkpoints.save(forward | ends)
                self._positions |= forward | ends
        if ends:
            self._tell(ends)
            for shard in ends:
                self._reading.pop(shard, None)
            self._look_at = 0.0  # its children may be read now
            self._changed.set()

    async def _look_again(self) -> None:
        """List shards when it is time to; those that are being read do not wait for it."""
        if _now() < self._look_at:
            return
        try:
            await self._look()
        except Throttled:
            if not self._reading:
                raise
            self._look_at = _now() + LOOK_SOON_SECONDS

    async def _look(self, start: str = "") -> None:
        """List shards, begin what may be read now, and forget what is gone. start: of the reader, when nothing has been read yet."""
        listed, moment = await self._service.listed()
        iterators = await self._fix_latest(lineage.beginning(listed, self._positions, start), moment)
        for gone in lineage.forgotten(listed, [*self._positions, *self._reading]):
            await self._forget(gone)
        for shard in lineage.readable(listed, self._positions):
            if shard not in self._reading:
                self._reading[shard] = ShardReading(
                    shard,
                    self._positions.get(shard) or self._first_position(),
                    iterators.get(shard, ""),
                    pace=self._pace,
                    trimmed=partial(self._trimmed, shard),
                )
        soon = lineage.expects_children(listed, self._positions)
        self._look_at = _now() + (LOOK_SOON_SECONDS if soon else LOOK_SECONDS)

    def _first_position(self) -> str:
        """Where a shard begins of which nobody knows better: its whole content is new unless a moment was named."""
        if self._reader.start == AT_TIMESTAMP and self._reader.timestamp is not None:
            return since(self._reader.timestamp)
        return TRIM_HORIZON

    async def _fix_latest(self, first: Sequence[str], moment: float) -> dict[str, str]:
        """Iterators of the shards that begin at LATEST. Their moment is saved too, for when an iterator is lost before a record came."""
        found = await _together([partial(self._service.iterator, shard, LATEST) for shard in first])
        if first:
            fixed = dict.fromkeys(first, since(moment))
            await self._reader.checkpoints.save(fixed)
            self._positions |= fixed
        return dict(zip(first, found, strict=True))

    def _tell(self, ended: Iterable[str]) -> None:
        """The reader, once of each."""
        new = [shard for shard in ended if shard not in self._told]
        self._told.update(new)
        for shard in new:
            self._reader.ended(shard)

    async def _forget(self, shard: str) -> None:
        """A shard that is no longer listed has outlived its records."""
        if self._positions.get(shard) == END:
            why = "the shard was read to its end, and the stream no longer lists it"
        else:
            why = "the stream no longer lists the shard: what was not read of it by then is gone"
        await self._reader.checkpoints.move(shard, None, why)
        self._positions.pop(shard, None)
        self._reading.pop(shard, None)

    async def _next(self, room: int) -> list[Record]:
        """What can be handed out by now."""
        return self._take(room) or await self._read(room)

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
        """Read what is due until something can be handed out."""
        if room < 1:
            return []
        due = self._due()
        limit = min(self._largest_page, max(PAGE, room))
        for first in range(0, len(due), READS_AT_ONCE):
            await _together([partial(self._read_one, shard, limit) for shard in due[first : first + READS_AT_ONCE]])
            await self._save({})  # of empty shards that have ended
            if records := self._take(room):
                return records
        self._complain()
        return []

    async def _read_one(self, shard: ShardReading, limit: int) -> None:
        try:
            await shard.read(self._service, limit)
        except Missing:  # the shard, or the whole stream: listing tells
            shard.postpone()
            self._look_at = 0.0

    async def _trimmed(self, shard: str, position: str, error: TrimmedError) -> str:
        why = f"the records behind {position} are gone ({error}): reading goes on with the oldest there are"
        await self._reader.checkpoints.move(shard, TRIM_HORIZON, why)
        self._positions[shard] = TRIM_HORIZON
        return TRIM_HORIZON

    def _free(self) -> list[ShardReading]:
        """Shards that may be read as soon as they are due."""
        return [shard for shard in self._reading.values() if not (shard.ended or shard.ahead or shard.id in self._held)]

    def _due(self) -> list[ShardReading]:
        """Those of them that are due, who waits the longest first."""
        return sorted((shard for shard in self._free() if shard.due <= _now()), key=lambda shard: shard.due)

    def _complain(self) -> None:
        """Raise ``Throttled`` when no shard can be read for now: the engine waits, and tells."""
        free = self._free()
        if free and all(shard.throttled for shard in free):
            raise Throttled(free[0].throttled, retry_after=max(0.0, min(shard.due for shard in free) - _now()))

    async def _sleep(self, until: float) -> None:
        """Until a shard is due, shards are to be listed, or something has changed."""
        next_due = min((shard.due for shard in self._free()), default=until)
        try:
            async with asyncio.timeout_at(min(until, next_due, self._look_at)):
                await self._changed.wait()
        except TimeoutError:
            pass


async def _together(calls: Sequence[Callable[[], Awaitable[T]]]) -> list[T]:
    """Make all calls, some at a time; their answers in order. Raises the first error, once all have ended."""
    some = asyncio.Semaphore(READS_AT_ONCE)

    async def one(call: Callable[[], Awaitable[T]]) -> T:
        async with some:
            return await call()

    answers = await asyncio.gather(*(one(call) for call in calls), return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    return [answer for answer in answers if not isinstance(answer, BaseException)]


def _now() -> float:
    return asyncio.get_running_loop().time()
