"""One look at a daemon's counters, and what lies between two of them: rates and quantiles. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

Labels = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Sample:
    """at: seconds, monotonic. mappings: as ``/_pollerd/mappings`` has them. values: of the metrics page, by name, then labels."""

    at: float
    mappings: Sequence[Mapping[str, Any]]
    values: Mapping[str, Mapping[Labels, float]]

    @classmethod
    def of(cls, at: float, mappings: Sequence[Mapping[str, Any]], page: str) -> Sample:
        """Read a metrics page."""
        values: defaultdict[str, dict[Labels, float]] = defaultdict(dict)
        for family in text_string_to_metric_families(page):
            for each in family.samples:
                values[each.name][frozenset(each.labels.items())] = each.value
        return cls(at, mappings, values)

    def sum(self, name: str, **labels: str) -> float:
        """Of all that have these labels, whatever others they have."""
        wanted = frozenset(labels.items())
        return sum(value for have, value in self.values.get(name, {}).items() if wanted <= have)

    def labelled(self, name: str, label: str) -> list[str]:
        """Values that a label has, in order."""
        return sorted({dict(have)[label] for have in self.values.get(name, {}) if label in dict(have)})


def rate(before: Sample, after: Sample, name: str, **labels: str) -> float:
    """Of a counter, a second; one that began anew, with its daemon, counts from 0."""
    more = after.sum(name, **labels) - before.sum(name, **labels)
    seconds = after.at - before.at
    return max(0.0, more if more >= 0 else after.sum(name, **labels)) / seconds if seconds > 0 else 0.0


def quantile(before: Sample, after: Sample, name: str, share: float, **labels: str) -> float | None:
    """Of a histogram, between two looks, within its bucket in proportion; None when nothing was observed."""
    wanted = frozenset(labels.items())
    counts: dict[float, float] = {}
    for have, value in after.values.get(f"{name}_bucket", {}).items():
        if wanted <= have:
            earlier = before.values.get(f"{name}_bucket", {}).get(have, 0.0)
            counts[float(dict(have)["le"])] = value - earlier
    bounds = sorted(counts)
    if not bounds or counts[bounds[-1]] <= 0:
        return None
    target, low, below = counts[bounds[-1]] * share, 0.0, 0.0
    for bound in bounds:
        if counts[bound] >= target:
            if bound == float("inf"):
                return low
            within = counts[bound] - below
            return low + (bound - low) * ((target - below) / within if within else 1.0)
        low, below = bound, counts[bound]
    return low
