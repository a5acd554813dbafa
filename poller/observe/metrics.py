"""Prometheus metrics from facts. One table: which fact moves which metric.

Names are ``pollerd_<thing>_<unit>``; the AWS metric of the same meaning stands in the help text. Labels are names from the configuration
and closed sets of words, never ids.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from poller.observe import events as e
from poller.observe.events import Fact

BATCH_SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000)
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900)

AGES = (0.01, 0.1, 0.5, 1, 5, 10, 30, 60, 120, 300, 900, 1800, 3600, 7200, 10800, 21600)
"""Seconds; an event may wait for six hours."""


On = dict[type[Fact], Callable[..., object]]


class Metrics:
    """All metrics of one daemon, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self._on: On = (
            _polling(self.registry)
            | _batches(self.registry)
            | _streams(self.registry)
            | _settling(self.registry)
            | _functions(self.registry)
            | _asynchronous(self.registry)
            | _api(self.registry)
            | _urls(self.registry)
        )

    def emit(self, fact: Fact) -> None:
        """Move the metrics that the fact moves."""
        if on := self._on.get(type(fact)):
            on(fact)

    def watch(self, name: str, text: str, label: str, read: Callable[[], Mapping[str, float]]) -> None:
        """A gauge that is read when the page is: label value -> number."""
        self.registry.register(_Read(f"pollerd_{name}", text, label, read))

    def page(self) -> bytes:
        """The metrics page, Prometheus text format."""
        return generate_latest(self.registry)


class _Read(Collector):
    """A gauge without memory."""

    def __init__(self, name: str, text: str, label: str, read: Callable[[], Mapping[str, float]]) -> None:
        self._gauge = (name, text)
        self._label = label
        self._read = read

    def collect(self) -> Iterable[Metric]:
        """Called for each page."""
        name, text = self._gauge
        family = GaugeMetricFamily(name, text, labels=[self._label])
        for value, number in self._read().items():
            family.add_metric([value], number)
        yield family


class _Lines(Collector):
    """Lines by function, in plain numbers: there are three in each invocation, and a Counter locks, which costs five times as much."""

    def __init__(self, name: str, text: str) -> None:
        self._about = (name, text)
        self._counts: dict[str, int] = {}
        self._since: dict[str, float] = {}

    def on_logged(self, fact: e.FunctionLogged) -> None:
        """One more."""
        try:
            self._counts[fact.function] += 1
        except KeyError:
            self._counts[fact.function], self._since[fact.function] = 1, time.time()

    def collect(self) -> Iterable[Metric]:
        """Called for each page."""
        name, text = self._about
        family = CounterMetricFamily(name, text, labels=["function"])
        for function, count in self._counts.items():
            family.add_metric([function], count, created=self._since[function])
        yield family


def _polling(registry: CollectorRegistry) -> On:
    polls = Counter(
        "pollerd_polls", "Receives that the source answered, empty ones included.", ["mapping"], registry=registry
    )
    polled = Counter("pollerd_records_polled", "Records received (PolledEventCount).", ["mapping"], registry=registry)
    errors = Counter("pollerd_source_errors", "Failures of the source.", ["mapping", "verb", "kind"], registry=registry)
    up = Gauge("pollerd_source_up", "Whether the source answered last time: 1 or 0.", ["mapping"], registry=registry)
    pollers = Gauge("pollerd_pollers", "Tasks that poll the source.", ["mapping"], registry=registry)

    asked, came, works = cache(polls.labels), cache(polled.labels), cache(up.labels)

    def on_polled(fact: e.RecordsPolled) -> None:
        asked(fact.mapping).inc()
        came(fact.mapping).inc(fact.count)
        works(fact.mapping).set(1)

    def on_failed(fact: e.SourceFailedError) -> None:
        errors.labels(fact.mapping, fact.verb, fact.kind).inc()
        up.labels(fact.mapping).set(0)

    return {
        e.RecordsPolled: on_polled,
        e.SourceFailedError: on_failed,
        e.SourceOpened: lambda fact: up.labels(fact.mapping).set(1),
        e.PollersChanged: lambda fact: pollers.labels(fact.mapping).set(fact.count),
    }


