"""Records of one lane that wait -> its next batch. Pure; the time is an argument.

A batch goes as soon as the first of these holds: ``size`` records wait, the next record would take the event past 6 MB, or the batching
window is over. It begins when the lane's previous batch ended (Lambda DG, How Lambda processes records from stream and queue-based event
sources); the first, when the first record came. Only records that passed the filters are here, so only they count.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from connectors.contract import Record
from poller.pipeline.batch import Batch, Item, Limits

Fits = Callable[[Record], bool]
"""Whether a record may be in the batch: it may not be in one with records of another tumbling window."""


class Line:
    """What waits in one lane, in order."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._items: deque[Item] = deque()
        self._bytes = limits.overhead
        self._began: float | None = None  # of the batching window
        self._hurry = False

    def __len__(self) -> int:
        return len(self._items)

    @property
    def head(self) -> Item | None:
        """Who is first."""
        return self._items[0] if self._items else None

    @property
    def due(self) -> float | None:
        """When what waits must go; None while nothing waits."""
        if not self._items or self._began is None:
            return None
        return self._began + (0.0 if self._hurry else self._limits.window)

    @property
    def full(self) -> bool:
        """Whether there is more than a batch, or just one, so that nobody need wait for the window's end."""
        return len(self._items) >= self._limits.size or self._bytes - 1 > self._limits.max_bytes

    def extend(self, items: Sequence[Item], size: int, now: float) -> None:
        """These come behind the others. size: of their shares, bytes."""
        self._items.extend(items)
        self._bytes += size + len(items)
        self._hurry = False
        if self._began is None:
            self._began = now

    def hurry(self) -> None:
        """What waits goes at once, since nothing more comes; until more comes all the same."""
        self._hurry = True

    def ended(self, now: float) -> None:
        """The lane's batch is dealt with: the next window begins."""
        self._began = now

    def cut(self, now: float, fits: Fits | None = None) -> Batch | None:
        """The next batch, or None while more may come for it. A lone record that is too big comes alone.

        fits: of the first record it must hold; one that waits and does not fit ends the batching window.
        """
        due = self.due
        if due is None or not (now >= due or self.full or (fits and not fits(self._items[-1].record))):
            return None
        batch = Batch(self._items[0].record.lane, self._began or due, self._limits.overhead - 1)
        batch.reason = self._fill(batch, fits) if fits or self._bytes > self._limits.max_bytes else self._take(batch)
        self._bytes -= batch.size_bytes - self._limits.overhead + 1
        return batch

    def clear(self) -> list[Item]:
        """Forget what waits; returns it."""
        items, self._bytes = list(self._items), self._limits.overhead
        self._items.clear()
        return items

    def _fill(self, batch: Batch, fits: Fits | None) -> str:
        """Move records to the batch until it is full; returns what stopped it."""
        waiting, items, limits = self._items, batch.items, self._limits
        while waiting:
            size = batch.size_bytes + len(waiting[0].part) + 1
            if len(items) == limits.size:
                return "size"
            if items and size > limits.max_bytes:
                return "bytes"
            if fits and not fits(waiting[0].record):
                return "window"
            items.append(waiting.popleft())
            batch.size_bytes = size
        return self._ended_by_time(batch)

    def _take(self, batch: Batch) -> str:
        """The same where all that waits fits into an event: nothing but the number needs a look."""
        waiting = self._items
        batch.items = [waiting.popleft() for _ in range(min(len(waiting), self._limits.size))]
        batch.size_bytes += sum([len(item.part) for item in batch.items]) + len(batch.items)
        return self._ended_by_time(batch)

    def _ended_by_time(self, batch: Batch) -> str:
        if len(batch.items) == self._limits.size:
            return "size"
        return "window" if self._limits.window else "poll"
