"""The loop over lines that wait on the disk: reads what is due, has it dealt with, line by line.

A line that has something to do has a task, which waits for the next item's place before it takes the item; a line that has nothing costs
nothing. So one line's flood holds up no other, and stands for one more at most wherever places are handed out.
"""

from __future__ import annotations

import asyncio
import math
import traceback
from collections.abc import Callable, Coroutine
from typing import Any, Generic, Protocol, TypeVar

from poller.aio.backoff import Backoff
from poller.aio.clock import Clock
from poller.aio.stop import Stop
from poller.dispatch.backlog.feed import MOST_UNSETTLED, Feed, Item
from poller.dispatch.backlog.ledger import LedgerError, Shelf, Wanted
from poller.observe.events import DefectFoundError, Emit, LedgerFailedError

LOOK_SECONDS = 5.0
"""Between two looks at the whole shelf: for what another process has put there, or a caller who was cancelled."""
COUNT_SECONDS = 60.0
"""Between two counts of what waits; in between they follow from what is done here."""
AFTER_DEFECT = 60.0
"""Seconds until an item is dealt with again with which we failed."""
LEDGER = Backoff(first=0.1, cap=5.0)
"""Seconds until the state file is asked again."""

T = TypeVar("T", bound=Item)
R = TypeVar("R")
T_contra = TypeVar("T_contra", contravariant=True)
Leave = Callable[[], None]
"""Gives a place back. Idempotent."""


class Work(Protocol[T_contra, R]):
    """How items of one kind are dealt with."""

    async def enter(self, line: str) -> Leave:
        """Wait for a place to deal with the line's next item in. Cancellable."""
        ...

    async def run(self, item: T_contra) -> R:
        """Deal with it; its place is given back when this returns."""
        ...

    async def settle(self, item: T_contra, found: R) -> float | None:
        """Write down what became of it. When it is due again; None: it is gone. Raises LedgerError, and is called again then."""
        ...


