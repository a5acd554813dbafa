"""Records -> batches: by count, by bytes, by time. Pure; the time is an argument.

A batch goes as soon as the first of these holds (Lambda DG, How Lambda processes records from stream and queue-based event
sources): the batching window is over, ``size`` records are there, or the next record would take the event past 6 MB. Bytes are counted
after encoding, envelope included. Without a window a batch is what one poll returned.

Records of different lanes never share a batch, so that a lane that fails holds no other lane back.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from connectors.contract import Outcome, Record


@dataclass(slots=True, eq=False)
class Item:
    """A record and its share of the event, encoded. outcome: of a stream's record, as soon as it is known."""

    record: Record
    part: bytes
    outcome: Outcome | None = None


@dataclass(slots=True, eq=False)
class Batch:
    """Items in order, all of one lane. size_bytes: of the whole event. opened: when the first record came. reason: why it was cut."""

    lane: str | None
    opened: float
    size_bytes: int
    items: list[Item] = field(default_factory=list)
    reason: str = ""

    @property
    def records(self) -> list[Record]:
        """The records, in order."""
        return [item.record for item in self.items]

    @property
    def parts(self) -> list[bytes]:
        """The encoded shares, in order."""
        return [item.part for item in self.items]


@dataclass(frozen=True, slots=True)
class Limits:
    """size: records a batch. window: seconds, 0 for none. max_bytes: of the event. overhead: bytes of an event without records."""

    size: int
    window: float
    max_bytes: int
    overhead: int


class Batcher:
    """The open batches of one poller, one a lane, and the rules that close them."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._open: dict[str | None, Batch] = {}

    @property
    def room(self) -> int:
        """Records that may be asked for without overfilling a batch; at least 1."""
        return max(1, self._limits.size - sum(len(batch.items) for batch in self._open.values()))

    def due(self) -> float | None:
        """When the oldest open batch must go; None while nothing is open."""
        if not self._open:
            return None
        return min(batch.opened for batch in self._open.values()) + self._limits.window

    def offer(self, items: Iterable[Item], now: float) -> list[Batch]:
        """Add items, in order; returns batches that are full, by count or bytes, in the order they filled.

        A lone record that is too big to fit comes back alone, reason "bytes"; what to do with it is the caller's decision.
        """
        full = []
        for item in items:
            lane = item.record.lane
            batch = self._open.get(lane)
            if batch and batch.size_bytes + len(item.part) + 1 > self._limits.max_bytes:
                full.append(self._close(lane, "bytes"))
                batch = None
            if batch is None:
                batch = self._open[lane] = Batch(lane, now, self._limits.overhead - 1)  # n parts have n - 1 commas
            batch.items.append(item)
            batch.size_bytes += len(item.part) + 1
            if len(batch.items) >= self._limits.size:
                full.append(self._close(lane, "size"))
        return full

    def cut(self, now: float) -> list[Batch]:
        """Batches whose window is over, oldest first; all of them when there is no window."""
        over = [lane for lane, batch in self._open.items() if now >= batch.opened + self._limits.window]
        return [self._close(lane, "window" if self._limits.window else "poll") for lane in over]

    def rest(self) -> list[Record]:
        """Everything that is still open, in order; nothing is left behind. For handing back."""
        records = [record for batch in self._open.values() for record in batch.records]
        self._open.clear()
        return records

    def _close(self, lane: str | None, reason: str) -> Batch:
        batch = self._open.pop(lane)
        batch.reason = reason
        return batch