def _batches(registry: CollectorRegistry) -> On:
    text = "Records no filter let through (FilteredOutEventCount)."
    filtered = Counter("pollerd_records_filtered", text, ["mapping"], registry=registry)
    text = "Batches made, by what closed them: size, bytes, window, poll."
    cut = Counter("pollerd_batches_cut", text, ["mapping", "reason"], registry=registry)
    sizes = Histogram(
        "pollerd_batch_records", "Records in a batch.", ["mapping"], buckets=BATCH_SIZES, registry=registry
    )
    judged = Counter("pollerd_batches_judged", "Batches by verdict.", ["mapping", "verdict"], registry=registry)
    text = "Records in failed invocations (FailedInvokeEventCount)."
    failed = Counter("pollerd_records_failed", text, ["mapping"], registry=registry)

    closed, held, verdicts = cache(cut.labels), cache(sizes.labels), cache(judged.labels)

    def on_cut(fact: e.BatchCut) -> None:
        closed(fact.mapping, fact.reason).inc()
        held(fact.mapping).observe(fact.count)

    def on_judged(fact: e.BatchJudged) -> None:
        verdicts(fact.mapping, fact.verdict).inc()
        if fact.failed:
            failed.labels(fact.mapping).inc(fact.failed)

    opened = Counter("pollerd_breaker_opened", "Times that the circuit breaker opened.", ["mapping"], registry=registry)
    text = "The circuit breaker: 0 closed, 1 probing, 2 open; of mappings whose breaker was ever open."
    state = Gauge("pollerd_breaker_state", text, ["mapping"], registry=registry)

    def on_opened(fact: e.BreakerOpened) -> None:
        state.labels(fact.mapping).set(2)
        opened.labels(fact.mapping).inc()

    return {
        e.BreakerOpened: on_opened,
        e.BreakerProbed: lambda fact: state.labels(fact.mapping).set(1),
        e.BreakerClosed: lambda fact: state.labels(fact.mapping).set(0),
        e.RecordsFiltered: lambda fact: filtered.labels(fact.mapping).inc(fact.count),
        e.BatchCut: on_cut,
        e.BatchJudged: on_judged,
    }


def _streams(registry: CollectorRegistry) -> On:
    retries = Counter("pollerd_batches_retried", "Batches to be tried again.", ["mapping"], registry=registry)
    halved = Counter("pollerd_batches_bisected", "Failed batches cut in halves.", ["mapping"], registry=registry)
    text = "Records given up; stored: yes (OnFailureDestinationDeliveredEventCount), no (DroppedEventCount)."
    discarded = Counter("pollerd_records_discarded", text, ["mapping", "condition", "stored"], registry=registry)
    text = "Failure records that the destination did not take (DestinationDeliveryFailures); each is tried again."
    refused = Counter("pollerd_destination_errors", text, ["mapping", "kind"], registry=registry)
    saved = Counter("pollerd_positions_saved", "Positions written to the state file.", ["mapping"], registry=registry)
    text = "Jumps of a stream's reading: rewinds, and what the source did by itself, as on a trimmed stream."
    moved = Counter("pollerd_positions_moved", text, ["mapping"], registry=registry)
    resumed = Counter("pollerd_records_resumed", "Records done before a restart.", ["mapping"], registry=registry)
    windows = Counter("pollerd_windows_ended", "Tumbling windows that ended.", ["mapping"], registry=registry)

    def on_discarded(fact: e.RecordsDiscarded) -> None:
        discarded.labels(fact.mapping, fact.condition, "yes" if fact.stored else "no").inc(fact.count)

    return {
        e.BatchRetried: lambda fact: retries.labels(fact.mapping).inc(),
        e.BatchBisected: lambda fact: halved.labels(fact.mapping).inc(),
        e.RecordsDiscarded: on_discarded,
        e.DestinationFailedError: lambda fact: refused.labels(fact.mapping, fact.kind).inc(),
        e.PositionsSaved: lambda fact: saved.labels(fact.mapping).inc(fact.count),
        e.PositionMoved: lambda fact: moved.labels(fact.mapping).inc(),
        e.RecordsResumed: lambda fact: resumed.labels(fact.mapping).inc(fact.count),
        e.WindowEnded: lambda fact: windows.labels(fact.mapping).inc(),
    }


