"""What the engine asks of an execution environment, and what it gets back. Stdlib only; drivers implement it.

A failed function is a *result*, never an exception: whatever a handler does (raise, hang, exit, be killed, answer junk), ``invoke``
returns. What escapes as an exception is a defect of ours.
"""

from __future__ import annotations

import enum
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

ON_DEMAND = "on-demand"
PROVISIONED = "provisioned-concurrency"
CONCURRENT = "lambda-managed-instances"
"""Of environments that run several invocations at once, whether started ahead of traffic or not."""


class Status(enum.Enum):
    """How an invocation ended (Telemetry API, platform.runtimeDone: success | failure | error | timeout)."""

    SUCCESS = "success"
    ERROR = "error"  # the handler raised, or the runtime could not load it: the runtime said so itself
    TIMEOUT = "timeout"  # the function's timeout ran out
    FAILURE = "failure"  # the process exited, was killed, or broke the protocol


class Pieces(Protocol):
    """The body of an answer as its pieces come, for one reader. One that is slow holds the runtime back."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """The pieces, never empty; ends after the last, however the answer ended: the result tells."""
        ...

    def abandon(self) -> None:
        """Nobody reads on: what comes is dropped, and the function runs to its end as if it were read. Idempotent."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """An answer has begun to come. content_type: as the runtime sent it, "" without."""

    content_type: str
    pieces: Pieces
    executed_version: str = "$LATEST"


OnOpening = Callable[[Opening], None]


@dataclass(slots=True, kw_only=True)
class Invocation:
    """One event on its way to a function; whoever gets it only reads it.

    payload: the event, JSON, at most 6 MiB (Lambda quotas). function_arn: as invoked. trace_id: X-Amzn-Trace-Id or "".
    client_context: JSON text (already base64-decoded) or "". tail: whether the result carries the end of the log (LogType=Tail).
    cognito_identity: JSON text of identity and pool ids, or "". tenant_id: of a function with one environment a tenant, or "".
    on_opening: called when an answer begins to come as a stream, before the result and once at most; never for a runtime that sends it
    whole, which is in the result then as ever. It does not raise, and reads the pieces or abandons them. None: whoever invokes wants it
    whole.
    """

    request_id: str
    payload: bytes
    function_arn: str
    trace_id: str = ""
    client_context: str = ""
    tail: bool = False
    cognito_identity: str = ""
    tenant_id: str = ""
    on_opening: OnOpening | None = None


@dataclass(slots=True, kw_only=True)
class Result:
    """The answer to one invocation; whoever gets it only reads it.

    payload: the function's bytes, or the error object as AWS words it (runtime fact sheet, section 13). Of an answer that went to
    ``on_opening``: b"", or the error that ended it. streamed: bytes that went there. content_type: of the answer, as the runtime sent it.
    error_type: "" on success; else e.g. ``Runtime.ExitError``, ``Sandbox.Timedout``, or the handler's own errorType.
    duration_ms: from handing out the event to the answer's end. response_ms: the share of it in which the answer came.
    init_ms: this invocation's share of a cold start, else None.
    max_memory_mb: high-water mark of the environment, None where it was not measured.
    log_tail: the last 4 KB of the invocation's log, START to REPORT, where the invocation asked for it.
    environment: id of the environment that ran it, "" for none.
    taken: False: whoever was to run it did not say what became of it, which is no function's fault (functions elsewhere).
    """

    request_id: str
    status: Status
    payload: bytes
    error_type: str = ""
    duration_ms: float = 0.0
    response_ms: float = 0.0
    init_ms: float | None = None
    max_memory_mb: int | None = None
    executed_version: str = "$LATEST"
    log_tail: bytes = b""
    taken: bool = True
    content_type: str = ""
    streamed: int = 0
    environment: str = ""

    @property
    def ok(self) -> bool:
        """Whether the function answered without an error."""
        return self.status is Status.SUCCESS


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A container image, unpacked, with what the function's ImageConfig replaces already replaced.

    root: its root file system, which nobody writes to. Links in it, absolute ones too, are meant for processes that have it as their
    root: follow none from outside. digest: of its manifest, or of its configuration where an archive has none; ``sha256:...``.
    environment: the image's variables with the function's own over them; the platform's go over both. working_directory: absolute.
    user: as the image has it. The service runs every function as a user of its own (Lambda DG, Creating Lambda container images).
    """

    root: Path
    digest: str
    entrypoint: tuple[str, ...]
    cmd: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    working_directory: str
    user: str

    @property
    def argv(self) -> tuple[str, ...]:
        """What to start: ENTRYPOINT, then CMD; never empty."""
        return self.entrypoint + self.cmd


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineImage:
    """A container image that an engine has, or fetches.

    name: as engines understand it, with tag or digest. pull: missing, always or never. The rest replaces the image's own; None: it stays.
    """

    name: str
    pull: str = "missing"
    entrypoint: tuple[str, ...] | None = None
    cmd: tuple[str, ...] | None = None
    working_directory: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """Where a function is invoked that is not run here.

    url: of the server, without a path's end; "": AWS itself. function: name or ARN there. qualifier: "" for none. concurrency: at once, at
    most; None: no limit. Keys "": unsigned, except for AWS itself, where the profile or botocore's chain has them.
    """

    url: str
    function: str
    region: str
    qualifier: str = ""
    concurrency: int | None = None
    profile: str = ""
    access_key_id: str = field(default="", repr=False)
    secret_access_key: str = field(default="", repr=False)
    session_token: str = field(default="", repr=False)


