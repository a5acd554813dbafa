"""What functions log, on its way elsewhere: facts in, batches of each stream out, in order.

Memory is bounded. While the other side cannot be reached events wait and are told again; beyond the bound the newest are dropped, counted
and told. Nothing outlives the daemon: at its end what cannot be told within a few seconds is lost, and counted. The log store keeps it.
"""

from __future__ import annotations

import asyncio
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Protocol

from connectors.contract import SourceError
from poller.aio.backoff import Backoff
from poller.aio.clock import Clock
from poller.aio.stop import Stop
from poller.observe.events import DefectFoundError, Emit, Fact, FunctionLogged, LogEventsDropped, LogShippingFailedError
from poller.observe.log_store.chunks import Chunk, gathered

GATHER_SECONDS = 1.0
"""What an event waits for others: a request costs its server milliseconds, and AWS money."""
MAX_WAITING = 16 * 1024 * 1024
"""Characters that may wait."""
EVENT_SIZE = 200
"""What an event counts for beyond its line."""
TAKEN = 2_000
"""Events that are sorted into batches at a time: a few milliseconds of the event loop's."""
AT_ONCE = 8
"""Streams that are told about at a time."""
CLOSING_SECONDS = 5.0
LATE = "they could not be sent in time"
REFUSED = "the service does not take them"
RETRIES = Backoff(first=0.5, cap=30.0)


class Sink(Protocol):
    """Where events go."""

    async def put(self, group: str, stream: str, events: Sequence[tuple[int, str]]) -> int:
        """Take events of one stream (milliseconds since 1970, message). Returns how many never can be taken. Raises SourceError: again."""
        ...

    async def close(self) -> None:
        """No more."""
        ...


class LogShipping:
    """An ``Emit`` for lines, inside one event loop. prefix: of the groups' names there. emit: where its own facts go."""

    def __init__(self, sink: Sink, prefix: str, emit: Emit, clock: Clock) -> None:
        self._sink = sink
        self._prefix = prefix
        self._emit = emit
        self._clock = clock
        self._gathered: list[tuple[int, FunctionLogged]] = []
        self._size = 0  # of what is gathered and of what is under way
        self._under_way = 0  # events
        self._since = 0
        self._dropped: Counter[str] = Counter()
        self._places = asyncio.Semaphore(AT_ONCE)
        self._stop = Stop()
        self._task: asyncio.Task[None] | None = None

    def __call__(self, fact: Fact) -> None:
        """Send it if it is a line."""
        if type(fact) is not FunctionLogged:
            return
        size = len(fact.line) + EVENT_SIZE
        if self._size + size > MAX_WAITING:
            self._dropped[LATE] += 1
            return
        self._gathered.append((time.time_ns(), fact))
        self._size += size
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._send_all(), name="log shipping")

    async def close(self) -> None:
        """Send what is left, for some seconds, then disconnect."""
        self._stop.begin("close")
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=CLOSING_SECONDS)
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        self._dropped[LATE] += len(self._gathered) + self._under_way
        self._tell_dropped()
        await self._sink.close()

    async def _send_all(self) -> None:
        """Until nothing is left."""
        while self._gathered:
            if len(self._gathered) < TAKEN:
                await self._stop.or_stop(self._clock.sleep(GATHER_SECONDS))
            told, self._gathered = self._gathered[:TAKEN], self._gathered[TAKEN:]
            self._under_way = len(told)
            streams: defaultdict[tuple[str, str], list[Chunk]] = defaultdict(list)
            for chunk in gathered(told, self._since):
                self._since = max(self._since, chunk.last)
                streams[chunk.group, chunk.stream].append(chunk)
            async with asyncio.TaskGroup() as sending:
                for each in streams.values():
                    sending.create_task(self._send(each), name=f"log shipping {each[0].stream}")
            self._size -= sum(len(fact.line) + EVENT_SIZE for _, fact in told)
            self._tell_dropped()
        self._task = None

    async def _send(self, chunks: list[Chunk]) -> None:
        """Those of one stream, one after the other."""
        async with self._places:
            for chunk in chunks:
                refused = await self._put(chunk)
                self._dropped[REFUSED] += refused
                self._under_way -= len(chunk.events)

    async def _put(self, chunk: Chunk) -> int:
        """Tell it until it is taken. Returns how many events never will be."""
        failures = 0
        while True:
            try:
                return await self._sink.put(self._prefix + chunk.group, chunk.stream, chunk.events)
            except SourceError as error:
                failures += 1
                delay = RETRIES.delay(failures)
                kind = type(error).__name__
                self._emit(LogShippingFailedError(kind=kind, message=str(error), retry_seconds=delay))
            except Exception as error:  # noqa: BLE001  # ours; the same events would fail again
                trace = "".join(traceback.format_exception(error))
                self._emit(DefectFoundError(part="log shipping", message=repr(error), trace=trace, retry_seconds=0.0))
                return len(chunk.events)
            if self._stop.soft:
                await self._clock.sleep(min(delay, CLOSING_SECONDS / 5))
            else:
                await self._stop.or_stop(self._clock.sleep(delay))

    def _tell_dropped(self) -> None:
        for why, count in self._dropped.items():
            if count:
                self._emit(LogEventsDropped(place="shipping", count=count, why=why))
        self._dropped.clear()