def _settling(registry: CollectorRegistry) -> On:
    text = "Records the source took an outcome for: delivered and filtered are DeletedEventCount."
    settled = Counter("pollerd_records_settled", text, ["mapping", "outcome"], registry=registry)
    refused = Counter("pollerd_settle_errors", "Settlements the source did not take.", ["mapping"], registry=registry)
    text = "Records known to come again although they were handled or in hand."
    duplicates = Counter("pollerd_records_duplicated", text, ["mapping"], registry=registry)

    told = cache(settled.labels)

    def on_unsettled(fact: e.RecordsUnsettledError) -> None:
        refused.labels(fact.mapping).inc(fact.count)
        if fact.final:
            duplicates.labels(fact.mapping).inc(fact.count)

    return {
        e.RecordsSettled: lambda fact: told(fact.mapping, fact.outcome).inc(fact.count),
        e.RecordsUnsettledError: on_unsettled,
        e.LeaseLostError: lambda fact: duplicates.labels(fact.mapping).inc(fact.count),
    }


def _functions(registry: CollectorRegistry) -> On:
    text = "Invocations by end (Invocations, Errors)."
    invocations = Counter("pollerd_invocations", text, ["function", "status"], registry=registry)
    text = "Duration of invocations (Duration)."
    seconds = Histogram("pollerd_invocation_seconds", text, ["function"], buckets=SECONDS, registry=registry)
    cold = Counter("pollerd_cold_starts", "Invocations that started an environment.", ["function"], registry=registry)
    text = "Time that invocations stood in line until an environment was free or started."
    waits = Histogram("pollerd_environment_wait_seconds", text, ["function"], buckets=SECONDS, registry=registry)
    text = "Invocations of functions with provisioned concurrency, by where: provisioned, spillover."
    placed = Counter("pollerd_provisioned_invocations", text, ["function", "where"], registry=registry)
    text = "Duration of INIT (Init Duration)."
    init = Histogram("pollerd_init_seconds", text, ["function"], buckets=SECONDS, registry=registry)
    lines = _Lines("pollerd_log_lines", "Lines written by functions and about them.")
    registry.register(lines)
    text = "Events of functions' logs that are missing, by where: store, shipping."
    dropped = Counter("pollerd_log_events_dropped", text, ["place"], registry=registry)
    unstored = Counter("pollerd_log_store_errors", "Writes to the log store that failed.", registry=registry)
    unsent = Counter(
        "pollerd_log_shipping_errors", "Batches that CloudWatch Logs did not take.", ["kind"], registry=registry
    )
    text = "Invocations that a function's own server elsewhere did not take."
    remote = Counter("pollerd_remote_errors", text, ["function", "kind"], registry=registry)
    defects = Counter("pollerd_defects", "Failures of pollerd itself.", ["part"], registry=registry)

    ended, took = cache(invocations.labels), cache(seconds.labels)

    def on_invoked(fact: e.InvocationEnded) -> None:
        ended(fact.function, fact.status).inc()
        took(fact.function).observe(fact.seconds)
        if fact.cold:
            cold.labels(fact.function).inc()

    def on_placed(fact: e.InvocationPlaced) -> None:
        placed.labels(fact.function, "provisioned" if fact.provisioned else "spillover").inc()

    return {
        e.InvocationEnded: on_invoked,
        e.EnvironmentStarted: lambda fact: init.labels(fact.function).observe(fact.init_seconds),
        e.EnvironmentAwaited: lambda fact: waits.labels(fact.function).observe(fact.seconds),
        e.InvocationPlaced: on_placed,
        e.FunctionLogged: lines.on_logged,
        e.LogEventsDropped: lambda fact: dropped.labels(fact.place).inc(fact.count),
        e.LogStoreFailedError: lambda _: unstored.inc(),
        e.LogShippingFailedError: lambda fact: unsent.labels(fact.kind).inc(),
        e.RemoteFailedError: lambda fact: remote.labels(fact.function, fact.kind).inc(),
        e.DefectFoundError: lambda fact: defects.labels(fact.part).inc(),
    }


