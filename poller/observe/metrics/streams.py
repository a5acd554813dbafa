"""Streams: what is tried again in place, given up, and how far reading has come."""

from __future__ import annotations

from poller.observe import events as e
from poller.observe.metrics.plain import Made
from poller.observe.metrics.stage import On


def stage(made: Made) -> On:
    """The metrics of this stage, made."""
    retries = made.counter("batches_retried", "Batches to be tried again.", "mapping")
    halved = made.counter("batches_bisected", "Failed batches cut in halves.", "mapping")
    discarded = made.counter(
        "records_discarded",
        "Records given up; stored: yes (at the destination) or no.",
        "mapping",
        "condition",
        "stored",
        aws="OnFailureDestinationDeliveredEventCount (yes), DroppedEventCount (no)",
    )
    refused = made.counter(
        "destination_errors",
        "Failure records that the destination did not take; each is tried again.",
        "mapping",
        "kind",
        aws="DestinationDeliveryFailures, OnFailureDestinationDeliveryErrorCount",
    )
    saved = made.counter("positions_saved", "Positions written to the state file.", "mapping")
    text = "Jumps of a stream's reading: rewinds, and what the source did by itself, as on a trimmed stream."
    moved = made.counter("positions_moved", text, "mapping")
    resumed = made.counter("records_resumed", "Records done before a restart.", "mapping")
    windows = made.counter("windows_ended", "Tumbling windows that ended.", "mapping")

    def on_discarded(fact: e.RecordsDiscarded) -> None:
        discarded.add(fact.mapping, fact.condition, "yes" if fact.stored else "no", by=fact.count)

    return {
        e.BatchRetried: lambda fact: retries.add(fact.mapping),
        e.BatchBisected: lambda fact: halved.add(fact.mapping),
        e.RecordsDiscarded: on_discarded,
        e.DestinationFailedError: lambda fact: refused.add(fact.mapping, fact.kind),
        e.PositionsSaved: lambda fact: saved.add(fact.mapping, by=fact.count),
        e.PositionMoved: lambda fact: moved.add(fact.mapping),
        e.RecordsResumed: lambda fact: resumed.add(fact.mapping, by=fact.count),
        e.WindowEnded: lambda fact: windows.add(fact.mapping),
    }
