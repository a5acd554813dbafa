"""Streams inside the daemon's own process: the stream connector to read first, and one for tests and demonstrations.

What is sent is gone when the process ends. A stream has partitions; a record goes to one by its key, gets the next position there and stays
until it is trimmed, however often it is read. Partitions split and merge as Kinesis shards do: a parent takes no more records, and its
children are read when all of its own are settled. Records look like those of Kinesis (``Record.metadata``), so that the kinesis envelope
fits them.

    >>> stream("clicks").send("home", key="visitor 7")

How far a reader is, is one position a partition, kept by the engine (``prefix``), or with ``prefix: false`` the records that it has taken
and not settled, kept here: those come first when it opens again. Not for use from several threads.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from bisect import bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from zlib import crc32

from connectors.contract import (
    Capabilities,
    Identity,
    Outcome,
    Reader,
    Record,
    Settlement,
    Standing,
    Unreachable,
    Unsettled,
)
from connectors.memory.server import MemoryServer

MAX_FETCH = 10_000
STARTS = ("TRIM_HORIZON", "LATEST", "AT_TIMESTAMP")


@dataclass(frozen=True, kw_only=True)
class MemoryStreamOptions:
    """One stream, and how it is read. Whoever names it first makes it, with one partition."""

    stream: str = field(metadata={"example": "clicks"})
    """Name of the stream."""
    prefix: bool = True
    """Whether one position says how far a partition is; if not, each record is settled by itself."""


@dataclass(slots=True, eq=False)
class _Entry:
    """One record at its place. number: its position; those of a partition grow."""

    number: int
    body: bytes
    key: str | None
    arrived: float


@dataclass(slots=True, eq=False)
class _Partition:
    """Records, oldest first. parents: read before it. open: takes records. trimmed: the last number that is gone; last: that was given."""

    name: str
    parents: tuple[str, ...] = ()
    open: bool = True
    entries: list[_Entry] = field(default_factory=list)
    trimmed: int = 0
    last: int = 0

    def after(self, number: int) -> int:
        """Index of the first entry behind a position."""
        return bisect_right(self.entries, number, key=lambda entry: entry.number)

    def begin(self, start: str, timestamp: float | None) -> int:
        """The position behind which a reader begins that has none."""
        if start == "LATEST":
            return self.last
        if start == "AT_TIMESTAMP":
            return next((e.number - 1 for e in self.entries if e.arrived >= (timestamp or 0.0)), self.last)
        return 0


@dataclass(slots=True)
class _Group:
    """What the stream knows of one reader that settles records by themselves. taken: until where; pending: taken and not settled."""

    taken: dict[str, int] = field(default_factory=dict)
    pending: dict[str, dict[int, _Entry]] = field(default_factory=dict)


class MemoryStream(MemoryServer):
    """The partitions of one name."""

    def __init__(self, partitions: int = 1) -> None:
        super().__init__()
        self._numbers = itertools.count(1)
        self._names = itertools.count()
        self._partitions: dict[str, _Partition] = {}
        self.groups: dict[str, _Group] = {}
        """Reader's name -> what it has taken."""
        for _ in range(partitions):
            self._add()

    @property
    def partitions(self) -> list[str]:
        """Names of all partitions, parents before children."""
        return list(self._partitions)

    def __getitem__(self, name: str) -> _Partition:
        return self._partitions[name]

    def send(
        self, body: str | bytes, key: str | None = None, *, partition: str = "", arrived: float | None = None
    ) -> str:
        """Append a record, to the partition named or to one by its key; returns its position. arrived: epoch seconds; None: now."""
        home = self._partitions[partition] if partition else self._by_key(key)
        if not home.open:
            raise ValueError(f"partition {home.name} takes no more records")
        number = home.last = next(self._numbers)
        data = body if isinstance(body, bytes) else body.encode()
        home.entries.append(_Entry(number, data, key, time.time() if arrived is None else arrived))
        self.wake()
        return str(number)

    def trim(self, partition: str, count: int) -> None:
        """The oldest so many records are gone, read or not."""
        home = self._partitions[partition]
        gone, home.entries = home.entries[:count], home.entries[count:]
        home.trimmed = gone[-1].number if gone else home.trimmed

    def split(self, partition: str) -> tuple[str, str]:
        """Two partitions take the records that this one would have taken."""
        self._partitions[partition].open = False
        return self._add(partition), self._add(partition)

    def merge(self, one: str, other: str) -> str:
        """One partition takes the records of two."""
        self._partitions[one].open = self._partitions[other].open = False
        return self._add(one, other)

    def _add(self, *parents: str) -> str:
        name = f"partition-{next(self._names):04}"
        self._partitions[name] = _Partition(name, parents)
        self.wake()
        return name

    def _by_key(self, key: str | None) -> _Partition:
        takers = [partition for partition in self._partitions.values() if partition.open]
        return takers[crc32((key or "").encode()) % len(takers)]


