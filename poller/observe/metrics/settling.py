"""Settling: what sources are told has become of records, and what is known to come twice."""

from __future__ import annotations

from poller.observe import events as e
from poller.observe.metrics.plain import Made
from poller.observe.metrics.stage import SECONDS, On


def stage(made: Made) -> On:
    """The metrics of this stage, made."""
    settled = made.counter(
        "records_settled",
        "Records the source took an outcome for: delivered, filtered, rejected, retry, released.",
        "mapping",
        "outcome",
        aws="DeletedEventCount (SQS: delivered and filtered), CommittedEventCount (Kafka)",
    )
    took = made.histogram(
        "settle_seconds", "Time until the source had taken what became of a batch.", "mapping", bounds=SECONDS
    )
    refused = made.counter(
        "settle_errors", "Settlements the source did not take.", "mapping", aws="CommitErrorCount (Kafka)"
    )
    text = "Records known to come again although they were handled or in hand."
    duplicates = made.counter("records_duplicated", text, "mapping")

    def on_unsettled(fact: e.RecordsUnsettledError) -> None:
        refused.add(fact.mapping, by=fact.count)
        if fact.final:
            duplicates.add(fact.mapping, by=fact.count)

    return {
        e.RecordsSettled: lambda fact: settled.add(fact.mapping, fact.outcome, by=fact.count),
        e.BatchSettled: lambda fact: took.observe(fact.mapping, size=fact.seconds),
        e.RecordsUnsettledError: on_unsettled,
        e.LeaseLostError: lambda fact: duplicates.add(fact.mapping, by=fact.count),
    }
