"""Records that have been read and not yet been fetched, by partition. Pure; no I/O.

A fetch may be cancelled while the client reads for it; what then comes is kept here for the next one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable
from itertools import islice

from connectors.contract import Record


class Shelf:
    """Bounded by whoever reads: nothing is read while something lies here that may be taken."""

    def __init__(self) -> None:
        self._records: dict[str, deque[Record]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._records.values()))

    def put(self, partition: str, records: Iterable[Record]) -> None:
        """Append, in their order."""
        self._records.setdefault(partition, deque()).extend(records)

    def take(self, room: int, held: Collection[str]) -> list[Record]:
        """Up to ``room`` records of partitions that are not held, those of each in order; the partition waiting longest comes first."""
        taken: list[Record] = []
        for partition in [name for name in self._records if name not in held]:
            if len(taken) >= room:
                break
            records = self._records.pop(partition)
            if len(records) <= room - len(taken):
                taken += records
                continue
            taken += [records.popleft() for _ in range(room - len(taken))]
            self._records[partition] = records  # behind the others
        return taken

    def peek(self, room: int, held: Collection[str]) -> list[Record]:
        """What ``take`` would give, and it stays."""
        found: list[Record] = []
        for partition, records in self._records.items():
            if partition not in held:
                found += islice(records, room - len(found))
        return found

    def forget(self, partitions: Collection[str]) -> None:
        """Drop what lies here of these."""
        for partition in partitions:
            self._records.pop(partition, None)
