"""Asynchronous invocations, and who is told of their outcomes."""

from __future__ import annotations

from poller.observe import events as e
from poller.observe.metrics.plain import Made
from poller.observe.metrics.stage import AGES, SECONDS, On


def stage(made: Made) -> On:
    """The metrics of this stage, made."""
    accepted = made.counter(
        "async_events_received", "Asynchronous events accepted.", "function", aws="AsyncEventsReceived"
    )
    text = "Age of asynchronous events when they first ran."
    age = made.histogram("async_event_age_seconds", text, "function", bounds=AGES, aws="AsyncEventAge")
    text = "Asynchronous events to be run again, by reason: function (its error), refused (nobody could run it)."
    retried = made.counter("async_events_retried", text, "function", "reason")
    text = "Asynchronous events given up, by the condition in their record."
    aws = "AsyncEventsDropped, RecursiveInvocationsDropped (of a loop)"
    dropped = made.counter("async_events_dropped", text, "function", "condition", aws=aws)
    text = "Records of asynchronous events that a destination took, or events that a dead-letter target did."
    told = made.counter("async_deliveries", text, "function", "to")
    text = "Time that a destination or dead-letter target took, by its service: sqs, sns, s3, events, file."
    took = made.histogram("async_delivery_seconds", text, "type", bounds=SECONDS)
    text = "Times that a destination or dead-letter target of asynchronous events did not take one; it is told again."
    postponed = made.counter("async_deliveries_postponed", text, "function")
    text = "Records of asynchronous events that their destination did not take for good."
    records = made.counter("destination_delivery_failures", text, "function", aws="DestinationDeliveryFailures")
    text = "Events that their dead-letter target did not take for good."
    letters = made.counter("dead_letter_errors", text, "function", aws="DeadLetterErrors")
    forgotten = made.counter("async_failures_forgotten", "Failures that made way for newer ones in the state file.")
    text = "Times that the state file did not serve asynchronous events."
    ledger = made.counter("async_ledger_errors", text, "part")

    def on_retried(fact: e.EventRetried) -> None:
        retried.add(fact.function, "function" if fact.counted else "refused")

    def on_delivered(fact: e.RecordDelivered) -> None:
        told.add(fact.function, "dead-letter" if fact.dead_letter else "destination")
        took.observe(fact.kind, size=fact.seconds)

    return {
        e.EventAccepted: lambda fact: accepted.add(fact.function),
        e.EventStarted: lambda fact: age.observe(fact.function, size=fact.seconds),
        e.EventRetried: on_retried,
        e.EventDropped: lambda fact: dropped.add(fact.function, fact.condition),
        e.RecordDelivered: on_delivered,
        e.DeliveryPostponedError: lambda fact: postponed.add(fact.function),
        e.DeliveryFailedError: lambda fact: (letters if fact.dead_letter else records).add(fact.function),
        e.FailuresForgotten: lambda fact: forgotten.add(by=fact.count),
        e.LedgerFailedError: lambda fact: ledger.add(fact.part),
    }
