"""What the driver of an environment tells; each class is one event of the Telemetry API (Lambda DG, Telemetry API event schema reference).

Fields have the schema's names in snake case and its order; None, "" and () are left out of the record. Durations are milliseconds,
sizes megabytes where the name says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracing:
    """X-Ray context. span_id: "" where there is none."""

    span_id: str = ""
    type: str = "X-Amzn-Trace-Id"
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A part of the time. name: responseLatency, responseDuration, runtimeOverhead, extensionOverhead. start: seconds since the epoch."""

    name: str
    start: float
    duration_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class InitMetrics:
    """Of an INIT or a restore."""

    duration_ms: float
    billed_duration_ms: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeMetrics:
    """Of an answer."""

    duration_ms: float
    produced_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportMetrics:
    """Of an invocation."""

    duration_ms: float
    billed_duration_ms: int
    memory_size_mb: int
    max_memory_used_mb: int
    init_duration_ms: float | None = None
    restore_duration_ms: float | None = None
    billed_restore_duration_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InitStart:
    """INIT begins. instance_id: name of the log stream. instance_max_memory: bytes."""

    event: ClassVar = "platform.initStart"
    initialization_type: str = "on-demand"
    phase: str = "init"
    runtime_version: str = ""
    runtime_version_arn: str = ""
    function_name: str = ""
    function_version: str = ""
    function_arn: str = ""
    instance_id: str = ""
    instance_max_memory: int | None = None
    tracing: Tracing | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InitRuntimeDone:
    """The runtime is ready, or has failed to be. status: success, error, failure, timeout."""

    event: ClassVar = "platform.initRuntimeDone"
    initialization_type: str = "on-demand"
    phase: str = "init"
    status: str
    error_type: str = ""
    spans: tuple[Span, ...] = ()
    tracing: Tracing | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InitReport:
    """INIT is over."""

    event: ClassVar = "platform.initReport"
    initialization_type: str = "on-demand"
    metrics: InitMetrics
    phase: str = "init"
    status: str = ""
    error_type: str = ""
    spans: tuple[Span, ...] = ()
    tracing: Tracing | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreStart:
    """A snapshot is resumed."""

    event: ClassVar = "platform.restoreStart"
    runtime_version: str = ""
    runtime_version_arn: str = ""
    function_name: str = ""
    function_version: str = ""
    instance_id: str = ""
    instance_max_memory: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreRuntimeDone:
    """The after-restore hooks have run."""

    event: ClassVar = "platform.restoreRuntimeDone"
    status: str
    error_type: str = ""
    spans: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreReport:
    """The restore is over."""

    event: ClassVar = "platform.restoreReport"
    status: str
    metrics: InitMetrics
    error_type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """An event is handed out."""

    event: ClassVar = "platform.start"
    request_id: str
    version: str
    tracing: Tracing | None = None
    tenant_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeDone:
    """The runtime has answered, or never will."""

    event: ClassVar = "platform.runtimeDone"
    request_id: str
    status: str
    error_type: str = ""
    tracing: Tracing | None = None
    spans: tuple[Span, ...] = ()
    metrics: RuntimeMetrics | None = None
    tenant_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The invocation is over, extensions included."""

    event: ClassVar = "platform.report"
    request_id: str
    metrics: ReportMetrics
    tracing: Tracing | None = None
    spans: tuple[Span, ...] = ()
    status: str
    error_type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtensionSeen:
    """What has become of an extension during INIT. state: Ready, Registered, or how it failed. events: always there."""

    event: ClassVar = "platform.extension"
    name: str
    state: str
    events: list[str]
    error_type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscribed:
    """An extension has subscribed to telemetry (``platform.logsSubscription`` in the Logs API)."""

    event: ClassVar = "platform.telemetrySubscription"
    name: str
    state: str = "Subscribed"
    types: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogsDropped:
    """Records were lost on their way to a subscriber."""

    event: ClassVar = "platform.logsDropped"
    dropped_bytes: int
    dropped_records: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """The environment failed. Logs API only."""

    event: ClassVar = "platform.fault"
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionLine:
    """A line that the function wrote; an object where the function's log format is JSON and the line is one (see ``records.line``)."""

    event: ClassVar = "function"
    record: str | Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtensionLine:
    """A line that an extension wrote."""

    event: ClassVar = "extension"
    record: str | Mapping[str, Any]


Fact = (
    InitStart | InitRuntimeDone | InitReport | RestoreStart | RestoreRuntimeDone | RestoreReport | Start | RuntimeDone
    | Report | ExtensionSeen | Subscribed | LogsDropped | Fault | FunctionLine | ExtensionLine
)  # fmt: skip
