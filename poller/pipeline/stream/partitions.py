"""The partitions that are ours now: each begins with its first record, and ends when it is given up or the mapping stops."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable

from connectors.contract import Record
from poller.aio.stop import Stop
from poller.pipeline.stream import marks
from poller.pipeline.stream.checkpoints import LaneCheckpoints, Marks
from poller.pipeline.stream.lane import Lane, Tools
from poller.pipeline.stream.ledger import AnyOrder, InOrder
from poller.pipeline.stream.partition import Partition
from poller.pipeline.stream.plan import StreamPlan
from poller.pipeline.stream.room import Room
from poller.pipeline.stream.tumbling import Tumbling

FEW = 64
"""Partitions that are kept whether they have something to do or not."""


class Partitions:
    """All of one mapping. prefix: the source settles each partition's records in order."""

    def __init__(
        self, plan: StreamPlan, checkpoints: LaneCheckpoints, room: Room, tools: Tools, *, prefix: bool
    ) -> None:
        self._plan = plan
        self._checkpoints = checkpoints
        self._room = room
        self._tools = tools
        self._prefix = prefix
        self._ours: dict[str, Partition] = {}
        self._tidy_at = 2 * FEW

    def resume(self) -> None:
        """Tumbling windows that were in progress before a restart have to end, even if nothing comes in their partitions any more."""
        if self._plan.tumbling_window:
            for name, found in self._checkpoints.marks().items():
                if marks.WINDOW in found:
                    self._begin(name, found)

    def of(self, record: Record) -> Partition:
        """The record's. A new one begins with it, where the marks say that its lanes were."""
        return self._ours.get(record.partition) or self._begin(record.partition, self._found(record))

    def wake(self, partitions: Iterable[Partition], tasks: asyncio.TaskGroup) -> None:
        """See to it that what waits in them is worked on."""
        for partition in partitions:
            for lane in partition.lanes:
                lane.wake(tasks)

    def end(self, names: Iterable[str], tasks: asyncio.TaskGroup) -> None:
        """Nothing more of these will come: what waits in them goes now, and their tumbling windows are over after it."""
        ours = [partition for name in names if (partition := self._ours.get(name))]
        for partition in ours:
            partition.ended = True
            for lane in partition.lanes:
                lane.end()
        self.wake(ours, tasks)

    def wake_windows(self, tasks: asyncio.TaskGroup) -> None:
        """The source had nothing more to say for now: tumbling windows may be over by that."""
        if self._plan.tumbling_window:
            self.wake(self._ours.values(), tasks)

    def expect_again(self) -> None:
        """The source is going to be opened anew, and hands out once more what it was not told of."""
        for partition in self._ours.values():
            partition.expect_again()

    def leave(self) -> None:
        """The mapping stops: what waits is forgotten, what runs is going to finish."""
        for partition in self._ours.values():
            partition.leave()

    async def revoke(self, names: Collection[str], stop: Stop) -> int:
        """Give these up; return when nothing of them is in flight. What ran is settled; returns how many records were forgotten.

        Cancelled: what still runs is cut, unless all of it is being stopped and has time to finish.
        """
        gone = [partition for name in names if (partition := self._ours.pop(name, None))]
        dropped = sum(partition.leave() for partition in gone)
        tasks = {task for partition in gone for task in partition.tasks}
        try:
            if tasks:
                await asyncio.wait(tasks)
        except asyncio.CancelledError:
            for task in tasks if not stop.soft else ():
                task.cancel()
            raise
        finally:
            for partition in gone:
                partition.share.close()
        return dropped

    def unsettled(self) -> list[Record]:
        """All records that the source has not been told of."""
        return [record for partition in self._ours.values() for record in partition.ledger.records()]

    def _found(self, first: Record) -> Marks:
        found = self._checkpoints.marks().get(first.partition, {})
        return found if marks.hold(found, first) else {}

    def _begin(self, name: str, found: Marks) -> Partition:
        plan = self._plan
        window = Tumbling(plan.tumbling_window, found.get(marks.WINDOW, "")) if plan.tumbling_window else None
        ledger = InOrder() if self._prefix else AnyOrder()
        partition = Partition(name, ledger, self._room.open(name), window=window)
        names = [marks.lane_name(lane, plan.lanes) for lane in range(plan.lanes)]
        partition.lanes = [Lane(partition, self._tools, reached=found.get(lane, "")) for lane in names]
        partition.done = marks.Done(found, plan.lanes)
        partition.marked = dict(found)
        self._tidy()
        self._ours[name] = partition
        return partition

    def _tidy(self) -> None:
        """Forget those with nothing to do, now and then: shards close, and new ones take their place for as long as a stream lives."""
        if len(self._ours) >= self._tidy_at:
            for name, partition in list(self._ours.items()):
                if partition.at_rest:
                    partition.share.close()
                    del self._ours[name]
            self._tidy_at = 2 * max(len(self._ours), FEW)
