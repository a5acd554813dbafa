"""Facts become the service's own samples."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from poller.execution.telemetry import facts
from poller.execution.telemetry.records import LOGS_SCHEMAS, TELEMETRY_SCHEMAS, event, events, line

GOLDEN = Path(__file__).parents[3] / "golden/events/telemetry"
TRACING = facts.Tracing(
    span_id="24cd7d670fa455f0",
    value="Root=1-6352a70e-1e2c502e358361800241fd45;Parent=35465b3a9e2f7c6a;Sampled=1",
)
ID = "459921b5-681c-4a96-beb0-81e0aa586026"


def at(text: str) -> float:
    return dt.datetime.fromisoformat(text).timestamp()


DONE = facts.RuntimeDone(
    request_id=ID, status="success", tracing=TRACING,
    spans=(
        facts.Span(name="responseLatency", start=at("2022-10-21T14:05:03.165Z"), duration_ms=2598.0),
        facts.Span(name="responseDuration", start=at("2022-10-21T14:05:05.763Z"), duration_ms=0.0),
    ),
    metrics=facts.RuntimeMetrics(duration_ms=2599.0, produced_bytes=8),
)  # fmt: skip
REPORT = facts.Report(
    request_id=ID, status="success", tracing=TRACING,
    metrics=facts.ReportMetrics(
        duration_ms=2599.4, billed_duration_ms=2600, memory_size_mb=128, max_memory_used_mb=94, init_duration_ms=549.04
    ),
)  # fmt: skip
SUBSCRIBED = facts.Subscribed(name="my-extension", types=["platform", "function"])
DROPPED = facts.LogsDropped(
    dropped_bytes=12345, dropped_records=123,
    reason="Consumer seems to have fallen behind as it has not acknowledged receipt of logs.",
)  # fmt: skip


def failed(request_id: str, status: str, error_type: str, trace: str) -> facts.RuntimeDone:
    tracing = facts.Tracing(span_id="24cd7d670fa455f0", value=trace)
    metrics = facts.RuntimeMetrics(duration_ms=52.56, produced_bytes=0)
    return facts.RuntimeDone(
        request_id=request_id, status=status, error_type=error_type, tracing=tracing, metrics=metrics
    )


TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
SAMPLES: dict[str, facts.Fact] = {
    "function.json": facts.FunctionLine(record="hello world"),
    "extension.json": facts.ExtensionLine(record="hello world"),
    "platform.start.json": facts.Start(request_id=ID, version="$LATEST", tracing=TRACING),
    "platform.init-start.json": facts.InitStart(),
    "init-start-full.json": facts.InitStart(
        runtime_version="nodejs:22.v40",
        runtime_version_arn="arn:aws:lambda:us-east-1::runtime:da57c20c4b965d5b75540f6865a35fc8030358e33ec44ecfed33e90901a27a72",
        function_name="my-function",
        function_version="$LATEST",
        instance_id="2025/10/08/my-function[$LATEST]22be53a8cfde4e68b844f8ec293b2543",
        instance_max_memory=268435456,
    ),
    "platform.runtime-done.json": DONE,
    "platform.runtime-done-failure.json": failed(
        "f1877e51-f93c-5f31-b561-6684b10cd461", "failure", "Runtime.ExitError", TRACE
    ),
    "platform.runtime-done-timeout.json": failed("cbc78ca6-dae7-587a-809c-90b5e6ec5a42", "timeout", "", TRACE),
    "platform.report.json": REPORT,
    "platform.telemetry-subscription.json": SUBSCRIBED,
    "platform.extension.json": facts.ExtensionSeen(name="my-extension", state="Ready", events=["SHUTDOWN", "INVOKE"]),
    "platform.init-report.json": facts.InitReport(metrics=facts.InitMetrics(duration_ms=500.0)),
    "platform.logs-dropped.json": DROPPED,
}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_fact_is_the_services_sample(name: str) -> None:
    wanted = json.loads((GOLDEN / name).read_text())
    assert json.loads(event(SAMPLES[name], at(wanted["time"]))) == wanted


def test_init_runtime_done_carries_the_phase_that_the_older_sample_lacks() -> None:
    wanted = json.loads((GOLDEN / "platform.init-runtime-done.json").read_text())
    wanted["record"]["phase"] = "init"
    assert json.loads(event(facts.InitRuntimeDone(status="success"), at(wanted["time"]))) == wanted


@pytest.mark.parametrize("schema", TELEMETRY_SCHEMAS)
def test_the_telemetry_api_has_no_fault_and_no_end(schema: str) -> None:
    assert list(events(facts.Fault(text="x"), 0, schema)) == []
    assert len(list(events(REPORT, 0, schema))) == 1


def logs(fact: facts.Fact, schema: str) -> list[tuple[str, Any]]:
    return [(one["type"], one["record"]) for one in map(json.loads, events(fact, 0, schema))]


@pytest.mark.parametrize("schema", LOGS_SCHEMAS)
def test_the_logs_api_has_its_own_shapes(schema: str) -> None:
    assert logs(facts.Fault(text="x"), schema) == [("platform.fault", "x")]
    assert logs(SUBSCRIBED, schema)[0][0] == "platform.logsSubscription"
    (end, _), (report, record) = logs(REPORT, schema)
    assert (end, report, list(record)) == ("platform.end", "platform.report", ["requestId", "metrics"])
    assert logs(facts.Start(request_id=ID, version="1", tracing=TRACING), schema) == [
        ("platform.start", {"requestId": ID, "version": "1"})
    ]
    assert logs(facts.InitStart(), schema) == []
    assert logs(facts.FunctionLine(record={"a": 1}), schema) == [("function", '{"a":1}')]
    done = [("platform.runtimeDone", {"requestId": ID, "status": "success"})] if schema == "2021-03-18" else []
    assert logs(DONE, schema) == done


@pytest.mark.parametrize(
    ("text", "json_format", "record"),
    [
        ('{"a":1}', True, {"a": 1}),
        ('{"a":1}', False, '{"a":1}'),
        ("{", True, "{"),
        ("[1]", True, "[1]"),
        ("", True, ""),
    ],
)
def test_a_line_is_an_object_only_in_json_format(text: str, json_format: bool, record: Any) -> None:
    assert line(text, json_format=json_format) == record


def test_restores_are_told() -> None:
    start = json.loads(event(facts.RestoreStart(function_name="f"), 0))
    assert start == {
        "time": "1970-01-01T00:00:00.000Z",
        "type": "platform.restoreStart",
        "record": {"functionName": "f"},
    }
    report = facts.RestoreReport(status="success", metrics=facts.InitMetrics(duration_ms=1.5, billed_duration_ms=2))
    assert json.loads(event(report, 0))["record"] == {
        "status": "success",
        "metrics": {"durationMs": 1.5, "billedDurationMs": 2},
    }
    assert json.loads(event(facts.RestoreRuntimeDone(status="success"), 0))["record"] == {"status": "success"}
