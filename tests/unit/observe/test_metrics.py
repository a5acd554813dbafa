"""Facts become numbers on the page, in the format that was asked for; the table for people tells of all of them."""

from __future__ import annotations

import gzip
import math
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as plain

from poller.cli.schema import metrics_text
from poller.observe import events as e
from poller.observe.metrics import Metrics
from poller.observe.metrics.functions import kind_of
from poller.observe.metrics.plain import Made

OPEN = "application/openmetrics-text; version=1.0.0"
SAMPLED = "Root=1-6925a0c1-0123456789abcdef01234567;Parent=53995c3f42cd8ad8;Sampled=1"
FACTS = (
    e.RecordsPolled(mapping="m", count=3, seconds=0.2),
    e.SourceFailedError(mapping="m", verb="fetch", kind="Throttled", message="slow down", retry_seconds=1),
    e.BatchCut(mapping="m", count=3, reason="window", waited=1.0),
    e.BatchJudged(mapping="m", function="f", request_id="r", verdict="partial", delivered=2, failed=1, why="one"),
    e.BatchSettled(mapping="m", count=3, seconds=0.01),
    e.BatchEnded(mapping="m", seconds=1.4),
    e.InvocationThrottled(function="f", caller="api"),
    e.EnvironmentStarted(function="f", environment="x", init_seconds=0.1, error_type="Runtime.ExitError"),
    e.EnvironmentStopped(function="f", environment="x", reason="idle"),
    e.RecordDelivered(function="f", dead_letter=True, kind="sqs", seconds=0.02, trace_id=""),
    e.StateWritten(count=4, seconds=0.003, failed=False),
    e.LoopLagged(seconds=0.0001),
    e.ConfigurationRefusedError(message="no"),
)


def ended(trace_id: str = "", *, status: str = "success", error_type: str = "") -> e.InvocationEnded:
    return e.InvocationEnded(
        function="f",
        request_id="r",
        status=status,
        error_type=error_type,
        seconds=0.3,
        cold=True,
        trace_id=trace_id,
        request_bytes=10,
        response_bytes=4,
        max_memory_mb=40,
    )


def filled() -> Metrics:
    metrics = Metrics()
    for fact in (*FACTS, ended(SAMPLED), ended(status="timeout", error_type="Sandbox.Timedout")):
        metrics.emit(fact)
    metrics.watch("slots_limit", "Slots there are.", "pool", lambda: {"": 990})
    return metrics


def samples(metrics: Metrics) -> dict[tuple[str, tuple[str, ...]], float]:
    families = plain(metrics.page().text)
    return {(one.name, tuple(one.labels.values())): one.value for family in families for one in family.samples}


def test_each_stage_moves_its_own_numbers() -> None:
    found = samples(filled())
    assert found["pollerd_records_polled_total", ("m",)] == 3
    assert found["pollerd_poll_seconds_sum", ("m",)] == 0.2
    assert found["pollerd_source_up", ("m",)] == 0
    assert found["pollerd_records_invoked_total", ("m",)] == 3
    assert found["pollerd_records_failed_total", ("m",)] == 1
    assert found["pollerd_batch_wait_seconds_sum", ("m",)] == 1.0
    assert found["pollerd_settle_seconds_count", ("m",)] == 1
    assert found["pollerd_invocation_errors_total", ("f", "timeout")] == 1
    assert found["pollerd_invocation_request_bytes_total", ("f",)] == 20
    assert found["pollerd_invocation_memory_max_bytes", ("f",)] == 40 * 1024 * 1024
    assert found["pollerd_init_errors_total", ("f", "exit")] == 1
    assert found["pollerd_async_delivery_seconds_count", ("sqs",)] == 1
    assert found["pollerd_throttles_total", ("api", "f")] == 1
    assert found["pollerd_state_writes_total", ()] == 4
    assert found["pollerd_configuration_reload_good", ()] == 0


def test_a_batch_that_no_function_saw_was_not_invoked() -> None:
    metrics = Metrics()
    metrics.emit(
        e.BatchJudged(mapping="m", function="f", request_id="", verdict="failed", delivered=0, failed=1, why="big")
    )
    assert ("pollerd_records_invoked_total", ("m",)) not in samples(metrics)


def test_the_text_format_is_the_default_and_has_no_beginnings() -> None:
    page = filled().page("text/html, */*")
    assert page.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "_created" not in page.text


def test_open_metrics_is_given_to_who_asks_with_beginnings_and_a_trace_to_look_at() -> None:
    page = filled().page(f"{OPEN},text/plain;q=0.5")
    assert page.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    families = {family.name: family for family in open_metrics(page.text)}  # type: ignore[no-untyped-call]  # it ships no types
    assert any(one.name.endswith("_created") for one in families["pollerd_records_polled"].samples)
    assert families["pollerd_invocation_seconds"].unit == "seconds"
    exemplars = [one.exemplar for one in families["pollerd_invocation_seconds"].samples if one.exemplar]
    assert [one.labels for one in exemplars] == [{"trace_id": "6925a0c10123456789abcdef01234567"}]


def test_a_page_is_compressed_for_who_can_read_it() -> None:
    metrics = filled()
    page = metrics.page(encoding="deflate, gzip;q=1.0")
    assert page.headers["Content-Encoding"] == "gzip"
    assert b"pollerd_records_polled_total" in gzip.decompress(page.body)
    assert "Content-Encoding" not in metrics.page(encoding="br").headers


@pytest.mark.parametrize(
    ("status", "error_type", "kind"),
    [
        ("error", "ValueError", "handler"),
        ("timeout", "Sandbox.Timedout", "timeout"),
        ("failure", "Runtime.ExitError", "exit"),
        ("failure", "Runtime.OutOfMemory", "memory"),
        ("error", "Function.ResponseSizeTooLarge", "response"),
        ("failure", "whatever a runtime says", "failure"),
    ],
)
def test_errors_are_told_apart_in_few_words(status: str, error_type: str, kind: str) -> None:
    assert kind_of(status, error_type) == kind


@given(st.lists(st.floats(min_value=0, max_value=100), max_size=30))
def test_a_histogram_counts_what_is_at_or_below_each_bound(sizes: list[float]) -> None:
    histogram = Made(CollectorRegistry()).histogram("x", "Some.", bounds=(1, 10))
    for size in sizes:
        histogram.observe(size=size)
    [family] = histogram.collect()
    buckets = {one.labels["le"]: one.value for one in family.samples if one.name == "pollerd_x_bucket"}
    for bound, count in buckets.items():
        assert count == sum(size <= float(bound) for size in sizes)
    totals = [one.value for one in family.samples if one.name == "pollerd_x_sum"]
    assert totals == ([pytest.approx(math.fsum(sizes))] if sizes else [])


def test_no_two_metrics_have_one_name() -> None:
    made = Made(CollectorRegistry())
    made.counter("polls", "Some.", "mapping")
    with pytest.raises(ValueError, match="two metrics pollerd_polls"):
        made.gauge("polls", "Others.")


def test_the_table_for_people_is_fresh() -> None:
    assert (Path(__file__).parents[3] / "config" / "metrics.md").read_text() == metrics_text()


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not here (Debian: prometheus)")
def test_promtool_finds_nothing_to_say() -> None:
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=filled().page().body, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")
