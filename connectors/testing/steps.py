"""Steps that many behaviours share, and the base of their classes."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

from connectors.contract import Outcome, Record, Settlement, Source, SourceError
from connectors.testing.rig import Message, QueueRig, Rig, StreamRig

T = TypeVar("T")

POLL_SECONDS = 1.0
"""One fetch while waiting for records: whole, since some sources know whole seconds only."""
LONG = 60.0
"""Seconds of a lease that does not end within a test."""
MARK = "marker "
"""How a message begins that only shows how far a stream has been read."""


class Contract(ABC):
    """What all behaviours need."""

    patience = 30.0
    """Seconds until what must happen counts as failed to happen."""
    short = 2.0
    """Seconds of a lease that a test waits out: long enough to fetch and settle a few records on a busy machine."""

    @abstractmethod
    def rig(self, lease_seconds: float) -> AbstractAsyncContextManager[Rig]:
        """Return a rig of its own for one test. lease_seconds: how a queue is to be made; ignored by a source without leases."""


@contextlib.asynccontextmanager
async def opened(rig: Rig) -> AsyncIterator[Source]:
    """A source of the rig, open for as long as the block runs."""
    source = rig.source()
    await source.open()
    try:
        yield source
    finally:
        await source.close()


async def receive(source: Source, count: int, patience: float) -> list[Record]:
    """Fetch until ``count`` records have come. Raises ``AssertionError`` when they do not within ``patience`` seconds."""
    limit = now() + patience
    records: list[Record] = []
    while len(records) < count:
        if now() > limit:
            raise AssertionError(f"{len(records)} of {count} records came within {patience} s")
        records += await source.fetch(count - len(records), POLL_SECONDS)
    return records


async def eventually(ask: Callable[[], Awaitable[T]], wanted: T, patience: float, what: str) -> None:
    """Ask until the answer is the wanted one. Raises ``AssertionError`` after ``patience`` seconds."""
    limit = now() + patience
    while (answer := await ask()) != wanted:
        if now() > limit:
            raise AssertionError(f"{what}: {answer!r}, not {wanted!r}, after {patience} s")
        await asyncio.sleep(0.05)


async def none_left(rig: Rig, patience: float) -> None:
    """Raise ``AssertionError`` when a record is left that was not settled. Streams: no source of the rig is open."""
    if isinstance(rig, QueueRig):
        await eventually(rig.count, 0, patience, "records left")
    elif isinstance(rig, StreamRig):
        expect(await unsettled(rig, patience), [], "records that come again")


async def unsettled(rig: StreamRig, patience: float, start: str = "", timestamp: float | None = None) -> list[str]:
    """What comes to the reader of a stream when it opens it anew; sorted, each text once. No source of the rig is open.

    start, timestamp: as in ``StreamRig.source``. Sends a marker into every partition and reads up to it, so that no pause decides what
    is missing.
    """
    markers = {f"{MARK}{uuid.uuid4()}" for _ in range(rig.partitions)}
    await rig.send([Message(marker, "marker", partition) for partition, marker in enumerate(sorted(markers))])
    seen: set[str] = set()
    limit = now() + patience
    source = rig.source(start, timestamp)
    await source.open()
    try:
        while not markers <= seen:
            require(now() < limit, f"{len(markers & seen)} of {len(markers)} partitions were read to their end")
            seen.update(rig.texts(await source.fetch(100, POLL_SECONDS)))
    finally:
        await source.close()
    return sorted(text for text in seen if not text.startswith(MARK))


def expect(actual: object, wanted: object, what: str) -> None:
    """Raise ``AssertionError`` unless they are equal."""
    if actual != wanted:
        raise AssertionError(f"{what}: {actual!r}, not {wanted!r}")


def require(condition: object, what: str) -> None:
    """Raise ``AssertionError`` unless it holds."""
    if not condition:
        raise AssertionError(what)


def now() -> float:
    """Seconds of the running loop, which may be virtual."""
    return asyncio.get_running_loop().time()


def numbered(count: int, lane: str | None = None) -> list[Message]:
    """Messages 0, 1, 2 ... of one lane."""
    return [Message(f"message {n}", lane) for n in range(count)]


def settled(records: Sequence[Record], outcome: Outcome = Outcome.DELIVERED) -> list[Settlement]:
    """The same outcome for each."""
    return [Settlement(record, outcome) for record in records]


def bodies(records: Sequence[Record]) -> list[str]:
    """Bodies as text, in the records' order."""
    return [record.body if isinstance(record.body, str) else record.body.decode() for record in records]


async def fails(call: Callable[[], Awaitable[object]], error: type[SourceError]) -> None:
    """Raise ``AssertionError`` unless the call raises this error."""
    try:
        answer = await call()
    except error:
        return
    raise AssertionError(f"{error.__name__} was due, but the answer was {answer!r}")


def spread(count: int, lanes: int = 1000) -> list[Message]:
    """Numbered messages, each in a lane of its own unless there are fewer; sources without lanes ignore them."""
    return [Message(f"message {n}", f"lane-{n % lanes}") for n in range(count)]


def tasks_since(before: set[asyncio.Task[object]]) -> Callable[[], Awaitable[int]]:
    """Something to ask how many tasks there are that were not there before."""

    async def count() -> int:
        return len(asyncio.all_tasks() - before)

    return count
