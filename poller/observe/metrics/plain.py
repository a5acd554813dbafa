"""Metrics in plain numbers: the loop moves them and the loop reads them, so nothing is locked.

An invocation moves a dozen; prometheus_client's own counters lock for each, which costs five times as much. Its families are what a
page is made of all the same.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, Exemplar, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

UNITS = ("seconds", "bytes")
"""That names may end with."""


@dataclass(frozen=True, slots=True)
class About:
    """What a metric is. name: without pollerd_ and _total. text: a sentence. aws: names of AWS's metrics of the same meaning, or ""."""

    kind: str
    name: str
    text: str
    labels: tuple[str, ...] = ()
    aws: str = ""

    @property
    def full_name(self) -> str:
        """As queries have it, but for the endings of histograms."""
        return f"pollerd_{self.name}" + ("_total" if self.kind == "counter" else "")

    @property
    def unit(self) -> str:
        """seconds, bytes, or "" for plain numbers."""
        return next((unit for unit in UNITS if self.name.endswith(f"_{unit}")), "")

    @property
    def help(self) -> str:
        """As it stands on the page."""
        return f"{self.text} AWS: {self.aws}." if self.aws else self.text


class Counter(Collector):
    """Only ever grows, from 0 when the daemon starts."""

    def __init__(self, about: About) -> None:
        self._about = about
        self._counts: dict[tuple[str, ...], float] = {}
        self._since: dict[tuple[str, ...], float] = {}
        if not about.labels:
            self._begin(())

    def add(self, *values: str, by: float = 1) -> None:
        """values: of the labels, in their order."""
        try:
            self._counts[values] += by
        except KeyError:
            self._begin(values)
            self._counts[values] += by

    def collect(self) -> Iterable[Metric]:
        """Called for each page."""
        about = self._about
        family = CounterMetricFamily(f"pollerd_{about.name}", about.help, labels=about.labels, unit=about.unit)
        for values, count in self._counts.items():
            family.add_metric(values, count, created=self._since[values])
        yield family

    def _begin(self, values: tuple[str, ...]) -> None:
        self._counts[values], self._since[values] = 0, time.time()


class Gauge(Collector):
    """Goes up and down. Without a value nothing is shown."""

    def __init__(self, about: About) -> None:
        self._about = about
        self._numbers: dict[tuple[str, ...], float] = {}

    def set(self, *values: str, to: float) -> None:
        """values: of the labels, in their order."""
        self._numbers[values] = to

    def rise(self, *values: str, to: float) -> None:
        """The most that was seen."""
        self._numbers[values] = max(to, self._numbers.get(values, to))

    def collect(self) -> Iterable[Metric]:
        """Called for each page."""
        yield _gauge(self._about, self._numbers)


class Read(Collector):
    """A gauge without memory: read when the page is made, so it cannot drift from what it tells of. One label, or none by the key ""."""

    def __init__(self, about: About, read: Callable[[], Mapping[str, float]]) -> None:
        self._about = about
        self._read = read

    def collect(self) -> Iterable[Metric]:
        """Called for each page."""
        labelled = bool(self._about.labels)
        yield _gauge(self._about, {(value,) if labelled else (): number for value, number in self._read().items()})


def _gauge(about: About, numbers: Mapping[tuple[str, ...], float]) -> Metric:
    family = GaugeMetricFamily(f"pollerd_{about.name}", about.help, labels=about.labels, unit=about.unit)
    for values, number in numbers.items():
        family.add_metric(values, number)
    return family


@dataclass(slots=True, eq=False)
class _Series:
    """counts: by bucket, the last one for what is past all bounds. exemplars: the newest of each bucket."""

    counts: list[int]
    total: float = 0.0
    exemplars: dict[int, Exemplar] = field(default_factory=dict)


class Histogram(Collector):
    """How often which size occurred. bounds: inclusive, ascending."""

    def __init__(self, about: About, bounds: Sequence[float]) -> None:
        self._about = about
        self._bounds = bounds
        self._series: dict[tuple[str, ...], _Series] = {}

    def observe(self, *values: str, size: float, trace: str = "") -> None:
        """values: of the labels, in their order. trace: id of a trace that shows where such a size came from; "" for none."""
        series = self._series.get(values)
        if series is None:
            series = self._series[values] = _Series([0] * (len(self._bounds) + 1))
        bucket = bisect_left(self._bounds, size)
        series.counts[bucket] += 1
        series.total += size
        if trace:
            series.exemplars[bucket] = Exemplar({"trace_id": trace}, size, time.time())

    def collect(self) -> Iterable[Metric]:
        """Called for each page."""
        about = self._about
        family = HistogramMetricFamily(f"pollerd_{about.name}", about.help, labels=about.labels, unit=about.unit)
        for values, series in self._series.items():
            family.add_metric(values, list(self._buckets(series)), series.total)
        yield family

    def _buckets(self, series: _Series) -> Iterable[tuple[str, float] | tuple[str, float, Exemplar]]:
        below = 0
        bounds = [*(str(float(bound)) for bound in self._bounds), "+Inf"]
        for n, (bound, count) in enumerate(zip(bounds, series.counts, strict=True)):
            below += count
            exemplar = series.exemplars.get(n)
            yield (bound, below, exemplar) if exemplar else (bound, below)


class Made:
    """All metrics of one daemon, as they are made. abouts: of all, in the order they were made."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self.abouts: list[About] = []

    def counter(self, name: str, text: str, *labels: str, aws: str = "") -> Counter:
        """A new counter."""
        counter = Counter(self._about("counter", name, text, labels, aws))
        self._registry.register(counter)
        return counter

    def gauge(self, name: str, text: str, *labels: str, aws: str = "") -> Gauge:
        """A new gauge."""
        gauge = Gauge(self._about("gauge", name, text, labels, aws))
        self._registry.register(gauge)
        return gauge

    def histogram(self, name: str, text: str, *labels: str, bounds: Sequence[float], aws: str = "") -> Histogram:
        """A new histogram."""
        histogram = Histogram(self._about("histogram", name, text, labels, aws), bounds)
        self._registry.register(histogram)
        return histogram

    def read(self, name: str, text: str, *labels: str, of: Callable[[], Mapping[str, float]], aws: str = "") -> None:
        """A new gauge that is read when the page is."""
        self._registry.register(Read(self._about("gauge", name, text, labels, aws), of))

    def _about(self, kind: str, name: str, text: str, labels: tuple[str, ...], aws: str) -> About:
        about = About(kind, name, text, labels, aws)
        if about.name in {each.name for each in self.abouts}:
            raise ValueError(f"there are two metrics {about.full_name}")
        self.abouts.append(about)
        return about
