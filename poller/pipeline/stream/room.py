"""How much may be in hand, and how much is: bounded by records and by bytes, in total and for each partition. Pure.

A partition that has no room is put on hold, so that one that is stuck starves no other; it comes back when half of its room is free, while
there is still something to do in it. When there is no room at all, whoever has something in hand is on hold: the others still get their
first records. Bytes are those of records that are not finished; what only waits for its turn to be settled is counted as a record.
"""

from __future__ import annotations

import asyncio
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from poller.dispatch.invoker import MAX_PAYLOAD

BATCHES = 4
"""In hand of a lane: one runs, the others hide how long a fetch takes."""
LEAST = 200
"""Records of a partition, at least: batches of one record are not worth a fetch each."""
UNSETTLED = 10_000
"""Records of a partition with several lanes, at least: how far its other lanes may run ahead of one that is stuck."""
TOTAL_BYTES = 64 * 1024 * 1024
TOTAL_RECORDS = 200_000
FIRST_GUESS = 16 * 1024
"""Bytes of a record, before any was seen."""
FORGETTING = 0.9
"""What is left, fetch by fetch, of the largest mean size seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What may be in hand. partition_*: of one partition. fetch: records asked for at once, at most."""

    records: int
    size: int
    partition_records: int
    partition_size: int
    fetch: int

    @classmethod
    def of(cls, batch_size: int, lanes: int) -> Limits:
        """For batches of that size in so many lanes a partition."""
        each = max(BATCHES * batch_size * lanes, LEAST)
        most = max(each, UNSETTLED) if lanes > 1 else each
        return cls(
            records=max(TOTAL_RECORDS, most),
            size=TOTAL_BYTES,
            partition_records=most,
            partition_size=min(2 * MAX_PAYLOAD * lanes, TOTAL_BYTES),
            fetch=each,
        )


class Share:
    """One partition's part of the room."""

    __slots__ = ("_room", "name", "records", "size")

    def __init__(self, room: Room, name: str) -> None:
        self._room: Room | None = room
        self.name = name
        self.records = 0
        self.size = 0

    def add(self, records: int, size: int) -> None:
        """So much more is in hand; or less, below 0."""
        if self._room is not None:
            self.records += records
            self.size += size
            self._room.changed_by(self, records, size)

    def close(self) -> None:
        """The partition is given up, and what it had in hand counts no more."""
        if self._room is not None:
            self.add(-self.records, -self.size)
            self._room.close(self)
            self._room = None


class Room:
    """All of a mapping's records in hand."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._shares: dict[str, Share] = {}
        self._held: set[str] = set()
        self._mean = float(FIRST_GUESS)
        self._full = False
        self.records = 0
        self.size = 0
        self.changed = asyncio.Event()
        """Set when a partition has room again, or there is some at all."""

    def open(self, partition: str) -> Share:
        """A share for it."""
        share = self._shares[partition] = Share(self, partition)
        return share

    def close(self, share: Share) -> None:
        """Called by the share."""
        del self._shares[share.name]
        self._held.discard(share.name)

    @property
    def held(self) -> AbstractSet[str]:
        """Partitions that are to be put on hold."""
        if self._full:
            return self._held | {name for name, share in self._shares.items() if share.records}
        return frozenset(self._held)

    @property
    def occupied(self) -> tuple[str, ...]:
        """Partitions that have something in hand."""
        return tuple(name for name, share in self._shares.items() if share.records)

    @property
    def stuck(self) -> bool:
        """Whether everything that is known would be on hold."""
        return bool(self._shares) and len(self.held) == len(self._shares)

    @property
    def asking(self) -> int:
        """Records to ask for, at least 1."""
        fitting = (self._limits.size - self.size) / self._mean
        return max(1, min(self._limits.fetch, self._limits.records - self.records, int(fitting)))

    def learn(self, records: int, size: int) -> None:
        """So many records came, of so many bytes together: what is asked for next follows from their size."""
        self._mean = max(1.0, size / records, self._mean * FORGETTING)

    def changed_by(self, share: Share, records: int, size: int) -> None:
        """Called by the share, which has so much more."""
        self.records += records
        self.size += size
        most = self._limits
        was_held, was_full = share.name in self._held, self._full
        held = _over(was_held, share.records / most.partition_records, share.size / most.partition_size)
        self._full = _over(was_full, self.records / most.records, self.size / most.size)
        (self._held.add if held else self._held.discard)(share.name)
        if (was_held and not held) or (was_full and not self._full):
            self.changed.set()


def _over(before: bool, *used: float) -> bool:
    """Whether a limit is reached; once it is, until half is free again. used: shares of the limits."""
    return max(used) >= (0.5 if before else 1.0)
