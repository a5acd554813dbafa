"""What functions log, and where copies of it go."""

from __future__ import annotations

from poller.observe import events as e
from poller.observe.metrics.plain import Made
from poller.observe.metrics.stage import On


def stage(made: Made) -> On:
    """The metrics of this stage, made."""
    lines = made.counter("log_lines", "Lines written by functions and about them.", "function")
    dropped = made.counter(
        "log_events_dropped", "Events of functions' logs that are missing, by where: store, shipping.", "place"
    )
    unstored = made.counter("log_store_errors", "Writes to the log store that failed.")
    unsent = made.counter("log_shipping_errors", "Batches that CloudWatch Logs did not take.", "kind")
    return {
        e.FunctionLogged: lambda fact: lines.add(fact.function),
        e.LogEventsDropped: lambda fact: dropped.add(fact.place, by=fact.count),
        e.LogStoreFailedError: lambda _: unstored.add(),
        e.LogShippingFailedError: lambda fact: unsent.add(fact.kind),
    }
