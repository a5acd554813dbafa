"""Platform lines in text format, tab by tab (recorded; Lambda DG, Viewing logs)."""

from __future__ import annotations

from typing import Any

import pytest

from poller.execution.contract import Result, Status
from poller.execution.logs.words import report, subscription, text
from poller.execution.telemetry.facts import ExtensionSeen, Fact, InitMetrics, InitReport, InitStart, Start, Subscribed

PLAIN = "REPORT RequestId: r\tDuration: 12.34 ms\tBilled Duration: 13 ms\tMemory Size: 128 MB\tMax Memory Used: 48 MB\t"


def result(status: Status = Status.SUCCESS, **more: Any) -> Result:
    return Result(request_id="r", status=status, payload=b"", duration_ms=12.34, max_memory_mb=48, **more)


def test_a_report() -> None:
    assert report(result(), 128) == PLAIN


def test_an_init_is_billed() -> None:
    cold = report(result(init_ms=117.86), 128)
    assert cold == PLAIN.replace("Billed Duration: 13", "Billed Duration: 131") + "Init Duration: 117.86 ms\t"


def test_a_trace_is_named_when_it_is_sampled() -> None:
    trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled="
    named = "XRAY TraceId: 1-5759e988-bd862e3fe1be46a994272793\tSegmentId: 53995c3f42cd8ad8\tSampled: true\t"
    assert report(result(), 128, trace + "1") == PLAIN + named
    assert report(result(), 128, trace + "0") == PLAIN
    assert report(result(), 128, "Root=1-2-3;Sampled=1") == PLAIN + "XRAY TraceId: 1-2-3\tSampled: true\t"


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (Status.TIMEOUT, "Sandbox.Timedout", "Status: timeout\t"),
        (Status.FAILURE, "Runtime.ExitError", "Status: error\tError Type: Runtime.ExitError\t"),
        (Status.FAILURE, "Extension.Crash", "Status: error\tError Type: Extension.Crash\t"),
        (Status.ERROR, "ValueError", "Status: error\tError Type: Runtime.Unknown\t"),
        (Status.ERROR, "Function.ResponseSizeTooLarge", "Status: error\tError Type: Function.ResponseSizeTooLarge\t"),
    ],
)
def test_a_failure_is_named_in_the_platforms_own_words(status: Status, kind: str, words: str) -> None:
    assert report(result(status, error_type=kind), 128) == PLAIN + words


METRICS = InitMetrics(duration_ms=10.166)
AHEAD = "provisioned-concurrency"


@pytest.mark.parametrize(
    ("fact", "line"),
    [
        (
            InitStart(runtime_version="python:3.11.7", runtime_version_arn="arn:aws:lambda:eu-west-1::runtime:ab"),
            "INIT_START Runtime Version: python:3.11.7\tRuntime Version ARN: arn:aws:lambda:eu-west-1::runtime:ab",
        ),
        (InitStart(), None),
        (InitReport(metrics=METRICS, status="success"), None),
        (
            InitReport(metrics=METRICS, status="success", initialization_type=AHEAD),
            "INIT_REPORT Init Duration: 10.17 ms",
        ),
        (
            InitReport(metrics=METRICS, status="timeout"),
            "INIT_REPORT Init Duration: 10.17 ms\tPhase: init\tStatus: timeout",
        ),
        (
            InitReport(metrics=METRICS, phase="invoke", status="error", error_type="Runtime.ExitError"),
            "INIT_REPORT Init Duration: 10.17 ms\tPhase: invoke\tStatus: error\tError Type: Runtime.ExitError",
        ),
        (
            ExtensionSeen(name="x", state="Ready", events=["INVOKE", "SHUTDOWN"]),
            "EXTENSION\tName: x\tState: Ready\tEvents: [INVOKE, SHUTDOWN]",
        ),
        (
            ExtensionSeen(name="x", state="LaunchError", events=[], error_type="Extension.LaunchError"),
            "EXTENSION\tName: x\tState: LaunchError\tEvents: []\tError Type: Extension.LaunchError",
        ),
        (Start(request_id="r", version="1"), None),  # an invocation's course has lines of its own
    ],
)
def test_what_happens_outside_invocations(fact: Fact, line: str | None) -> None:
    assert text(fact) == line


def test_a_subscription() -> None:
    fact = Subscribed(name="x", types=["platform", "function"])
    assert subscription(fact, logs=False) == "TELEMETRY\tName: x\tState: Subscribed\tTypes: [Platform, Function]"
    assert subscription(fact, logs=True) == "LOGS\tName: x\tState: Subscribed\tTypes: [Platform, Function]"
