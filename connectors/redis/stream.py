"""``type: redis-stream``: a Redis stream, read by a consumer group.

The server keeps how far the group has come and what each consumer was given; an entry leaves by XACK, as soon as it is done. Three rules:

1. What was given to us and is not in hand comes first: after a restart, and after a read whose answer was lost.
2. A consumer's entries are taken over only when it gave no sign of life for a lease. A live one keeps what it has in hand by a task of
its
   own, which counts as a sign, so a slow handler is never robbed.
3. What was never started goes to a consumer that nobody is, from whom everybody takes at once.

``Record``: id and position = entry id; partition and lane = the stream's key; arrived = the id's milliseconds; body = the value of
``data_field``, or all fields as a JSON object; key = the value of ``key_field``. metadata: ``stream``, ``fields`` (names and values in
turn, bytes, as stored), ``dataField`` (name, "" for none).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from connectors.contract import (
    Capabilities,
    Identity,
    Missing,
    Outcome,
    Reader,
    Record,
    Settlement,
    SourceError,
    Standing,
    Unsettled,
)
from connectors.redis.course import STARTS, Course
from connectors.redis.entries import Shape
from connectors.redis.group import Extent, Given, Group, groupless, order
from connectors.redis.holdings import Holdings
from connectors.redis.options import RedisOptions, resolve
from connectors.redis.seat import Seat
from connectors.redis.server import Server

MAX_FETCH = 10_000
GONE = (Outcome.DELIVERED, Outcome.FILTERED, Outcome.REJECTED)  # searched by identity: an outcome's hash is Python code


@dataclass(frozen=True, kw_only=True)
class RedisStreamOptions(RedisOptions):
    """One stream, and how it is read."""

    stream: str = field(metadata={"example": "orders"})
    """Key of the stream."""
    group: str = ""
    """Consumer group. Empty: the mapping's name. Nodes that share it share the work."""
    consumer: str = ""
    """What this node is called in the group; a second process of the host adds a number. Empty: the host's name."""
    create_stream: bool = False
    """Whether a stream that does not exist is made, empty. false: it is waited for, and said to be missing."""
    data_field: str = ""
    """Field whose value is the record's body, for filters and for envelopes other than redis-stream. Empty: all fields, as a JSON
    object."""
    key_field: str = ""
    """Field by whose value order is kept when parallelization_factor is above 1. Empty: parallelization_factor stays 1."""
    lease_seconds: float = field(default=60, metadata={"minimum": 1})
    """A consumer that gave no sign of life for so long is taken for dead, and others take over what it held. Kept up while a handler
    runs, so it may be shorter than the function's timeout; what it must outlast is an outage of the server, or a pause of this
    process."""
    consumer_retention_seconds: float = field(default=3600, metadata={"minimum": 1})
    """A consumer that holds nothing and gave no sign of life for so long is removed from the group."""
    delete_settled: bool = False
    """Whether entries are also removed from the stream (XDEL) once done with. Only for a stream that no other group reads."""


