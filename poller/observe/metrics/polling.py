"""Sources: what is asked of them, and what comes."""

from __future__ import annotations

from poller.observe import events as e
from poller.observe.metrics.plain import Made
from poller.observe.metrics.stage import SECONDS, On


def stage(made: Made) -> On:
    """The metrics of this stage, made."""
    polls = made.counter("polls", "Receives that the source answered, empty ones included.", "mapping")
    took = made.histogram(
        "poll_seconds", "Time that receives took; an empty one waits for records.", "mapping", bounds=SECONDS
    )
    polled = made.counter("records_polled", "Records received.", "mapping", aws="PolledEventCount")
    errors = made.counter(
        "source_errors",
        "Failures of the source, by what it was asked and what was wrong.",
        "mapping",
        "verb",
        "kind",
        aws="PollingErrorCount",
    )
    up = made.gauge("source_up", "Whether the source answered last time: 1 or 0.", "mapping")
    pollers = made.gauge("pollers", "Tasks that poll the source.", "mapping", aws="ProvisionedPollers")

    def on_polled(fact: e.RecordsPolled) -> None:
        polls.add(fact.mapping)
        took.observe(fact.mapping, size=fact.seconds)
        polled.add(fact.mapping, by=fact.count)
        up.set(fact.mapping, to=1)

    def on_failed(fact: e.SourceFailedError) -> None:
        errors.add(fact.mapping, fact.verb, fact.kind)
        up.set(fact.mapping, to=0)

    return {
        e.RecordsPolled: on_polled,
        e.SourceFailedError: on_failed,
        e.SourceOpened: lambda fact: up.set(fact.mapping, to=1),
        e.PollersChanged: lambda fact: pollers.set(fact.mapping, to=fact.count),
    }
