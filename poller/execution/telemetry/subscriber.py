"""One subscriber: what it is told waits in its buffer, and a task of its own delivers it. Telling never waits."""

from __future__ import annotations

import asyncio
import time

from poller.aio.backoff import Backoff
from poller.execution.telemetry.buffer import Buffer
from poller.execution.telemetry.delivery import Delivery, Dial, Rejected
from poller.execution.telemetry.facts import Fact, LogsDropped
from poller.execution.telemetry.records import category, events
from poller.execution.telemetry.subscription import Subscription

RETRIES = Backoff(first=0.1, cap=5.0)
"""Between attempts at one payload. Ours: the service's schedule is not published."""
REJECTIONS = 5
"""After so many answers other than 2xx a payload is dropped and counted: it would block all that come after it."""
ANSWER_SECONDS = 10.0
"""For one attempt."""
TOO_SLOW = "The subscriber takes records slower than they come"


class Subscriber:
    """Delivers to one extension until it is closed."""

    def __init__(self, name: str, subscription: Subscription, dial: Dial) -> None:
        self.name = name
        self.subscription = subscription
        self._buffer = Buffer(subscription)
        self._delivery = Delivery(subscription.destination, dial)
        self._told = asyncio.Event()
        self._drained = asyncio.Event()
        self._drained.set()
        self._flush = False
        self._task = asyncio.get_running_loop().create_task(self._run(), name=f"telemetry to {name}")

    def tell(self, fact: Fact, at: float) -> None:
        """Keep a fact for delivery, if it is wanted. at: seconds since the epoch."""
        if category(fact) not in self.subscription.types:
            return
        now = asyncio.get_running_loop().time()
        first = not self._buffer
        for event in events(fact, at, self.subscription.schema):
            self._buffer.add(event, now)
        if self._buffer:
            self._drained.clear()
        if first or self._buffer.due() == 0.0:  # else the task sleeps on: what it waits for has not changed
            self._told.set()

    def flush(self) -> None:
        """Deliver what waits without waiting for more."""
        self._flush = bool(self._buffer)
        self._told.set()

    async def drain(self) -> None:
        """Flush, and wait until all has been delivered."""
        self.flush()
        await self._drained.wait()

    async def close(self) -> None:
        """Deliver no more."""
        self._task.cancel()
        await asyncio.wait({self._task})
        self._delivery.close()

    async def _run(self) -> None:
        while True:
            await self._until_due()
            await self._deliver(self._buffer.take())
            self._report_loss()
            if not self._buffer:
                self._flush = False
                self._drained.set()

    async def _until_due(self) -> None:
        loop = asyncio.get_running_loop()
        while (due := self._buffer.due()) is None or (due > loop.time() and not self._flush):
            self._told.clear()
            try:
                async with asyncio.timeout_at(due):
                    await self._told.wait()
            except TimeoutError:
                return

    async def _deliver(self, payload: list[bytes]) -> None:
        """Try until it has arrived."""
        failures = rejections = 0
        while True:
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    await self._delivery.send(payload)
            except Rejected:
                rejections += 1
                if rejections == REJECTIONS:
                    self._buffer.loss.add(len(payload), sum(map(len, payload)))
                    return
            except OSError:  # TimeoutError is one
                pass
            else:
                return
            failures += 1
            await asyncio.sleep(RETRIES.delay(failures))

    def _report_loss(self) -> None:
        if loss := self._buffer.take_loss():
            self.tell(LogsDropped(dropped_bytes=loss.size, dropped_records=loss.records, reason=TOO_SLOW), time.time())