class Lines(Generic[T, R]):
    """All lines of one shelf."""

    def __init__(self, shelf: Shelf[T], work: Work[T, R], clock: Clock, emit: Emit, name: str) -> None:
        self._shelf = shelf
        self._work = work
        self._clock = clock
        self._emit = emit
        self._name = name
        self._feeds: dict[str, Feed[T]] = {}
        self._unsettled: dict[str, asyncio.Semaphore] = {}
        self._serving: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._sooner = asyncio.Event()
        self._counts: dict[str, int] = {}
        self._count_at = -math.inf
        self._stop: Stop | None = None

    def counts(self) -> dict[str, int]:
        """Items by line, those that are being dealt with included; about, where other processes have their hands in it."""
        return {line: count for line, count in self._counts.items() if count > 0}

    @property
    def begun(self) -> int:
        """Items that are being dealt with."""
        return sum(len(feed.held) - feed.ready for feed in self._feeds.values())

    def offer(self, item: T) -> None:
        """One that was just stored."""
        self._counts[item.line] = self._counts.get(item.line, 0) + 1
        if self._stop is not None and not self._stop.soft:
            self._feed(item.line).offer(item)
            self._attend(item.line)

    async def run(self, stop: Stop) -> None:
        """Until the stop; then what was begun is finished. Cancellation cuts it: it is on the disk, and comes again."""
        self._stop = stop
        failures = 0
        try:
            while not stop.soft:
                try:
                    await self._look()
                    failures, delay = 0, LOOK_SECONDS
                except LedgerError as error:
                    failures += 1
                    delay = LEDGER.delay(failures)
                    self._failed(error, delay)
                await self._until(self._clock.epoch() + delay, stop)
            for serving in self._serving.values():
                serving.cancel()
            while self._tasks:
                await asyncio.wait(self._tasks)
        finally:
            self._stop = None
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self._feeds.clear()

    async def _look(self) -> None:
        if (now := self._clock.epoch()) >= self._count_at:
            self._counts = dict(await self._shelf.counts())
            self._count_at = now + COUNT_SECONDS
        for line, due in (await self._shelf.lines()).items():
            feed = self._feed(line)
            feed.due = min(feed.due, due)
            self._attend(line)
        for line in [line for line, feed in self._feeds.items() if feed.idle and line not in self._serving]:
            del self._feeds[line]
            del self._unsettled[line]

    async def _until(self, end: float, stop: Stop) -> None:
        """Attend to lines as something in them becomes due, until that time."""
        while not stop.soft and (now := self._clock.epoch()) < end:
            self._sooner.clear()
            soonest = min((feed.due for line, feed in self._feeds.items() if line not in self._serving), default=end)
            await stop.or_stop(self._sleep(min(soonest, end) - now))
            for line in list(self._feeds):
                self._attend(line)

    async def _sleep(self, seconds: float) -> None:
        sleeping = asyncio.ensure_future(self._clock.sleep(max(seconds, 0.0)))
        sooner = asyncio.ensure_future(self._sooner.wait())
        try:
            await asyncio.wait({sleeping, sooner}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            sooner.cancel()

    def _feed(self, line: str) -> Feed[T]:
        self._unsettled.setdefault(line, asyncio.Semaphore(MOST_UNSETTLED))
        return self._feeds.setdefault(line, Feed())

    def _attend(self, line: str) -> None:
        """See to it that somebody serves the line, if there is anything to do."""
        feed, stop = self._feeds[line], self._stop
        if stop is None or stop.soft or line in self._serving:
            return
        if feed.ready or feed.room(self._clock.epoch())[0]:
            self._serving[line] = self._begin(self._serve(line, feed), f"{self._name} {line}")

    async def _serve(self, line: str, feed: Feed[T]) -> None:
        try:
            while await self._fill(line, feed):
                async with self._unsettled[line]:
                    pass
                leave = await self._work.enter(line)
                self._begin(self._deal(line, feed, feed.take(), leave), f"{self._name} of {line}")
        finally:
            del self._serving[line]
            if feed.due < math.inf:
                self._sooner.set()

    async def _fill(self, line: str, feed: Feed[T]) -> bool:
        """Read a page if there is room for one; whether anything is ready."""
        now = self._clock.epoch()
        count, size = feed.room(now)
        if count:
            feed.begin()
            page = self._read(line, feed, now, count, size)
            if feed.ready:
                self._begin(page, f"{self._name} page of {line}")
            else:
                await page
        return feed.ready > 0

    async def _read(self, line: str, feed: Feed[T], now: float, count: int, size: int) -> None:
        items: list[T] = []
        due = now
        try:
            wanted = Wanted(line=line, now=now, held=frozenset(feed.held), count=count, size=size)
            page = await self._shelf.page(wanted)
            items, due = page.items, page.due
        except LedgerError as error:
            delay = LEDGER.delay(1)
            due = now + delay
            self._failed(error, delay)
        finally:
            feed.loaded(items, due)
            self._attend(line)

    async def _deal(self, line: str, feed: Feed[T], item: T, leave: Leave) -> None:
        due: float | None = item.due
        try:
            try:
                found = await self._work.run(item)
            finally:
                leave()
            async with self._unsettled[line]:
                due = await self._settle(item, found)
            if due is None:
                self._counts[line] = self._counts.get(line, 1) - 1
        except Exception as error:  # noqa: BLE001  # ours, whatever it is; the item is still on the disk
            await self._found_defect(error)
        finally:
            feed.done(item.number, due)
            if due is not None:
                self._sooner.set()

    async def _found_defect(self, error: Exception) -> None:
        """Tell it, and wait before the item that it was found with may come again."""
        trace = "".join(traceback.format_exception(error))
        fact = DefectFoundError(part=self._name, message=repr(error), trace=trace, retry_seconds=AFTER_DEFECT)
        self._emit(fact)
        if self._stop is not None:
            await self._stop.or_stop(self._clock.sleep(AFTER_DEFECT))

    async def _settle(self, item: T, found: R) -> float | None:
        failures = 0
        while True:
            try:
                return await self._work.settle(item, found)
            except LedgerError as error:
                failures += 1
                delay = LEDGER.delay(failures)
                self._failed(error, delay)
                await self._clock.sleep(delay)

    def _failed(self, error: LedgerError, delay: float) -> None:
        self._emit(LedgerFailedError(part=self._name, message=str(error), retry_seconds=delay))

    def _begin(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
