"""The daemon's log store: facts in, events in a file; and what the daemon's port asks of it.

What holds here:

1. Telling a fact costs the event loop an append. Everything else is done by a thread: a batch at a time, a few each second, or earlier
   when there is much. A kill loses what was told in the last quarter of a second.
2. Memory is bounded. While the file cannot be written, events wait; beyond the bound the newest are dropped, counted and told.
3. Who reads sees all that was told before: what is gathered is written first.
"""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from poller.aio.backoff import Backoff
from poller.observe.events import DefectFoundError, Emit, Fact, FunctionLogged, LogEventsDropped, LogStoreFailedError
from poller.observe.log_store.file import LogStoreError
from poller.observe.log_store.reader import LogReader
from poller.observe.log_store.writer import Bounds, Writer

FLUSH_SECONDS = 0.25
"""What an event waits at most for others."""
FLUSH_SIZE = 512 * 1024
"""Characters that are written at once."""
MAX_WAITING = 16 * 1024 * 1024
"""Characters that may wait."""
EVENT_SIZE = 200
"""What an event counts for beyond its line: the fact and its place in a list."""
RETRIES = Backoff(first=1.0, cap=30.0)

_T = TypeVar("_T")


class LogStore:
    """Where functions' lines go, an ``Emit``; from its first fact to ``close`` inside one event loop. emit: where its own facts go."""

    def __init__(self, state: Path, bounds: Bounds, emit: Emit) -> None:
        self._writer = Writer(state, bounds)
        self._reader = LogReader(state)
        self._emit = emit
        self._gathered: list[tuple[int, FunctionLogged]] = []
        self._size = 0  # of what is gathered and of what is being written
        self._dropped = 0
        self._failures = 0
        self._closed = False
        self._delay = FLUSH_SECONDS
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.Task[None] | None = None
        self._write_thread = ThreadPoolExecutor(1, thread_name_prefix="log store")
        self._read_thread = ThreadPoolExecutor(1, thread_name_prefix="log reader")

    def __call__(self, fact: Fact) -> None:
        """Keep it if it is a line."""
        if type(fact) is not FunctionLogged:
            return
        size = len(fact.line) + EVENT_SIZE
        if self._size + size > MAX_WAITING:
            self._dropped += 1
            return
        self._gathered.append((time.time_ns(), fact))
        self._size += size
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._delay, self._write_soon)
        elif self._size >= FLUSH_SIZE and self._writing is None and not self._failures:
            self._write_soon()

    async def read(self, ask: Callable[[LogReader], _T]) -> _T:
        """What ``ask`` finds, in a thread, with all that was told until now. Raises LogStoreError and what ``ask`` raises."""
        await self._written()
        self._refuse_closed()
        return await asyncio.get_running_loop().run_in_executor(self._read_thread, ask, self._reader)

    async def change(self, ask: Callable[[Writer], _T]) -> _T:
        """What ``ask`` does, in the thread that writes, after all that was told until now. Raises LogStoreError."""
        await self._written()
        self._refuse_closed()
        return await asyncio.get_running_loop().run_in_executor(self._write_thread, ask, self._writer)

    async def close(self) -> None:
        """Write what was told, once, and close the file. Whoever asks from then on gets a LogStoreError."""
        await self._written()
        self._closed = True
        self._dropped += len(self._gathered)
        self._gathered = []
        self._tell_dropped()
        if self._timer is not None:
            self._timer.cancel()
        for thread, part in ((self._write_thread, self._writer), (self._read_thread, self._reader)):
            await asyncio.get_running_loop().run_in_executor(thread, part.close)
            thread.shutdown()

    async def _written(self) -> None:
        """Return when all is written that was told until now, or has failed to be."""
        await self._idle()
        if self._gathered:
            self._write_soon()
            await self._idle()

    def _refuse_closed(self) -> None:
        if self._closed:
            raise LogStoreError("the log store is closed: the daemon stops")

    async def _idle(self) -> None:
        while self._writing is not None:
            await asyncio.wait({self._writing})

    def _write_soon(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._writing is None and self._gathered:
            self._writing = asyncio.get_running_loop().create_task(self._write(), name="log store")
            self._writing.add_done_callback(self._ended)

    def _ended(self, _: asyncio.Task[None]) -> None:
        self._writing = None
        if self._size >= FLUSH_SIZE and not self._failures:
            self._write_soon()
        elif self._gathered and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._delay, self._write_soon)

    async def _write(self) -> None:
        batch, self._gathered, size = self._gathered, [], self._size
        try:
            await asyncio.get_running_loop().run_in_executor(self._write_thread, self._writer.append, batch)
        except LogStoreError as error:
            self._gathered[:0] = batch
            self._failures += 1
            self._delay = RETRIES.delay(self._failures)
            self._emit(LogStoreFailedError(message=str(error), retry_seconds=self._delay))
            return
        except Exception as error:  # noqa: BLE001  # ours; the same events would fail again
            trace = "".join(traceback.format_exception(error))
            self._emit(DefectFoundError(part="log store", message=repr(error), trace=trace, retry_seconds=0.0))
            self._dropped += len(batch)
        self._failures, self._delay = 0, FLUSH_SECONDS
        self._size -= size
        self._tell_dropped()

    def _tell_dropped(self) -> None:
        if self._dropped:
            count, self._dropped = self._dropped, 0
            self._emit(LogEventsDropped(place="store", count=count, why="they could not be stored in time"))
