"""What a measurement yields: figures with their spread, lines that set ours beside a peer's, and reasons for what was left out.

A ratio is taken within a round, where both sides met the same machine at nearly the same time; the line shows the median of the rounds.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Figure:
    """The samples of one side, one a round, at least one."""

    samples: Sequence[float]

    @property
    def median(self) -> float:
        """The figure itself."""
        return statistics.median(self.samples)

    @property
    def spread(self) -> tuple[float, float]:
        """Least and greatest sample."""
        return min(self.samples), max(self.samples)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row of the table.

    letter: of the measurement. path: what was measured. peer: whom theirs is of, "" where ours stands alone.
    budget: in words, "" where none was set; met: whether it was kept, None without a budget.
    """

    letter: str
    path: str
    unit: str
    ours: Figure
    peer: str = ""
    theirs: Figure | None = None
    budget: str = ""
    met: bool | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours by theirs."""
        return ratio(self.ours, self.theirs) if self.theirs else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """What could not be measured, and why."""

    letter: str
    path: str
    reason: str


@dataclass(slots=True)
class Rounds:
    """Samples by contender, as the rounds bring them."""

    samples: dict[str, list[float]] = field(default_factory=dict)

    def add(self, name: str, value: float) -> None:
        """One round's sample."""
        self.samples.setdefault(name, []).append(value)

    def figure(self, name: str) -> Figure:
        """All samples of a contender. Raises KeyError for one that never ran."""
        return Figure(tuple(self.samples[name]))


def in_turn(
    times: int, sides: Mapping[str, Callable[[], Mapping[str, float]]], keys: Iterable[str]
) -> dict[str, Rounds]:
    """Samples by key, of so many rounds with all sides in each."""
    seen = {key: Rounds() for key in keys}
    for _ in range(times):
        for side, run in sides.items():
            found = run()
            for key, rounds in seen.items():
                rounds.add(side, found[key])
    return seen


def ratio(ours: Figure, theirs: Figure) -> float:
    """Median over the rounds of ours by theirs."""
    pairs = zip(ours.samples, theirs.samples, strict=False)
    return statistics.median(one / other for one, other in pairs)


def percentile(samples: Sequence[float], share: float) -> float:
    """The nearest rank: share 0.99 is what 99 of 100 samples do not exceed."""
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
