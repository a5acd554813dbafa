"""`functions`, each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from connectors.aws.options import SECRET
from poller.settings.model.asynchronous import EVENT_INVOKE_EXAMPLE, DeadLetterSettings, EventInvokeSettings
from poller.settings.model.images import ImageCode, ImageConfig
from poller.settings.model.metadata import between
from poller.settings.model.urls import UrlSettings


@dataclass(frozen=True, kw_only=True)
class AliasSettings:
    """A name for a published version, which can be pointed to another one without touching whoever uses it."""

    version: str = field(
        metadata={"pattern": r"\$LATEST|[1-9][0-9]{0,17}", "words": "a version number or $LATEST", "example": "3"}
    )
    """Number of a version that `pollerd publish` made, or $LATEST: the function as it stands here. JSON and TOML want it in quotes."""
    weights: Mapping[str, float] = field(
        default_factory=dict,
        metadata={"keys": r"[1-9][0-9]{0,17}", "keys_words": "a version number", "example": {"4": 0.1}} | between(0, 1),
    )
    """A second version and its share of the invocations, 0 to 1; the rest goes to `version`. At most one (AWS: RoutingConfig)."""
    provisioned_concurrency: int | None = field(default=None, metadata=between(1) | {"example": 2})
    """Invocations for which environments are kept ready of what the alias points to; of two versions each has its share. When the alias
    moves they move along. Not for $LATEST, which has the function's own."""
    event_invoke_config: EventInvokeSettings | None = field(default=None, metadata={"example": EVENT_INVOKE_EXAMPLE})
    """How asynchronous invocations are dealt with that name this alias. Absent: by AWS's defaults; the function's own is not inherited."""
    url: UrlSettings | None = field(default=None, metadata={"example": {"auth_type": "NONE"}})
    """An HTTP address of the alias."""


@dataclass(frozen=True, kw_only=True)
class RemoteSettings:
    """Where a function runs that is not run here: behind Lambda's Invoke operation."""

    endpoint_url: str = field(default="", metadata={"example": "http://127.0.0.1:8080"})
    """Server with the operation: an emulator in a container, another daemon, a stack of local services. Empty: AWS itself, which needs
    allow_aws."""
    function: str = ""
    """Name or ARN of the function there. Empty: the name it has here. AWS's runtime interface emulator knows it as `function` only."""
    qualifier: str = field(
        default="",
        metadata={
            "pattern": r"(\$LATEST|[a-zA-Z0-9_-]{1,128})?",
            "words": "a version number, an alias or $LATEST",
            "example": "live",
        },
    )
    """Version or alias there. Empty: what the name says, or $LATEST."""
    concurrency: int | None = field(default=None, metadata=between(1) | {"example": 1})
    """Invocations at once, at most. Absent: as many as the function may run. AWS's runtime interface emulator bears only 1."""
    region: str = ""
    """AWS region, part of AWS's address and of every signature. Empty: aws.region; then us-east-1."""
    profile: str = ""
    """Profile of the shared AWS configuration files, for AWS itself."""
    access_key_id: str = field(default="", repr=False, metadata=SECRET)
    """Access key to sign with. Empty: nothing is signed, except for AWS itself: then environment, profile, role, in botocore's order."""
    secret_access_key: str = field(default="", repr=False, metadata=SECRET)
    """Secret of access_key_id."""
    session_token: str = field(default="", repr=False, metadata=SECRET)
    """Session token, for temporary keys."""
    allow_aws: bool = False
    """Whether this may be real AWS. False: it is refused, so that no production function is invoked by accident."""