class CredentialsError(Exception):
    """There is nothing to sign a request with. The message is a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Logging:
    """How a function logs (Lambda API, LoggingConfig).

    json: the format, JSON or text. application_level, system_level: the least that is logged; "" in text format, which has no levels.
    group: "" for the function's own, /aws/lambda/NAME.
    """

    json: bool = False
    application_level: str = ""
    system_level: str = ""
    group: str = ""


def log_group(function: str) -> str:
    """The log group of a function that names none."""
    return f"/aws/lambda/{function}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionSpec:
    """All a driver needs to start environments of one function version; resolved, checked, no defaults left.

    task_root: folder with the unpacked code, read only to the function. runtime: AWS identifier. arn: unqualified.
    environment: the customer's variables; the driver adds the platform's own (fact sheet, section 10).
    aws: region, endpoint and credentials that the function is to see, as AWS_* variables.
    layers_root: folder with all layers merged, the function's /opt, read only to it; None without layers.
    image: for a function from a container image; then runtime and handler are "", and task_root is the image's root.
    engine_image: for a function that a container engine runs; then task_root is "", too.
    initialization_type: AWS_LAMBDA_INITIALIZATION_TYPE, ``on-demand`` or ``provisioned-concurrency``; ``lambda-managed-instances`` where
    max_concurrency, the invocations that one environment runs at once, is more than 1.
    ephemeral_storage_mb: size of /tmp. network: host-egress, none, shared, or "" for the best that this host can give.
    file_systems: path inside -> folder of the host, which the function may write to.
    host_ports: ports of the host's loopback that the function may reach in a network of its own.
    logging: format and levels of its log.
    prefork: environments to have prepared ahead, once the function has run.
    elsewhere: where it runs, if not here; then there is no code, runtime or handler.
    """

    name: str
    version: str
    arn: str
    task_root: str
    runtime: str
    handler: str
    timeout_seconds: float
    memory_mb: int
    environment: Mapping[str, str] = field(default_factory=dict)
    aws: Mapping[str, str] = field(default_factory=dict)
    layers_root: str | None = None
    image: Image | None = None
    engine_image: EngineImage | None = None
    elsewhere: Elsewhere | None = None
    initialization_type: str = ON_DEMAND
    max_concurrency: int = 1
    ephemeral_storage_mb: int = 512
    network: str = ""
    file_systems: Mapping[str, str] = field(default_factory=dict)
    host_ports: tuple[int, ...] = ()
    logging: Logging = field(default_factory=Logging)
    prefork: int = 0

    @property
    def region(self) -> str:
        """Of the ARN."""
        return self.arn.split(":")[3]

    @property
    def init_seconds(self) -> float:
        """How long INIT may take: 10 s, or ahead of traffic max(130 s, timeout) up to 15 min (lifecycle of an execution environment)."""
        return 10.0 if self.initialization_type == ON_DEMAND else min(900.0, max(130.0, self.timeout_seconds))


class Environment(Protocol):
    """One execution environment: at most ``capacity`` invocations at a time, mostly one."""

    @property
    def id(self) -> str:
        """Unique for the daemon's life; the hex part of the log stream name."""
        ...

    @property
    def alive(self) -> bool:
        """Whether it can take a further invocation (a reset environment can: it starts again inside it)."""
        ...

    @property
    def capacity(self) -> int:
        """Invocations that it may run at once now, those that it runs included. May sink below them, and rise again, while it runs some."""
        return 1

    @property
    def warm(self) -> bool:
        """Whether the next invocation finds the function initialised: INIT went well, and nothing was reset or has ended since."""
        return self.alive

    async def start(self) -> None:
        """INIT, ``spec.init_seconds`` at most.

        Never raises for the function's faults: a failed init is repeated inside the first invocation.
        """
        ...

    async def invoke(self, invocation: Invocation) -> Result:
        """Run one event. Returns when the answer is known; after a timeout or crash the processes are already gone."""
        ...

    async def stop(self) -> None:
        """SHUTDOWN: end every process of the environment and remove what it left. Idempotent, never raises."""
        ...


class Driver(Protocol):
    """Makes environments of one kind (process, container, remote, scripted)."""

    def problems(self, spec: FunctionSpec) -> list[str]:
        """Why this function cannot run here: sentences with their remedy; [] when it can. No I/O beyond the file system."""
        ...

    def environment(self, spec: FunctionSpec) -> Environment:
        """A new environment, not yet started."""
        ...

    async def close(self) -> None:
        """Give up what the driver shares among environments; all of them are stopped by then."""
        ...


@runtime_checkable
class Preparing(Protocol):
    """A driver that has something to do before the first environments are asked for."""

    async def prepare(self, specs: Iterable[FunctionSpec]) -> None:
        """Called once, when the daemon starts; tells of what fails by itself. Functions may be invoked meanwhile."""
        ...


@dataclass(slots=True)
class Health:
    """How the server of a function elsewhere does. Seconds since 1970; None for never. trouble: a sentence while it fails, else ""."""

    server: str
    last_success: float | None = None
    failing_since: float | None = None
    trouble: str = ""


@runtime_checkable
class Reporting(Protocol):
    """A driver whose environments depend on others, and that knows how those do."""

    def health(self, function: str) -> Health | None:
        """Of a function's server; None for a function without one, or one that was not invoked yet."""
        ...


@runtime_checkable
class Isolating(Protocol):
    """A driver that runs functions on this host, and can say what keeps them apart."""

    def sandbox(self) -> tuple[str, str]:
        """What is in force, for people; and why it is none although one was wanted, else ""."""
        ...


@runtime_checkable
class Stocked(Protocol):
    """A driver that has environments prepared ahead of need."""

    def spares(self) -> dict[str, int]:
        """Those that are ready, by function; no pool counts them."""
        ...
