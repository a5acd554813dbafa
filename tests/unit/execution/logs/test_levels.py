"""The table of system events (Lambda DG, Log-level filtering), and the levels of application lines."""

from __future__ import annotations

from typing import Any

import pytest

from poller.execution.logs import levels
from poller.execution.telemetry import facts
from poller.execution.telemetry.facts import Fact, InitMetrics, ReportMetrics

INIT = InitMetrics(duration_ms=1.0)
METRICS = ReportMetrics(duration_ms=1.0, billed_duration_ms=1, memory_size_mb=128, max_memory_used_mb=1)
AHEAD = "provisioned-concurrency"


@pytest.mark.parametrize(
    ("fact", "level"),
    [
        (facts.InitStart(runtime_version="python:3.11.7"), "INFO"),
        (facts.InitStart(), "DEBUG"),
        (facts.RestoreStart(runtime_version="python:3.11.7"), "INFO"),
        (facts.RestoreStart(), "DEBUG"),
        (facts.InitRuntimeDone(status="success"), "DEBUG"),
        (facts.InitRuntimeDone(status="timeout"), "WARN"),
        (facts.RestoreRuntimeDone(status="success"), "DEBUG"),
        (facts.RestoreRuntimeDone(status="error"), "WARN"),
        (facts.RuntimeDone(request_id="r", status="success"), "DEBUG"),
        (facts.RuntimeDone(request_id="r", status="failure"), "WARN"),
        (facts.InitReport(metrics=INIT, status="success"), "DEBUG"),
        (facts.InitReport(metrics=INIT), "DEBUG"),
        (facts.InitReport(metrics=INIT, status="success", initialization_type=AHEAD), "INFO"),
        (facts.InitReport(metrics=INIT, status="error"), "WARN"),
        (facts.InitReport(metrics=INIT, status="error", initialization_type=AHEAD), "WARN"),
        (facts.RestoreReport(status="success", metrics=INIT), "INFO"),
        (facts.RestoreReport(status="timeout", metrics=INIT), "WARN"),
        (facts.Report(request_id="r", metrics=METRICS, status="success"), "INFO"),
        (facts.Report(request_id="r", metrics=METRICS, status="error"), "WARN"),
        (facts.Start(request_id="r", version="1"), "INFO"),
        (facts.ExtensionSeen(name="x", state="Ready", events=[]), "INFO"),
        (facts.ExtensionSeen(name="x", state="InitError", events=[], error_type="Extension.No"), "WARN"),
        (facts.Subscribed(name="x", types=["function"]), "INFO"),
        (facts.LogsDropped(dropped_bytes=1, dropped_records=1, reason="r"), "WARN"),
    ],
)
def test_each_system_event_has_its_level(fact: Fact, level: str) -> None:
    assert levels.system(fact) == levels.RANKS[level]


@pytest.mark.parametrize(
    ("level", "of_frame", "expected"),
    [
        ("DEBUG", "", "DEBUG"), ("debug", "ERROR", "DEBUG"), ("WARNING", "", "WARN"), ("CRITICAL", "", "FATAL"),
        ("loud", "", "INFO"), (None, "", "INFO"), (30, "", "INFO"), (None, "ERROR", "ERROR"),
    ],
)  # fmt: skip
def test_a_line_without_a_valid_level_is_info_unless_its_frame_knows(level: Any, of_frame: str, expected: str) -> None:
    record = {"message": "m"} if level is None else {"level": level}
    assert levels.application(record, of_frame) == levels.RANKS[expected]
