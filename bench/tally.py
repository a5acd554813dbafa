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


@dataclass(frozen=True, slots=True)
class Tally:
    """The file of one contender's run."""

    path: Path

    def total(self) -> int:
        """Records handled so far, repeats included."""
        return sum(count for _, count in self._marks())

    def since(self, share: float) -> tuple[float, int]:
        """When the batch came that completed that share of the records (seconds since the epoch), and how many came after it."""
        marks = sorted(self._marks())
        total = sum(count for _, count in marks)
        seen = 0
        for at, count in marks:
            seen += count
            if seen >= share * total:
                return at, total - seen
        raise Failed("no record was handled")

    def rate(self, share: float) -> float:
        """Records a second from the batch that completed that share of them to the last one."""
        began, timed = self.since(share)
        return timed / (max(at for at, _ in self._marks()) - began)

    def _marks(self) -> list[tuple[float, int]]:
        if not self.path.exists():
            return []
        whole, _, _ = self.path.read_text().rpartition("\n")  # a line may be half written
        return [(int(at) / 1e9, int(count)) for at, count in (line.split() for line in whole.splitlines())]
