"""What a connector's author writes for the kit: the rig, one queue or stream as its producer sees it."""

from __future__ import annotations

import asyncio
import time
import uuid
import zlib
from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from connectors.contract import Reader, Record, Source, Stream
from connectors.testing.checkpoints import MemoryCheckpoints


class StreamSource(Source, Stream, Protocol):
    """A source whose capabilities say ``stream``."""


@dataclass(frozen=True)
class Message:
    """What the rig is to send.

    lane: order is kept within it. Streams: the key of the record, where its records have one. partition: streams: number of the rig's
    partition, from 0 on, where it has a choice; None: all messages of a lane in the same one, lanes spread over all.
    """

    body: str
    lane: str | None = None
    partition: int | None = None


class Rig(ABC):
    """One queue or stream, empty at first and nobody else's, seen from its producer's side."""

    @abstractmethod
    def source(self) -> Source:
        """Return a new source over it, not yet open. Called several times: each is another consumer of the same group."""

    @abstractmethod
    async def send(self, messages: Sequence[Message]) -> None:
        """Append messages, in this order. Bodies are unique. Returns when the server has them."""

    def text(self, record: Record) -> str:
        """Return what was sent as the body of a record's message."""
        return record.body if isinstance(record.body, str) else record.body.decode()

    def texts(self, records: Sequence[Record]) -> list[str]:
        """In the records' order."""
        return [self.text(record) for record in records]


class QueueRig(Rig):
    """One queue."""

    @abstractmethod
    async def count(self) -> int:
        """Messages in the queue, leased ones included; may lag behind."""


class StreamRig(Rig):
    """One stream, whose partitions stay as they are for as long as the rig lives."""

    partitions = 3
    """How many there are; behaviours that need two are skipped for a stream that never has more than one."""
    tick_seconds = 0.1
    """Moments that lie so far apart are different ones to the server: AT_TIMESTAMP is tested with it."""

    def __init__(self) -> None:
        self.name = f"reader-{uuid.uuid4().hex}"
        self.checkpoints = MemoryCheckpoints()
        self.revoked: list[str] = []
        """Partitions that sources have given up while open."""

    @abstractmethod
    def stream(self) -> StreamSource:
        """Return a new source over the stream that does not know yet who reads."""

    def source(self, start: str = "", timestamp: float | None = None) -> StreamSource:
        """Return one for the same reader each time, as after a restart. start: "": the earliest the source knows."""
        source = self.stream()
        known = source.capabilities.starting_positions
        source.read_as(self.reader(start or ("TRIM_HORIZON" if "TRIM_HORIZON" in known else known[0]), timestamp))
        return source

    def reader(self, start: str = "TRIM_HORIZON", timestamp: float | None = None) -> Reader:
        """Return who reads: the same name and checkpoints each time."""
        return Reader(self.name, start, timestamp, self.checkpoints, self._revoke)

    def place(self, message: Message) -> int:
        """Return the number of the partition that a message belongs into."""
        if message.partition is not None:
            return message.partition % self.partitions
        return zlib.crc32((message.lane or "").encode()) % self.partitions

    async def moment(self) -> float:
        """Epoch seconds, after all that was sent and before all that will be."""
        began = time.time()
        while time.time() < began + self.tick_seconds:  # noqa: ASYNC110 - nothing else happens meanwhile
            await asyncio.sleep(0.01)  # again and again: the loop's time may be virtual, the server's is not
        return began + self.tick_seconds / 2

    async def _revoke(self, partitions: Collection[str]) -> None:
        self.revoked += partitions


class Breakable(Rig):
    """A rig that can begin and end an outage between source and server; its own verbs work all the same."""

    @abstractmethod
    async def cut(self) -> None:
        """Break the connections there are, and refuse new ones."""

    @abstractmethod
    async def mend(self) -> None:
        """End the outage. What was in the queue or stream is still there."""