@dataclass(frozen=True, kw_only=True)
class LoggingSettings:
    """How a function logs (Lambda API reference, LoggingConfig)."""

    log_format: str = field(default="Text", metadata={"choices": ("Text", "JSON")})
    """JSON: the platform's lines, and what the runtimes' own loggers write, are JSON objects."""
    application_log_level: str | None = field(
        default=None, metadata={"choices": ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"), "example": "INFO"}
    )
    """Least level of the function's lines that are JSON objects with a `level`; one without counts as INFO, other lines pass. Only with
    JSON; absent: INFO."""
    system_log_level: str | None = field(
        default=None, metadata={"choices": ("DEBUG", "INFO", "WARN"), "example": "INFO"}
    )
    """Least level of the platform's lines. Only with JSON; absent: INFO."""
    log_group: str | None = field(
        default=None,
        metadata={
            "pattern": r"[.\-_/#A-Za-z0-9]{1,512}",
            "words": "1 to 512 letters, digits and . - _ / #",
            "example": "/aws/lambda/shared",
        },
    )
    """Log group that its log is kept under, and what it finds in AWS_LAMBDA_LOG_GROUP_NAME; functions may share one.
    Absent: /aws/lambda/ and its name."""


@dataclass(frozen=True, kw_only=True)
class FileSystemConfig:
    """A folder of the host that a function may write to (AWS: an EFS access point)."""

    path: str = field(metadata={"path": True, "example": "./shared"})
    """The folder, relative to the file that names it. The user that functions run as must be allowed to write there."""
    local_mount_path: str = field(
        metadata={
            "pattern": r"/mnt/[a-zA-Z0-9-_.]{1,155}",
            "words": "/mnt/ and a name of letters, digits, hyphens, underscores and dots",
            "example": "/mnt/shared",
        }
    )
    """Where the function finds it."""


@dataclass(frozen=True, kw_only=True)
class FunctionSettings:
    """One Lambda function."""

    code: str | ImageCode = field(
        default="", metadata={"path": True, "example": "./examples/functions/orders", "shown": True, "unless": "remote"}
    )
    """Folder or .zip with the deployment package; relative to the file that names it. The handler's file lies at its root.
    Or a container image, without an engine: `{image: ./images/orders}`."""
    driver: str = field(default="process", metadata={"choices": ("process", "container")})
    """What runs the function. process: this daemon, images too. container: a container engine, see `container`; its code is an image then,
    and an environment a container: no user of the image's but one of its own, as on AWS, a read-only root but for /tmp, no capabilities,
    memory_mb (1,769 MB are one processor)."""
    runtime: str = field(default="", metadata={"example": "python3.11", "shown": True})
    """AWS runtime identifier, e.g. python3.13, nodejs22.x, provided.al2023. `pollerd runtimes` tells which this host can start, and
    how to get the others. Required, but not for an image."""
    handler: str = field(
        default="",
        metadata={
            "pattern": r"[^\s]{1,128}",
            "words": "1 to 128 characters without blanks",
            "example": "app.handler",
            "shown": True,
        },
    )
    """As on AWS, by language: `app.handler` is `handler` in app.py, app.mjs or app.rb; Java: `package.Class::method`. A provided
    runtime hands it to its bootstrap. Required, but not for an image."""
    layers: Sequence[str] = field(default=(), metadata={"path": True, "example": ["./examples/layers/common"]})
    """Folders or .zip files, at most 5, that the function sees merged at /opt; of files with one path the last layer's counts.
    Package and layers together may have 250 MB unpacked. Not for an image."""
    image_config: ImageConfig | None = field(default=None, metadata={"example": {"command": ["app.handler"]}})
    """What replaces an image's own entry_point, command and working_directory."""
    timeout_seconds: float = field(default=3, metadata=between(1, 900))
    """Seconds one invocation may take; AWS's default and range. Of a remote function: until its answer is here, throttling included."""
    memory_mb: int = field(default=128, metadata=between(128, 10240))
    """MB that the function's processes may use together; AWS's default and range. Past it they are killed."""
    environment: Mapping[str, str] = field(
        default_factory=dict,
        repr=False,
        metadata={
            "secret": True,
            "reference": "secret",
            "keys": r"[a-zA-Z][a-zA-Z0-9_]+",
            "keys_words": "a variable name: a letter, then one or more letters, digits and underscores",
            "example": {"TABLE": "orders"},
        },
    )
    """Environment variables of the function; 4 KB together. Names that AWS reserves (AWS_REGION, ...) are refused. A secret is
    told by reference: `{secret: "file:./password"}`, likewise env: and credential:."""
    reserved_concurrency: int | None = field(default=None, metadata=between(0) | {"example": 8, "unversioned": True})
    """Invocations that may run of this function at once, set aside from `concurrency`. Absent: what others leave. 0: never runs."""
    provisioned_concurrency: int | None = field(default=None, metadata=between(1) | {"example": 2, "unversioned": True})
    """Invocations for which environments are started ahead of traffic and kept whatever the traffic; invocations go to them first, and
    beside them when all are busy. At most reserved_concurrency; without one they are set aside from `concurrency`. Absent: none."""
    provisioned_versions: Mapping[str, int] = field(
        default_factory=dict,
        metadata=between(1)
        | {
            "keys": r"[1-9][0-9]{0,17}",
            "keys_words": "a version number",
            "example": {"3": 2},
            "unversioned": True,
        },
    )
    """The same of published versions, by number, where no alias with provisioned concurrency points to them."""
    per_execution_environment_max_concurrency: int = field(default=1, metadata=between(1, 1600))
    """Invocations that one environment runs at once; AWS's range (Lambda Managed Instances). Above 1 the runtime's client must know how:
    python, java, nodejs22.x and later do, a provided runtime's or an image's own client has to read AWS_LAMBDA_MAX_CONCURRENCY. They share
    memory_mb, /tmp and an end by a crash; a timeout is one's own, and its code runs on. `logging` must be JSON."""
    ephemeral_storage_mb: int = field(default=512, metadata=between(512, 10240))
    """Size of the function's /tmp in MB; AWS's default and range. Under a sandbox it is memory; without one nobody keeps the limit."""
    file_system_configs: Sequence[FileSystemConfig] = ()
    """Folders of the host that outlive the function's environments, as EFS does on AWS. They take a sandbox."""
    logging: LoggingSettings = field(default_factory=LoggingSettings)
    """Format and levels of its log."""
    network: str | None = field(
        default=None, metadata={"choices": ("host-egress", "none", "shared"), "example": "none"}
    )
    """What the function reaches. host-egress: a network of its own with a way out, through pasta, and of the host's loopback only
    `host_ports` and the port of a local `aws.endpoint_url`. none: nothing but its own extensions. shared: the host's network.
    Absent: host-egress where this host can give it, else shared; the log says which."""
    host_ports: Sequence[int] = field(default=(), metadata=between(1, 65535) | {"example": [5432]})
    """Ports of the host's 127.0.0.1 that the function reaches under host-egress as its own 127.0.0.1."""
    idle_timeout_seconds: float = field(default=300, metadata=between(1) | {"unversioned": True})
    """A warm environment that had no work for so long is stopped. AWS keeps its own figure secret ("minutes")."""
    prefork: int = field(default=1, metadata=between(0, 16) | {"unversioned": True})
    """Environments prepared ahead once the function has run: sandbox made and, for Python, interpreter and client up, the function's own
    code untouched. A cold start then costs little more than importing the handler. About 8 MB each; given up after an hour without a cold
    start, or when the host is short of memory. Unlike provisioned ones they are no environments yet. 0: none."""
    recycle_after_seconds: float = field(default=14400, metadata=between(1) | {"unversioned": True})
    """Age at which an environment is replaced, between two invocations; each up to a tenth earlier, so that not all are replaced
    together. AWS does so "every few hours"; ours are four."""
    aliases: Mapping[str, AliasSettings] = field(
        default_factory=dict,
        metadata={
            "keys": r"(?![0-9]+$)[a-zA-Z0-9_-]{1,128}",
            "keys_words": "a name of 1 to 128 letters, digits, hyphens and underscores, not of digits alone",
            "example": "live",
            "unversioned": True,
        },
    )
    """Names for published versions, by name. Mappings and callers write `orders:live`."""
    event_invoke_config: EventInvokeSettings | None = field(
        default=None, metadata={"example": EVENT_INVOKE_EXAMPLE, "unversioned": True}
    )
    """How asynchronous invocations are dealt with that name no alias and no version: retries, age, destinations."""
    dead_letter_config: DeadLetterSettings | None = field(
        default=None,
        metadata={"example": {"target_arn": "arn:aws:sqs:us-east-1:000000000000:dead"}, "unversioned": True},
    )
    """Where asynchronous events go that were given up, whatever version they were for; beside an on_failure destination, which gets the
    record of it."""
    recursive_loop: str = field(default="Terminate", metadata={"choices": ("Terminate", "Allow"), "unversioned": True})
    """Terminate: an event that comes of the function's own doing for more than 16 times in a row is given up. Allow: it is run."""
    url: UrlSettings | None = field(default=None, metadata={"example": {"auth_type": "NONE"}, "unversioned": True})
    """An HTTP address of the function, as it stands here. An alias may have one of its own."""
    remote: RemoteSettings | None = field(
        default=None, metadata={"example": {"endpoint_url": "http://127.0.0.1:8080"}, "unversioned": True}
    )
    """Where the function runs, if not here; in place of code, runtime and handler."""