def _asynchronous(registry: CollectorRegistry) -> On:
    text = "Asynchronous events accepted (AsyncEventsReceived)."
    received = Counter("pollerd_async_events_received", text, ["function"], registry=registry)
    text = "Age of asynchronous events when they first ran (AsyncEventAge)."
    age = Histogram("pollerd_async_event_age_seconds", text, ["function"], buckets=AGES, registry=registry)
    text = "Asynchronous events to be run again, by reason: function (its error), refused (nobody could run it)."
    retried = Counter("pollerd_async_events_retried", text, ["function", "reason"], registry=registry)
    text = "Asynchronous events given up (AsyncEventsDropped; of a recursive loop RecursiveInvocationsDropped)."
    dropped = Counter("pollerd_async_events_dropped", text, ["function", "condition"], registry=registry)
    text = "Records of asynchronous events that a destination took, or events that a dead-letter target did."
    told = Counter("pollerd_async_deliveries", text, ["function", "to"], registry=registry)
    text = "Times that a destination or dead-letter target of asynchronous events did not take one; it is told again."
    postponed = Counter("pollerd_async_deliveries_postponed", text, ["function"], registry=registry)
    text = "Records of asynchronous events that their destination did not take for good (DestinationDeliveryFailures)."
    records = Counter("pollerd_destination_delivery_failures", text, ["function"], registry=registry)
    text = "Events that their dead-letter target did not take for good (DeadLetterErrors)."
    letters = Counter("pollerd_dead_letter_errors", text, ["function"], registry=registry)
    text = "Failures that made way for newer ones in the state file."
    forgotten = Counter("pollerd_async_failures_forgotten", text, registry=registry)
    text = "Times that the state file did not serve asynchronous events."
    ledger = Counter("pollerd_async_ledger_errors", text, ["part"], registry=registry)
    accepted, aged = cache(received.labels), cache(age.labels)

    def on_retried(fact: e.EventRetried) -> None:
        retried.labels(fact.function, "function" if fact.counted else "refused").inc()

    def on_delivered(fact: e.RecordDelivered) -> None:
        told.labels(fact.function, "dead-letter" if fact.dead_letter else "destination").inc()

    return {
        e.EventAccepted: lambda fact: accepted(fact.function).inc(),
        e.EventStarted: lambda fact: aged(fact.function).observe(fact.seconds),
        e.EventRetried: on_retried,
        e.EventDropped: lambda fact: dropped.labels(fact.function, fact.condition).inc(),
        e.RecordDelivered: on_delivered,
        e.DeliveryPostponedError: lambda fact: postponed.labels(fact.function).inc(),
        e.DeliveryFailedError: lambda fact: (letters if fact.dead_letter else records).labels(fact.function).inc(),
        e.FailuresForgotten: lambda fact: forgotten.inc(fact.count),
        e.LedgerFailedError: lambda fact: ledger.labels(fact.part).inc(),
    }


def _api(registry: CollectorRegistry) -> On:
    text = "Requests to the API, by operation, and by the code of the error that answered it."
    requests = Counter("pollerd_api_requests", text, ["operation", "code"], registry=registry)
    text = "Time until a request to the API was answered, its body's arrival included."
    seconds = Histogram("pollerd_api_seconds", text, ["operation"], buckets=SECONDS, registry=registry)
    counted, took = cache(requests.labels), cache(seconds.labels)

    def on_answered(fact: e.ApiAnswered) -> None:
        counted(fact.operation, fact.code).inc()
        took(fact.operation).observe(fact.seconds)

    return {e.ApiAnswered: on_answered}


def _urls(registry: CollectorRegistry) -> On:
    text = "Requests to function URLs, by the answer's class: 2xx, 4xx (Url4xxCount), 5xx (Url5xxCount)."
    requests = Counter("pollerd_url_requests", text, ["function", "status"], registry=registry)
    text = "Time that requests to function URLs took (UrlRequestLatency)."
    seconds = Histogram("pollerd_url_request_seconds", text, ["function"], buckets=SECONDS, registry=registry)

    def on_answered(fact: e.UrlAnswered) -> None:
        requests.labels(fact.function, f"{fact.status // 100}xx").inc()
        seconds.labels(fact.function).observe(fact.seconds)

    return {e.UrlAnswered: on_answered}