class RedisStreamSource:
    """One consumer of one group."""

    Options = RedisStreamOptions

    def __init__(self, options: RedisStreamOptions) -> None:
        target = resolve(options)
        self._options = options
        self._shape = Shape(options.stream, options.data_field, options.key_field)
        self._server = Server(target, options.stream, f"stream {options.stream}")
        self._place = repr((target.addresses, target.database, options.stream))
        self._reading: _Reading | None = None
        self._holding = False
        self._heard = asyncio.Event()
        self._keeping: asyncio.Task[None] | None = None

    @property
    def capabilities(self) -> Capabilities:
        """Those of a stream whose records are settled one by one."""
        return Capabilities(
            envelope="redis-stream",
            ordered=True,
            max_fetch=MAX_FETCH,
            default_batch_size=100,  # AWS's for Kinesis
            stream=True,
            prefix=False,
            starting_positions=STARTS,
            keyed=bool(self._options.key_field),
            timed=True,
        )

    def read_as(self, reader: Reader) -> None:
        """The group is called like the reader unless the options say otherwise."""
        options = self._options
        name = options.group or reader.name
        group = Group(self._server, options.stream, name)
        self._reading = _Reading(
            group=group,
            name=name,
            seat=Seat(options.consumer or socket.gethostname(), f"{self._place} {name}"),
            holdings=Holdings(group, lease=options.lease_seconds, retention=options.consumer_retention_seconds),
            course=Course(group, reader, options.stream, self._server.name, options.create_stream),
        )

    def hold(self, partitions: Collection[str]) -> None:
        """There is one partition: the stream. A fetch that waits is told."""
        self._holding = self._options.stream in partitions
        self._heard.set()

    async def seek(self, partition: str | None, to: str, timestamp: float | None) -> Mapping[str, str]:
        """Make the group anew there. What was pending is forgotten: it comes again where that lies behind, and is passed over else."""
        stream = self._options.stream
        if partition not in {None, stream}:
            raise SourceError(
                f"there is no partition {partition!r} of stream {stream}: it is one, and called like the stream"
            )
        await self._server.connect()
        try:
            return {stream: await self._read().course.seek(to, timestamp, self._options.lease_seconds)}
        finally:
            await self._server.close()

    async def open(self) -> Identity:
        """Connect, and see to it that the group exists."""
        await self.close()
        reading = self._read()
        await self._server.connect()
        try:
            await reading.course.ensure()
            consumer = reading.seat.take()
        except BaseException:
            await self.close()
            raise
        reading.holdings.begin(consumer)
        self._keeping = asyncio.create_task(
            reading.holdings.keep(), name=f"redis-stream {self._options.stream}: keep leases"
        )
        return Identity(
            arn=f"arn:pollerd:redis:::stream/{self._options.stream}",
            region="",
            label=f"stream {self._options.stream}, group {reading.name}, consumer {consumer}, {self._server.name}",
        )

    async def probe(self) -> Identity:
        """See that the key holds a stream; the group is neither asked for nor made."""
        stream, server = self._options.stream, self._server.name
        await self._server.connect()
        try:
            kind = await self._server.ask("TYPE", stream)
        finally:
            await self._server.close()
        if kind == b"none" and not self._options.create_stream:
            raise Missing(f"{server} has no stream {stream}; create_stream: true makes it")
        if kind not in {b"stream", b"none"}:
            raise Missing(f"{server} has no stream {stream}: the key holds a {kind.decode()}")
        label = f"stream {stream}, {server}"
        return Identity(arn=f"arn:pollerd:redis:::stream/{stream}", region="", label=label)

    async def fetch(self, room: int, wait_seconds: float) -> list[Record]:
        """What we were given before, then what others left behind, then what is new."""
        reading = self._read()
        limit = min(room, MAX_FETCH)
        try:
            await self._look(reading)
            if self._holding or limit < 1:
                await self._rest(wait_seconds if self._holding else 0)
                return []
            return await self._left(reading, limit) or await self._new(reading, limit, wait_seconds)
        except SourceError as error:
            if not groupless(error):
                raise
        await reading.course.ensure()
        await reading.course.tell()
        return []

    async def settle(self, settlements: Sequence[Settlement]) -> list[Unsettled]:
        """Acknowledge what is done with, pass on what was never started. The server takes all, whoever holds it by now."""
        reading = self._read()
        done = [s.record.id for s in settlements if s.outcome in GONE]
        await reading.group.acknowledge(done, delete=self._options.delete_settled)
        reading.holdings.drop(done)
        await reading.holdings.release([s.record.id for s in settlements if s.outcome is Outcome.RELEASED])
        return []

    async def backlog(self) -> int:
        """Entries that the group was not given; where the server cannot tell (before 7, or some were deleted), all that the stream has."""
        given, extent = await self._whole()
        lag = _lag(given, extent)
        return extent.length if lag is None else lag

    async def survey(self) -> Mapping[str, Standing]:
        """Of the group, whichever of its consumers an entry was given to."""
        given, extent = await self._whole()
        standing = Standing(
            committed=given.delivered, end=extent.generated, lag=_lag(given, extent), pending=given.pending
        )
        return {self._options.stream: standing}

    async def close(self) -> None:
        """What is in hand stays ours for what is left of its lease."""
        keeping, self._keeping = self._keeping, None
        if keeping is not None:
            keeping.cancel()
            await asyncio.wait([keeping])
        await self._server.close()
        if self._reading is not None:
            self._reading.seat.leave()

    async def _whole(self) -> tuple[Given, Extent]:
        """The group and the stream."""
        group = self._read().group
        given = await group.given()
        if given is None:
            raise Missing(f"{self._server.name} has no such group of stream {self._options.stream}")
        return given, await group.extent()

    async def _look(self, reading: _Reading) -> None:
        if self._keeping is not None and self._keeping.done():
            await self._keeping  # it ends by a defect of ours alone, which must not stay unseen
        if not reading.holdings.due_in():
            await reading.course.look()
            await reading.holdings.look()
        await reading.course.tell()

    async def _left(self, reading: _Reading, limit: int) -> list[Record]:
        try:
            taken = await reading.holdings.take_over(limit)
        except BaseException:
            reading.holdings.doubt()
            raise
        reading.course.trimmed(taken.lost)
        await reading.course.tell()
        return [self._shape.record(entry, deliveries) for entry, deliveries in taken.entries]

    async def _new(self, reading: _Reading, limit: int, wait_seconds: float) -> list[Record]:
        consumer = reading.seat.name
        try:
            entries = await reading.group.read(consumer, limit, min(wait_seconds, reading.holdings.due_in()))
        except BaseException:  # cancelled above all: entries may be on their way to us
            reading.holdings.doubt()
            raise
        if entries:
            reading.holdings.hold([id_ for id_, _ in entries])
            reading.course.passed(entries[-1][0])
        return [self._shape.record(entry, 1) for entry in entries]

    async def _rest(self, seconds: float) -> None:
        """Nothing may be read: wait until the engine says otherwise."""
        self._heard.clear()
        await self._server.ask("PING")  # a server that is away is still an error
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._heard.wait()

    def _read(self) -> _Reading:
        if self._reading is None:
            raise RuntimeError("a stream is told who reads it before it is opened")
        return self._reading


def _lag(given: Given, extent: Extent) -> int | None:
    """Entries that the group was not given; whatever the server counts: 7.0.15 counts what was deleted or trimmed unread for ever."""
    return 0 if order(given.delivered) >= order(extent.generated) else given.lag


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """A reader's group, and what there is to know of it. name: of the group."""

    group: Group
    name: str
    seat: Seat
    holdings: Holdings
    course: Course
