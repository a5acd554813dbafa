"""One lane: its batches one after the other, each until it is delivered or given up. What waits behind a batch waits for all of it.

A lane has a task while it has something to do, and is told by its partition when to stop: what runs is finished and settled, a wait for a
retry, a slot or a destination ends at once, and what it was for stays unsettled.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from connectors.contract import Outcome
from poller.aio.clock import Clock
from poller.observe.events import BatchBisected, BatchCut, BatchEnded, BatchRetried, BatchSettled, Emit, WindowEnded
from poller.pipeline.batch import Item
from poller.pipeline.stream.attempts import Attempts
from poller.pipeline.stream.discards import Discards
from poller.pipeline.stream.events import Events
from poller.pipeline.stream.line import Line
from poller.pipeline.stream.marks import precedes
from poller.pipeline.stream.partition import Partition
from poller.pipeline.stream.progress import Progress
from poller.pipeline.stream.retry import DELAYS, GivenUp, Rules, Step, Work, readable, sift
from poller.pipeline.traces import carried


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What all lanes of a mapping share."""

    mapping: str
    events: Events
    rules: Rules
    attempts: Attempts
    discards: Discards
    progress: Progress
    clock: Clock
    emit: Emit
    traced: bool = False


class Lane:
    """Some or all records of a partition, in order. reached: position of the last one that is done, before a restart maybe; "" for none."""

    def __init__(self, partition: Partition, tools: Tools, *, reached: str) -> None:
        self._partition = partition
        self._tools = tools
        self._line = Line(tools.events.limits)
        self._more = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._opened: float | None = None  # when the batch under way was
        self.reached = reached

    def wake(self, tasks: asyncio.TaskGroup) -> None:
        """See to it that somebody works here, if there is anything to do."""
        if (self._task is None or self._task.done()) and (self._line or self._window_over()):
            self._task = self._partition.start(self.run(), tasks)

    def offer(self, items: Sequence[Item], size: int) -> None:
        """These wait behind the others. size: of their shares, bytes."""
        self._line.extend(items, size, self._tools.clock.now())
        self._more.set()

    def end(self) -> None:
        """Nothing more will come: what waits goes at once."""
        self._line.hurry()
        self._more.set()

    def forget(self) -> list[Item]:
        """What waits, and waits no more."""
        self._more.set()
        return self._line.clear()

    async def run(self) -> None:
        """Until nothing is left to do, or the partition is left."""
        while work := await self._next():
            await self._deal_with(work)
            self._end_batch()
            self._line.ended(self._tools.clock.now())

    def _end_batch(self) -> None:
        """Of a batch; the last event of a tumbling window is none."""
        if self._opened is not None:
            seconds = self._tools.clock.now() - self._opened
            self._tools.emit(BatchEnded(mapping=self._tools.mapping, seconds=seconds))
            self._opened = None

    async def _next(self) -> Work | None:
        """The next batch, as soon as it is due."""
        now = self._tools.clock.now()
        while not self._partition.leaving.soft:
            if work := self._due(now):
                return work
            if self._line.due is None:
                break
            now = await self._wait_for_more(until=self._line.due)
        return None

    def _due(self, now: float) -> Work | None:
        window = self._partition.window
        if window and self._window_over():
            return Work([], since=window.end)
        if window and self._line.head:
            window.begin(self._line.head.record)
        batch = self._line.cut(now, window.fits if window else None)
        if batch is None:
            return None
        self._tools.emit(
            BatchCut(
                mapping=self._tools.mapping,
                count=len(batch.items),
                reason=batch.reason,
                waited=max(0.0, now - batch.opened),
                traces=carried(batch.records) if self._tools.traced else (),
            )
        )
        self._opened = batch.opened
        return Work(batch.items)

    def _window_over(self) -> bool:
        window, head = self._partition.window, self._line.head
        if window is None:
            return False
        return window.over(head.record if head else None, self._tools.clock.epoch(), ended=self._partition.ended)

    async def _wait_for_more(self, until: float) -> float:
        """Until the batching window is over, or there may be enough for a batch before. Returns the time, never short of it by a hair."""
        self._more.clear()
        try:
            async with asyncio.timeout(until - self._tools.clock.now()):
                await self._more.wait()
        except TimeoutError:
            return until
        return self._tools.clock.now()

    async def _deal_with(self, batch: Work) -> None:
        """All that becomes of a batch, in order."""
        for part in readable(batch):
            if not await (self._give_up(part) if isinstance(part, GivenUp) else self._run(part)):
                return

    async def _run(self, batch: Work) -> bool:
        """All that becomes of what can be run, its halves and its rest included, in order; False: the partition was left before."""
        works, delay = deque([batch]), 0.0
        while works:
            if delay:
                await self._partition.leaving.or_stop(self._tools.clock.sleep(delay))
            work = works.popleft()
            step = await self._step(work)
            if step is None:
                return False
            works.extendleft(reversed(step.again))
            delay = DELAYS.delay(step.failures) if step.failures else 0.0
            self._tell(work, step, delay)
        return True

    async def _step(self, work: Work) -> Step | None:
        """One attempt, and what follows from it done; None: the partition was left, and the rest of the batch stays unsettled."""
        if self._partition.leaving.soft:
            return None
        gone, rest = sift(work, self._tools.rules, self._tools.clock.epoch())
        if gone and not await self._give_up(gone, rest.items if rest else ()):
            return None
        step = await self._tools.attempts.make(rest, self._partition) if rest else Step()
        if step is None or (step.given_up and not await self._give_up(step.given_up)):
            return None
        if self._partition.window and step.delivered and step.state is not None:
            self._partition.window.answered(step.state)
        await self._finish(step.delivered, Outcome.DELIVERED)
        if work.final and not step.again:
            await self._end_window()
        return step

    async def _give_up(self, gone: GivenUp, rest: Sequence[Item] = ()) -> bool:
        if not await self._tools.discards.give_up(gone, self._partition):
            return False
        await self._finish(gone.items, Outcome.REJECTED, rest)
        return True

    async def _finish(self, items: Sequence[Item], outcome: Outcome, rest: Sequence[Item] = ()) -> None:
        """These are done. rest: of the same batch, still to be run. It may stand before these, and no mark passes what is not done."""
        if items:
            done = [item for item in items if not rest or precedes(item.record, rest[0].record)]
            self.reached = done[-1].record.position if done else self.reached
            began = self._tools.clock.now()
            await self._tools.progress.finish(self._partition, items, outcome)
            seconds = self._tools.clock.now() - began
            self._tools.emit(BatchSettled(mapping=self._tools.mapping, count=len(items), seconds=seconds))

    async def _end_window(self) -> None:
        if window := self._partition.window:
            self._tools.emit(
                WindowEnded(
                    mapping=self._tools.mapping, partition=self._partition.name, end=window.end, early=window.early
                )
            )
            window.ended()
            await self._tools.progress.mark(self._partition)

    def _tell(self, work: Work, step: Step, delay: float) -> None:
        mapping, partition = self._tools.mapping, self._partition.name
        if step.bisected:
            self._tools.emit(
                BatchBisected(mapping=mapping, partition=partition, request_id=work.request_id, count=len(work.items))
            )
        elif step.again:
            [again] = step.again
            self._tools.emit(
                BatchRetried(
                    mapping=mapping,
                    partition=partition,
                    request_id=again.request_id,
                    count=len(again.items),
                    attempts=again.attempts,
                    delay=delay,
                )
            )