_streams: dict[str, MemoryStream] = {}


def stream(name: str, partitions: int = 1) -> MemoryStream:
    """Return this process's stream of that name, made with so many partitions when it is first asked for."""
    return _streams.setdefault(name, MemoryStream(partitions))


class MemoryStreamSource:
    """One reader of one stream."""

    Options = MemoryStreamOptions

    def __init__(self, options: MemoryStreamOptions) -> None:
        self._options = options
        self._stream = stream(options.stream)
        self._reader: Reader
        self._held: frozenset[str] = frozenset()
        self._away: set[str] = set()  # given up to others
        self._read: dict[str, int] = {}  # until where, of partitions that are open
        self._done: dict[str, int] = {}  # until where it is settled
        self._again: dict[str, list[_Entry]] = {}  # pending from before, not read since
        self._told: set[str] = set()  # that they have ended, since it was opened
        self._first = 0
        self._open = False

    @property
    def capabilities(self) -> Capabilities:
        """All that a stream can do."""
        return Capabilities(
            envelope="kinesis",
            ordered=True,
            max_fetch=MAX_FETCH,
            default_batch_size=100,
            stream=True,
            prefix=self._options.prefix,
            starting_positions=STARTS,
            keyed=True,
            timed=True,
        )

    def read_as(self, reader: Reader) -> None:
        """Who reads."""
        self._reader = reader

    def hold(self, partitions: Collection[str]) -> None:
        """These have no room."""
        self._held = frozenset(partitions)

    async def open(self) -> Identity:
        """Find out how far reading has come. Partitions of which nobody knows begin where the reader says, and that is kept."""
        if not self._stream.reachable:
            raise Unreachable(f"stream {self._options.stream} is cut off")
        known = self._known()
        roots = [name for name in self._stream.partitions if not self._stream[name].parents]
        begun = {
            name: self._stream[name].begin(self._reader.start, self._reader.timestamp)
            for name in roots
            if name not in known
        }
        if self._options.prefix and begun:
            await self._reader.checkpoints.save({name: str(number) for name, number in begun.items()})
        self._done = known | begun
        self._read = {}
        self._told = set()
        if not self._options.prefix:
            self._group.taken |= begun
            self._again = {name: list(entries.values()) for name, entries in self._group.pending.items() if entries}
        self._open = True
        label = f"stream {self._options.stream} in memory"
        return Identity(arn=f"arn:pollerd:memory:::stream/{self._options.stream}", region="", label=label)

    async def fetch(self, room: int, wait_seconds: float) -> list[Record]:
        """Look; when there is nothing, wait for a change and look again. Partitions take turns at being first."""
        until = asyncio.get_running_loop().time() + wait_seconds
        while True:
            self._check()
            records: list[Record] = []
            for name in self._readable():
                records += await self._next(name, min(room, MAX_FETCH) - len(records))
            told = self._tell_ends()
            if records or told or not await self._stream.changed(until):
                return records

    async def settle(self, settlements: Sequence[Settlement]) -> list[Unsettled]:
        """With positions: each partition is as far as the last one. Without: what is done with is pending no more."""
        self._check()
        done = [each.record for each in settlements if each.outcome is not Outcome.RELEASED]
        positions = {record.partition: record.position for record in done}
        if self._options.prefix:
            ahead = {name: int(text) for name, text in positions.items() if int(text) > self._done.get(name, 0)}
            await self._reader.checkpoints.save({name: str(number) for name, number in ahead.items()})
            self._done |= ahead
        for record in done if not self._options.prefix else ():
            self._group.pending.get(record.partition, {}).pop(int(record.position), None)
        self._stream.wake()  # children may be next
        return []

    async def survey(self) -> dict[str, Standing]:
        """Where positions are kept they say what is done, else what was given out."""
        self._check()
        group, places = self._group, self._done if self._options.prefix else self._group.taken
        return {
            name: Standing(
                committed=str(place),
                end=str(self._stream[name].last),
                lag=len(self._stream[name].entries) - self._stream[name].after(place),
                pending=None if self._options.prefix else len(group.pending.get(name, ())),
            )
            for name, place in places.items()
            if name not in self._away
        }

    async def close(self) -> None:
        """Fetches under way end with ``Unreachable``."""
        self._open = False
        self._stream.wake()

    async def give_up(self, *partitions: str) -> None:
        """As when a group of readers is rebalanced: others read these from now on."""
        self._away.update(partitions)
        await self._reader.revoke(partitions)
        for name in partitions:
            self._read.pop(name, None)

    def take_back(self, *partitions: str) -> None:
        """They are ours again, from what was settled on."""
        self._away.difference_update(partitions)
        self._done |= {name: number for name, number in self._known().items() if name in partitions}
        self._again |= {
            name: list(entries.values()) for name, entries in self._group.pending.items() if name in partitions
        }
        self._stream.wake()

    @property
    def _group(self) -> _Group:
        return self._stream.groups.setdefault(self._reader.name, _Group())

    def _known(self) -> dict[str, int]:
        if not self._options.prefix:
            return dict(self._group.taken)
        return {name: self._place(name, at) for name, at in self._reader.checkpoints.positions().items()}

    def _place(self, name: str, position: str) -> int:
        """A checkpoint's number; that of a starting position, where an operator has sent the partition."""
        if position.isdecimal():
            return int(position)
        start, _, moment = position.partition(" ")
        return self._stream[name].begin(start, float(moment or 0.0))

    def _readable(self) -> list[str]:
        """Partitions whose parents are settled, and that are neither on hold nor away; another one first each time."""
        names = self._stream.partitions
        self._first = (self._first + 1) % len(names)
        return [
            name
            for name in names[self._first :] + names[: self._first]
            if name not in self._held | self._away
            and all(self._finished(parent) for parent in self._stream[name].parents)
        ]

    def _tell_ends(self) -> bool:
        """Of partitions that take no more records and are handed out whole; whether there was any to tell of."""
        ended = [name for name in self._stream.partitions if name not in self._told and self._is_read(name)]
        self._told.update(ended)
        for name in ended:
            self._reader.ended(name)
        return bool(ended)

    def _is_read(self, name: str) -> bool:
        home = self._stream[name]
        read = self._read.get(name, self._done.get(name, 0))
        return not home.open and max(read, home.trimmed) >= home.last and not self._again.get(name)

    def _finished(self, name: str) -> bool:
        """Whether nothing of a parent is left to settle."""
        home = self._stream[name]
        done = self._done.get(name, 0) if self._options.prefix else self._group.taken.get(name, 0)
        pending = not self._options.prefix and self._group.pending.get(name)
        return max(done, home.trimmed) >= home.last and not pending and all(map(self._finished, home.parents))

    async def _next(self, name: str, room: int) -> list[Record]:
        """What is behind the last one read, at most so many."""
        if again := self._again.pop(name, []):
            if again[room:]:
                self._again[name] = again[room:]
            return [self._record(name, entry) for entry in again[:room]]
        home, read = self._stream[name], self._read.get(name)
        if read is None:
            read = self._done.get(name, 0)
        if self._options.prefix and 0 < read < home.trimmed:
            why = f"records until {home.trimmed} are trimmed"
            await self._reader.checkpoints.move(name, str(home.trimmed), why)
        begin = home.after(read)
        entries = home.entries[begin : begin + max(0, room)]
        self._read[name] = entries[-1].number if entries else max(read, home.trimmed)
        if not self._options.prefix and entries:
            self._group.taken[name] = entries[-1].number
            self._group.pending.setdefault(name, {}).update({entry.number: entry for entry in entries})
        return [self._record(name, entry) for entry in entries]

    def _record(self, name: str, entry: _Entry) -> Record:
        return Record(
            id=str(entry.number),
            body=entry.body,
            lane=name,
            metadata={"SequenceNumber": str(entry.number), "PartitionKey": entry.key},
            partition=name,
            position=str(entry.number),
            key=entry.key,
            arrived=entry.arrived,
        )

    def _check(self) -> None:
        if not (self._open and self._stream.reachable):
            raise Unreachable(f"stream {self._options.stream} is {'cut off' if self._open else 'not open'}")
