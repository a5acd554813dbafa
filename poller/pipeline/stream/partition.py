"""One partition while it is ours: its lanes, what it has in hand, how far it is, and leaving it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING

from connectors.contract import Record
from poller.aio.stop import Stop
from poller.pipeline.batch import Item
from poller.pipeline.stream import marks
from poller.pipeline.stream.ledger import Ledger
from poller.pipeline.stream.room import Share
from poller.pipeline.stream.tumbling import Tumbling

if TYPE_CHECKING:
    from poller.pipeline.stream.lane import Lane


class Partition:
    """From its first record until it is left.

    done: what was done before a restart; None when that is behind us. window: tumbling, of its only lane.
    """

    def __init__(self, name: str, ledger: Ledger, share: Share, *, window: Tumbling | None) -> None:
        self.name = name
        self.ledger = ledger
        self.share = share
        self.window = window
        self.ended = False
        """Whether nothing more of it will come."""
        self.lanes: Sequence[Lane] = ()
        self.done: marks.Done | None = None
        self.marked: dict[str, str] = {}
        """The marks that were written last."""
        self.leaving = Stop()
        """Uttered when the partition is given up or the mapping stops: nothing is begun from then on, what runs is finished."""
        self.tasks: set[asyncio.Task[None]] = set()
        """Whoever works on its records."""
        self._again: set[str] = set()

    def start(self, work: Coroutine[None, None, None], tasks: asyncio.TaskGroup) -> asyncio.Task[None]:
        """Run it as work on this partition."""
        task = tasks.create_task(work, name=f"partition {self.name}")
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    @property
    def all_new(self) -> bool:
        """Whether whatever is fetched is to be run; as ever, but for a while after a start and after the source was opened anew."""
        return self.done is None and not self._again

    @property
    def at_rest(self) -> bool:
        """Whether nothing would be lost with it: all is told, nobody works, and no window or mark is open."""
        return not (self.share.records or self.tasks or self.marked or (self.window and self.window.save()))

    def expect_again(self) -> None:
        """The source is opened anew, and hands out once more what it was not told of; whether that is all, it tells once more."""
        self.ended = False
        self._again = {record.position for record in self.ledger.records()}

    def in_hand(self, record: Record) -> bool:
        """Whether this record only comes again, after the source was opened anew. The first that does not ends it."""
        if self._again and record.position not in self._again:
            self._again.clear()
        return record.position in self._again

    def was_done(self, record: Record) -> bool:
        """Whether its lane had dealt with it before a restart. Records come in order, so the first that is behind all marks ends it."""
        if self.done and self.done.over(record):
            self.done = None
        return self.done is not None and record in self.done

    def add(self, items: Sequence[Item], size: int) -> None:
        """These were fetched; in order. Lanes get theirs from whoever sorts. size: of their shares, bytes."""
        self.ledger.add(items)
        self.share.add(len(items), size)

    def marks(self) -> dict[str, str]:
        """How far its lanes are ahead, and the window in progress. A single lane is ahead only where its window's state goes first."""
        several = len(self.lanes) > 1 or self.window
        found = marks.ahead(self.ledger.first, [lane.reached for lane in self.lanes]) if several else {}
        if self.window and (saved := self.window.save()):
            found[marks.WINDOW] = saved
        return found

    def leave(self) -> int:
        """Give it up: what waits is forgotten; returns how many records. ``tasks`` end by themselves as soon as what runs is settled."""
        self.leaving.begin("left")
        waiting = [item for lane in self.lanes for item in lane.forget()]
        self.share.add(-len(waiting), -size_of(waiting))
        return len(waiting)


def size_of(items: Sequence[Item]) -> int:
    """Of their shares, bytes."""
    return sum([len(item.part) for item in items])
