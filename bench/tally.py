"""What handlers saw: every contender appends ``<nanoseconds since the epoch> <records>`` to one file for each batch.

Written from four places (function/app.py, consumers/loop.py, consumers/sqs_consumer.mjs and here the reading), so that it costs
every contender the same: one small append a batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.programs import Failed

WARM_UP = 0.2
"""Share of the records that is not timed: cold starts and first connections fall into it, for everyone."""
TAIL = 0.9
"""Share after which nothing is timed: last batches may wait for their window, which is not a matter of speed."""


@dataclass(frozen=True, slots=True)
class Tally:
    """The file of one contender's run."""

    path: Path

    @classmethod
    def made(cls, folder: Path) -> Tally:
        """A new one, in a new folder; functions may run as a user of their own."""
        folder.mkdir()
        folder.chmod(0o777)
        tally = cls(folder / "tally")
        tally.path.touch()
        tally.path.chmod(0o666)
        return tally

    def total(self) -> int:
        """Records handled so far, repeats included."""
        return sum(count for _, count in self._marks())

    def rate(self, first: float, last: float) -> float:
        """Records a second between the batches that completed those shares of all records handled."""
        began, before = self.at(first)
        ended, after = self.at(last)
        if ended <= began:
            raise Failed("too few batches to time")
        return (after - before) / (ended - began)

    def at(self, share: float) -> tuple[float, int]:
        """When the batch came that completed that share (seconds since the epoch), and how many records had come by then."""
        marks = sorted(self._marks())
        total = sum(count for _, count in marks)
        seen = 0
        for at, count in marks:
            seen += count
            if seen >= share * total:
                return at, seen
        raise Failed("no record was handled")

    def _marks(self) -> list[tuple[float, int]]:
        if not self.path.exists():
            return []
        whole, _, _ = self.path.read_text().rpartition("\n")  # a line may be half written
        return [(int(at) / 1e9, int(count)) for at, count in (line.split() for line in whole.splitlines())]
