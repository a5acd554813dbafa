"""Queues inside the daemon's own process: the connector to read first, and one for tests and demonstrations.

What is sent is gone when the process ends. Records behave like those of SQS: leased when received, back when the lease ends, to a
dead-letter queue when received too often; in lanes when ``ordered``, and then a lane with records in flight gives out no more. They
also look like those of SQS (``Record.metadata`` is a message as ReceiveMessage returns it), so that the sqs envelope fits them.

    >>> queue("orders").send('{"status": "paid"}')

Time is the running event loop's. Not for use from several threads.
"""

from __future__ import annotations

import asyncio
import hashlib
import heapq
import itertools
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.contract import (
    Capabilities,
    Identity,
    OptionsError,
    Outcome,
    Record,
    Settlement,
    Unreachable,
    Unsettled,
)
from connectors.memory.server import MemoryServer

MAX_FETCH = 10


@dataclass(frozen=True, kw_only=True)
class MemoryOptions:
    """One queue, and how it is read. Whoever names it first makes it."""

    queue: str = field(metadata={"example": "orders"})
    """Name of the queue."""
    ordered: bool = False
    """Whether records of one lane come in order, one batch of them at a time."""
    lease_seconds: float = field(default=30, metadata={"minimum": 0.001})
    """Seconds until a record that was received and not settled comes again; SQS's default."""
    maximum_receives: int = field(default=0, metadata={"minimum": 0})
    """A record received so often moves to dead_letter_queue instead of being received again. 0: never."""
    dead_letter_queue: str = ""
    """Name of the queue for records received too often."""


@dataclass(slots=True, eq=False)
class _Message:
    """One message. number: its place in the queue. due: loop time when its lease ends; 0 while it waits."""

    number: int
    id: str
    body: str
    lane: str | None
    attributes: dict[str, str]
    receives: int = 0
    due: float = 0.0

    def __lt__(self, other: _Message) -> bool:
        return self.number < other.number


