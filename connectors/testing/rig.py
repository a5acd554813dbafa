"""What the behaviours work with: the rig that a connector's author writes, and a few steps that many tests share."""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from connectors.contract import Outcome, Record, Settlement, Source

T = TypeVar("T")

POLL_SECONDS = 1.0
"""One fetch while waiting for records: whole, since some sources know whole seconds only."""


@dataclass(frozen=True)
class Message:
    """What the rig is to send."""

    body: str
    lane: str | None = None


class Rig(ABC):
    """One queue, empty at first and nobody else's, seen from its producer's side."""

    @abstractmethod
    def source(self) -> Source:
        """Return a new source over the queue, not yet open. Called several times: each is another consumer of the same group."""

    @abstractmethod
    async def send(self, messages: Sequence[Message]) -> None:
        """Append messages, in this order. Bodies are unique. Returns when the queue has them."""

    @abstractmethod
    async def count(self) -> int:
        """Messages in the queue, leased ones included; may lag behind."""


class Breakable(Rig):
    """A rig that can begin and end an outage between source and server; ``send`` and ``count`` work all the same."""

    @abstractmethod
    async def cut(self) -> None:
        """Break the connections there are, and refuse new ones."""

    @abstractmethod
    async def mend(self) -> None:
        """End the outage. What was in the queue is still there."""


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
