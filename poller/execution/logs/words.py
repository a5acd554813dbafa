"""The platform's lines in text format, as the service writes them (recorded; Lambda DG, Viewing logs). Pure."""

from __future__ import annotations

import math

from poller.execution.contract import ON_DEMAND, Result, Status
from poller.execution.runtime_api.error_cause import sanitised
from poller.execution.telemetry.facts import ExtensionSeen, Fact, InitReport, InitStart, Subscribed

PLATFORM = ("Extension.", "Sandbox.")
"""Error types that only the platform gives; runtimes' own have to be in its pattern."""


def status(result: Result) -> str:
    """The word of telemetry, and of REPORT where it is not success. Whatever the function caused is an error, its end included."""
    return result.status.value if result.status in {Status.SUCCESS, Status.TIMEOUT} else "error"


def error_type(given: str) -> str:
    """The type as logs and telemetry have it; "" stays so."""
    return given if not given or given.startswith(PLATFORM) else sanitised(given)


def billed(result: Result) -> int:
    """Milliseconds. With the init, rounded up to whole ones (since August 2025)."""
    return math.ceil(result.duration_ms + (result.init_ms or 0))


def sampled(trace: str) -> dict[str, str]:
    """Root and Parent of a trace header that is sampled; {} otherwise."""
    if "Sampled=1" not in trace:
        return {}
    parts = (part.partition("=") for part in trace.split(";"))
    return {name: value for name, _, value in parts if value and name in {"Root", "Parent"}}


def report(result: Result, memory_mb: int, trace: str = "") -> str:
    """The REPORT line. SegmentId is the segment that the function's own hang under: there is none of the platform's."""
    line = (
        f"REPORT RequestId: {result.request_id}\tDuration: {result.duration_ms:.2f} ms\tBilled Duration: {billed(result)} ms"
        f"\tMemory Size: {memory_mb} MB\tMax Memory Used: {result.max_memory_mb or 0} MB"
    )
    parts = [line]
    if result.init_ms is not None:
        parts.append(f"Init Duration: {result.init_ms:.2f} ms")
    if trace and (ids := sampled(trace)):
        parts.append(f"XRAY TraceId: {ids.get('Root', '')}")
        parts += [f"SegmentId: {ids['Parent']}"] if "Parent" in ids else []
        parts.append("Sampled: true")
    if result.status is not Status.SUCCESS:
        parts.append(f"Status: {status(result)}")
        if result.status is not Status.TIMEOUT:
            parts.append(f"Error Type: {error_type(result.error_type)}")
    return "\t".join(parts) + "\t"


def text(fact: Fact) -> str | None:
    """The line of what happens outside invocations; None where text format has none."""
    match fact:
        case InitStart() if fact.runtime_version:
            version = f"Runtime Version: {fact.runtime_version}"
            return f"INIT_START {version}\tRuntime Version ARN: {fact.runtime_version_arn}"
        case InitReport() if fact.status not in {"", "success"} or fact.initialization_type != ON_DEMAND:
            return _init_report(fact)
        case ExtensionSeen():
            line = f"EXTENSION\tName: {fact.name}\tState: {fact.state}\tEvents: [{', '.join(fact.events)}]"
            return f"{line}\tError Type: {fact.error_type}" if fact.error_type else line
        case _:
            return None


def subscription(fact: Subscribed, *, logs: bool) -> str:
    """The line of a subscription to telemetry, or to the Logs API's older one."""
    kinds = ", ".join(one.capitalize() for one in fact.types)
    return f"{'LOGS' if logs else 'TELEMETRY'}\tName: {fact.name}\tState: {fact.state}\tTypes: [{kinds}]"


def _init_report(fact: InitReport) -> str:
    """On demand only a failed INIT has it; ahead of traffic every one has."""
    parts = [f"INIT_REPORT Init Duration: {fact.metrics.duration_ms:.2f} ms"]
    if fact.status not in {"", "success"}:
        parts += [f"Phase: {fact.phase}", f"Status: {fact.status}"]
        parts += [f"Error Type: {fact.error_type}"] if fact.error_type and fact.status != "timeout" else []
    return "\t".join(parts)
