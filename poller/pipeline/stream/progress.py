"""What is finished -> the source and the marks: told in order, durable before a lane goes on.

So a crash repeats what was under way in a lane, one batch, and no more. With several lanes the source is told first: the marks then
start from where a restart would read. In a tumbling window the state goes first: should its records come again after a crash, then the
mark beside the state says that they are in it.
"""

from __future__ import annotations

from collections.abc import Sequence

from connectors.contract import Outcome, SourceError
from poller.aio.backoff import Backoff
from poller.aio.clock import Clock
from poller.aio.grouping import Grouped
from poller.observe.events import Emit, SourceFailedError
from poller.pipeline.batch import Item
from poller.pipeline.settle import LAST_SECONDS, Settler
from poller.pipeline.stream.checkpoints import LaneCheckpoints, Marks
from poller.pipeline.stream.partition import Partition, size_of

DELAYS = Backoff(first=0.25, cap=30.0)


class Progress:
    """How one mapping gets on."""

    def __init__(self, mapping: str, settler: Settler, checkpoints: LaneCheckpoints, clock: Clock, emit: Emit) -> None:
        self._mapping = mapping
        self._settler = settler
        self._checkpoints = checkpoints
        self._clock = clock
        self._emit = emit
        self.moved_at = clock.now()
        """When the source was last told of something that was done."""
        self._writing = Grouped(self._write, at_once=1, name=f"mark {mapping}")

    async def finish(self, partition: Partition, items: Sequence[Item], outcome: Outcome) -> None:
        """This has become of these; returns when a restart would know."""
        partition.ledger.finish(items, outcome)
        partition.share.add(0, -size_of(items))
        if partition.window:
            await self.mark(partition)
            await self._settle(partition)
        else:
            await self.advance(partition)

    async def advance(self, partition: Partition) -> None:
        """Tell the source and the store how far this partition is."""
        await self._settle(partition)
        await self.mark(partition)

    async def _settle(self, partition: Partition) -> None:
        ready = partition.ledger.ready()
        if ready:
            await self._settler.settle(ready)
            partition.ledger.told(ready)
            partition.share.add(-len(ready), 0)
            self.moved_at = self._clock.now()

    async def mark(self, partition: Partition) -> None:
        """Write the partition's marks, unless they are as they were."""
        marks = partition.marks()
        if marks != partition.marked:
            await self._writing.add([(partition.name, marks)], last_seconds=LAST_SECONDS)
            partition.marked = marks

    async def close(self) -> None:
        """Give up what is not written."""
        await self._writing.close()

    async def _write(self, marks: list[tuple[str, Marks]]) -> None:
        """Of marks of one partition the last count. Tried until the store takes them."""
        failures = 0
        while True:
            try:
                return await self._checkpoints.mark(dict(marks))
            except SourceError as error:
                failures += 1
                delay = error.retry_after if error.retry_after is not None else DELAYS.delay(failures)
                self._emit(
                    SourceFailedError(
                        mapping=self._mapping,
                        verb="mark",
                        kind=type(error).__name__,
                        message=str(error),
                        retry_seconds=delay,
                    )
                )
                await self._clock.sleep(delay)
