"""Batches: filtered, cut, run, judged."""

from __future__ import annotations

from poller.observe import events as e
from poller.observe.metrics.plain import Made
from poller.observe.metrics.stage import SECONDS, SIZES, On


def stage(made: Made) -> On:
    """The metrics of this stage, made."""
    filtered = made.counter(
        "records_filtered", "Records that no filter let through.", "mapping", aws="FilteredOutEventCount"
    )
    text = "Batches made, by what closed them: size, bytes, window, poll (what one receive returned), stop."
    cut = made.counter("batches_cut", text, "mapping", "reason")
    sizes = made.histogram("batch_records", "Records in a batch.", "mapping", bounds=SIZES)
    text = "Time from a batch's first record (of a stream: since its lane was free) to its cut: what the batching window costs."
    waits = made.histogram("batch_wait_seconds", text, "mapping", bounds=SECONDS)
    text = "Time from a batch's first record until all of it was settled or given up, retries included."
    whole = made.histogram("batch_seconds", text, "mapping", bounds=SECONDS)
    judged = made.counter("batches_judged", "Batches by verdict: delivered, partial, failed.", "mapping", "verdict")
    text = "Records handed to invocations; retries count again."
    invoked = made.counter("records_invoked", text, "mapping", aws="InvokedEventCount")
    text = "Records in failed invocations; of a partial response those that failed."
    failed = made.counter("records_failed", text, "mapping", aws="FailedInvokeEventCount")

    def on_cut(fact: e.BatchCut) -> None:
        cut.add(fact.mapping, fact.reason)
        sizes.observe(fact.mapping, size=fact.count)
        waits.observe(fact.mapping, size=fact.waited)

    def on_judged(fact: e.BatchJudged) -> None:
        judged.add(fact.mapping, fact.verdict)
        if fact.request_id:
            invoked.add(fact.mapping, by=fact.delivered + fact.failed)
        if fact.failed:
            failed.add(fact.mapping, by=fact.failed)

    return {
        e.RecordsFiltered: lambda fact: filtered.add(fact.mapping, by=fact.count),
        e.BatchCut: on_cut,
        e.BatchJudged: on_judged,
        e.BatchEnded: lambda fact: whole.observe(fact.mapping, size=fact.seconds),
    }