class MemoryQueue(MemoryServer):
    """The messages of one name, oldest first."""

    def __init__(self) -> None:
        super().__init__()
        self._numbers = itertools.count(1)
        self._waiting: list[_Message] = []  # a heap: what comes back takes its old place
        self._leased: dict[object, _Message] = {}  # by the handle of the last receive

    def __len__(self) -> int:
        """Messages waiting and leased."""
        return len(self._waiting) + len(self._leased)

    def send(self, body: str, lane: str | None = None) -> str:
        """Append a message; returns its id."""
        now = str(time.time_ns() // 1_000_000)
        attributes = {"SenderId": "pollerd", "SentTimestamp": now, "ApproximateFirstReceiveTimestamp": ""}
        if lane is not None:
            attributes["MessageGroupId"] = lane
        message = _Message(0, str(uuid.uuid4()), body, lane, attributes)
        self._append(message)
        return message.id

    def receive(self, limit: int, options: MemoryOptions, now: float) -> list[Record]:
        """Lease up to ``limit`` messages, oldest first. now: loop time."""
        self.end_leases(now)
        locked = {message.lane for message in self._leased.values()} - {None} if options.ordered else set()
        taken: list[Record] = []
        passed: list[_Message] = []
        while self._waiting and len(taken) < limit:
            message = heapq.heappop(self._waiting)
            if message.lane in locked:
                passed.append(message)
            elif options.dead_letter_queue and message.receives >= options.maximum_receives:
                queue(options.dead_letter_queue)._append(message)  # noqa: SLF001 - of the same class
            else:
                taken.append(self._lease(message, options, now))
        for message in passed:
            heapq.heappush(self._waiting, message)
        return taken

    def delete(self, handle: object) -> bool:
        """Remove a leased message. False: the lease is over."""
        removed = self._leased.pop(handle, None) is not None
        self.wake()  # its lane may be free now
        return removed

    def lease_until(self, handle: object, due: float) -> bool:
        """Move the end of a lease; a time that has passed gives the message back. False: the lease is over already."""
        message = self._leased.get(handle)
        if message is None:
            return False
        message.due = due
        self.wake()
        return True

    def waiting(self, now: float) -> int:
        """Messages that are not leased."""
        self.end_leases(now)
        return len(self._waiting)

    def end_leases(self, now: float) -> None:
        """Give back messages whose lease is over."""
        for handle, message in [item for item in self._leased.items() if item[1].due <= now]:
            del self._leased[handle]
            heapq.heappush(self._waiting, message)

    def next_due(self) -> float:
        """Loop time when the next lease ends; infinity without leases."""
        return min((message.due for message in self._leased.values()), default=float("inf"))

    def _append(self, message: _Message) -> None:
        message.number = next(self._numbers)
        heapq.heappush(self._waiting, message)
        self.wake()

    def _lease(self, message: _Message, options: MemoryOptions, now: float) -> Record:
        message.receives += 1
        message.due = now + options.lease_seconds
        handle = str(uuid.uuid4())
        self._leased[handle] = message
        if message.receives == 1:
            message.attributes["ApproximateFirstReceiveTimestamp"] = str(time.time_ns() // 1_000_000)
        return Record(
            id=message.id,
            body=message.body,
            lane=message.lane if options.ordered else None,
            metadata=_as_sqs(message, handle),
            handle=handle,
            receive_count=message.receives,
        )


_queues: dict[str, MemoryQueue] = {}


def queue(name: str) -> MemoryQueue:
    """Return this process's queue of that name, made when it is first asked for."""
    return _queues.setdefault(name, MemoryQueue())


class MemorySource:
    """A view of one queue."""

    Options = MemoryOptions

    def __init__(self, options: MemoryOptions) -> None:
        if bool(options.maximum_receives) != bool(options.dead_letter_queue):
            raise OptionsError("dead_letter_queue", "dead_letter_queue and maximum_receives go together")
        self._options = options
        self._queue = queue(options.queue)
        self._open = False

    @property
    def capabilities(self) -> Capabilities:
        """Those of SQS, without its limits on ordered queues."""
        return Capabilities(envelope="sqs", ordered=self._options.ordered, parallel_fetches=1000, max_fetch=MAX_FETCH)

    async def open(self) -> Identity:
        """There is nothing to connect to."""
        if not self._queue.reachable:
            raise Unreachable(f"queue {self._options.queue} is cut off")
        self._open = True
        return Identity(
            arn=f"arn:pollerd:memory:::{self._options.queue}",
            region="",
            label=f"queue {self._options.queue} in memory",
            lease_seconds=self._options.lease_seconds,
        )

    async def fetch(self, room: int, wait_seconds: float) -> list[Record]:
        """Look; when there is nothing, wait for a message or the end of a lease, and look again."""
        until = _now() + wait_seconds
        while True:
            self._check()
            records = self._queue.receive(min(room, MAX_FETCH), self._options, _now())
            if records or _now() >= until:
                return records
            await self._queue.changed(min(until, self._queue.next_due()))

    async def settle(self, settlements: Sequence[Settlement]) -> list[Unsettled]:
        """Delete what is done with, give back what was never started, leave failed ones to the end of their lease."""
        self._check()
        self._queue.end_leases(_now())  # over is over, received again or not
        lost = [settlement for settlement in settlements if not self._settle(settlement)]
        return [Unsettled(settlement, "the lease has run out", retry=False) for settlement in lost]

    async def extend(self, records: Sequence[Record], seconds: float) -> list[Record]:
        """Move the end of the leases."""
        self._check()
        self._queue.end_leases(_now())
        due = _now() + seconds
        return [record for record in records if not self._queue.lease_until(record.handle, due)]

    async def backlog(self) -> int:
        """Messages that are not leased."""
        self._check()
        return self._queue.waiting(_now())

    async def close(self) -> None:
        """Fetches under way end with ``Unreachable``."""
        self._open = False
        self._queue.wake()

    def _settle(self, settlement: Settlement) -> bool:
        match settlement.outcome:
            case Outcome.DELIVERED | Outcome.FILTERED | Outcome.REJECTED:
                return self._queue.delete(settlement.record.handle)
            case Outcome.RELEASED:
                return self._queue.lease_until(settlement.record.handle, _now())
            case Outcome.RETRY:
                return True

    def _check(self) -> None:
        if not (self._open and self._queue.reachable):
            raise Unreachable(f"queue {self._options.queue} is {'cut off' if self._open else 'not open'}")


def _now() -> float:
    return asyncio.get_running_loop().time()


def _as_sqs(message: _Message, handle: str) -> dict[str, Any]:
    return {
        "MessageId": message.id,
        "ReceiptHandle": handle,
        "MD5OfBody": hashlib.md5(message.body.encode(), usedforsecurity=False).hexdigest(),
        "Body": message.body,
        "Attributes": {**message.attributes, "ApproximateReceiveCount": str(message.receives)},
    }
