"""Execution environments and invocations in them."""

from __future__ import annotations

from dataclasses import dataclass

from poller.observe.events.fact import Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentStarted(Fact):
    """INIT ended. error_type: "" when the environment is ready."""

    function: str
    environment: str
    init_seconds: float
    error_type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentStopped(Fact):
    """An environment is gone.

    reason: idle, drain, recycle (old), cut (its invocation was cancelled), died, reset (a provisioned one that would need INIT again),
    init (a provisioned one whose INIT failed), defect.
    """

    function: str
    environment: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentAwaited(Fact):
    """An invocation stood in line until an environment was free or started."""

    function: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class InvocationPlaced(Fact):
    """A function with provisioned concurrency runs an event: in a provisioned environment, or beside them (spillover)."""

    function: str
    provisioned: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class InvocationEnded(Fact):
    """One invocation and its end. version: executed. status: success, error, timeout, failure (as in Telemetry's runtimeDone).

    environment: its id, "" elsewhere. trace_id: X-Amzn-Trace-Id as the function was given it; came: as we were; "" for none.
    max_memory_mb: of the environment so far, None where it was not measured.
    """

    function: str
    request_id: str
    status: str
    error_type: str
    seconds: float
    cold: bool
    version: str = "$LATEST"
    environment: str = ""
    trace_id: str = ""
    came: str = ""
    request_bytes: int = 0
    response_bytes: int = 0
    max_memory_mb: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InvocationThrottled(Fact):
    """Somebody was refused for want of a slot. caller: api or url; mappings and asynchronous events wait instead."""

    function: str
    caller: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteFailedError(Fact):
    """The server of a function elsewhere did not say what became of an invocation. kind: unreachable, refused, throttled, timeout."""

    function: str
    kind: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageResolved(Fact):
    """A function's image is known, and stays the same until the daemon is started anew. digest: of its manifest."""

    image: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineFailedError(Fact):
    """A container engine did not do what it was asked. verb: image, remove, sweep."""

    verb: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxChosen(Fact):
    """What keeps functions apart while this daemon runs. why: there is no sandbox although one was wanted; else ""."""

    sandbox: str
    why: str = ""
