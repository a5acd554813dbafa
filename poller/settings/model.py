"""The typed configuration: what may stand in pollerd.yaml, what each key means, its unit and why its default is what it is.

Keys are AWS's field names in snake_case with the unit spelled out. The text under a field is the documentation that
``config/pollerd.yaml``, the JSON Schema and the option table are rendered from. Defaults are promises (one test lists them).

Field metadata, enforced by decode.py and shown by render.py; connectors may use the same words in their Options:

* ``minimum``, ``maximum``: inclusive. ``choices``: the only values. ``pattern``: a regular expression for the whole text, with
  ``words`` saying what it asks for. All of them hold for each item of a list and each value of a mapping.
* ``keys``, ``keys_words``: the same as pattern and words, for the keys of a mapping.
* ``path``: the text names a file or folder, relative to the file it stands in; it becomes absolute. A prefix in place of True: only
  what follows that prefix does.
* ``unversioned``: belongs to the function as a whole; publishing a version does not freeze it.
* ``unless``: the key may be left out only where this other key stands.
* ``secret``: never shown, logged or rendered. Such a field also says ``repr=False``.
* ``example``: what the rendered file shows where there is no default to show; for a mapping of dataclasses, a name.
  ``shown``: the example stands there in force, because the file would not do without it, or would be empty.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.aws.options import SECRET, AwsOptions

NAME = {
    "keys": r"[a-zA-Z0-9_-]{1,64}",
    "keys_words": "a name: 1 to 64 letters, digits, hyphens and underscores",
}  # AWS's pattern of a bare function name (Lambda API reference, FunctionName); mappings are named alike


def between(minimum: float, maximum: float | None = None) -> dict[str, Any]:
    """Metadata of a number with bounds, both inclusive."""
    return {"minimum": minimum} | ({} if maximum is None else {"maximum": maximum})


@dataclass(frozen=True, kw_only=True)
class KeySettings:
    """One access key of the Lambda API, and what it may be used for."""

    secret_access_key: str = field(
        repr=False, metadata=SECRET | {"pattern": r"\S{16,128}", "words": "16 to 128 characters without blanks"}
    )
    """The secret that clients sign their requests with."""
    read_only: bool = False
    """Whether it is good for reading only: operations called Get, List, Describe or Filter, and dry runs of Invoke."""
    functions: Sequence[str] = field(
        default=(),
        metadata={
            "pattern": NAME["keys"],
            "words": NAME["keys_words"],
            "example": ["orders"],
        },
    )
    """Functions that it is limited to, by name: operations that name another one, or none (ListFunctions, layers, a mapping by its UUID),
    are refused. Empty: all."""


@dataclass(frozen=True, kw_only=True)
class TlsSettings:
    """TLS of the HTTP port. The files are PEM."""

    certificate: str = field(metadata={"path": True, "example": "./tls/pollerd.pem"})
    """Certificate of the port, with those between it and a root behind it."""
    private_key: str = field(metadata={"path": True, "example": "./tls/pollerd.key"})
    """Its private key, without a password."""
    client_ca: str = field(default="", metadata={"path": True, "example": "./tls/clients.pem"})
    """Certificates that sign clients'. With it the API asks every caller for a certificate, besides a signature where there are `keys`.
    Empty: clients need none."""


@dataclass(frozen=True, kw_only=True)
class HttpSettings:
    """The daemon's one HTTP port: Lambda API, health, metrics."""

    listen: str = "127.0.0.1:9870"
    """Address and port. Another one than loopback takes `keys`, or `tls` with client_ca. Port 0 takes a free one."""
    keys: Mapping[str, KeySettings] = field(
        default_factory=dict,
        metadata={
            "keys": r"[a-zA-Z0-9_-]{1,128}",
            "keys_words": "an access key id: 1 to 128 letters, digits, hyphens and underscores",
            "example": "pollerd-admin",
        },
    )
    """Access keys, by id. With any, requests to the API must be signed with one (AWS Signature Version 4, as every AWS client does);
    without, who reaches the port may do everything."""
    tls: TlsSettings | None = field(
        default=None,
        metadata={"example": {"certificate": "./tls/pollerd.pem", "private_key": "./tls/pollerd.key"}},
    )
    """TLS. Absent: plain HTTP; signatures keep requests from being changed, not from being read."""
    token: str = field(
        default="",
        repr=False,
        metadata=SECRET | {"pattern": r"(\S{16,})?", "words": "16 or more characters without blanks"},
    )
    """What /metrics, /healthz, /readyz and /_pollerd take as `Authorization: Bearer ...` where other machines reach the port; a client's
    certificate does as well, and so does the state folder's token. Set, it is asked for on loopback, too."""


@dataclass(frozen=True, kw_only=True)
class LogSettings:
    """What the daemon and its functions write to standard error."""

    format: str = field(default="auto", metadata={"choices": ("auto", "text", "json")})
    """auto: text on a terminal, JSON lines otherwise."""
    level: str = field(default="info", metadata={"choices": ("debug", "info", "warning", "error")})
    """Least severe level written. Output of functions is written at info."""


@dataclass(frozen=True, kw_only=True)
class ShipSettings(AwsOptions):
    """Which CloudWatch Logs, or what server that speaks it, gets a copy of functions' logs. What is left out is as under `aws`."""

    log_group_prefix: str = field(
        default="",
        metadata={
            "pattern": r"[.\-_/#A-Za-z0-9]{0,128}",
            "words": "up to 128 letters, digits and . - _ / #",
            "example": "/staging",
        },
    )
    """What the names of log groups begin with there: /staging makes /staging/aws/lambda/orders. Groups and streams are made as needed."""


@dataclass(frozen=True, kw_only=True)
class FunctionLogsSettings:
    """What functions log, kept in the state folder and read with `pollerd logs`, or as CloudWatch Logs at the daemon's port."""

    keep: bool = True
    """Whether it is kept. It goes to standard error in any case."""
    retention_days: float = field(default=14, metadata=between(0.001, 3653))
    """Events older than this go. A log group may have a shorter retention of its own (PutRetentionPolicy)."""
    max_mb: int = field(default=256, metadata=between(1))
    """Size that the store may have on disk, in millions of bytes; beyond it the oldest events of all groups go. An invocation of a few
    lines takes 60 bytes where there are many, and 400 where they are rare."""
    ship: ShipSettings | None = field(default=None, metadata={"example": {"endpoint_url": "http://127.0.0.1:4566"}})
    """Send a copy to CloudWatch Logs, kept here or not: in order, with a second's delay, from memory. What cannot be sent while 16 MB wait,
    or at the daemon's end, is dropped and counted."""


@dataclass(frozen=True, kw_only=True)
class AccountSettings(AwsOptions):
    """The AWS that sources and functions see by default."""

    account_id: str = field(default="000000000000", metadata={"pattern": r"[0-9]{12}", "words": "twelve digits"})
    """Account in the ARNs of functions. Best written in quotes: it may begin with 0."""


@dataclass(frozen=True, kw_only=True)
class ImageCode:
    """A container image as a function's code."""

    image: str = field(metadata={"path": True, "example": "./images/orders"})
    """OCI image layout (folder or .tar) or archive of `docker save` or `podman save`; `:tag` or `@digest` after it where it holds
    several images. Of an image for several architectures this host's is taken. With driver: container: the name of an image as engines
    understand it, e.g. ghcr.io/team/orders:1."""
    pull: str = field(default="missing", metadata={"choices": ("missing", "always", "never")})
    """When the engine fetches the image: always (at each start of the daemon), if it is missing there, never. What a name means is looked
    up when the daemon starts; moving a tag changes nothing until the next start. Only with driver: container."""


@dataclass(frozen=True, kw_only=True)
class ImageConfig:
    """What replaces the image's own settings (Lambda API reference, ImageConfig)."""

    entry_point: Sequence[str] | None = None
    """Instead of the image's ENTRYPOINT: absolute path of a program, and arguments. At most 1500 items."""
    command: Sequence[str] | None = None
    """Instead of the image's CMD: further arguments, for AWS's base images the handler. At most 1500 items."""
    working_directory: str | None = None
    """Instead of the image's WORKDIR. At most 1000 characters."""


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
class ContainerSettings:
    """The container engine of functions with driver: container: Docker, or Podman's service (`podman system service`)."""

    endpoint_url: str = field(
        default="",
        metadata={
            "pattern": r"((unix|tcp|http|https)://.+)?",
            "words": "unix:///path or tcp://127.0.0.1:port",
            "example": "unix:///run/podman/podman.sock",
        },
    )
    """Address of its API; the engine must run on this host. Empty: DOCKER_HOST or CONTAINER_HOST from the daemon's environment, else the
    sockets that Docker and Podman have by default."""
    network: str = field(
        default="default",
        metadata={
            "pattern": r"(?!host$|container:)[^\s]+",
            "words": "a network of the engine; the host's and that of other containers are none",
        },
    )
    """Network of the engine that functions are in, unless they say `network: none`; default is the engine's own. No port is published."""


@dataclass(frozen=True, kw_only=True)
class InvocationDestinationSettings:
    """Where records of asynchronous invocations with one end go."""

    destination: str = field(
        default="",
        metadata={
            "pattern": r"|arn:aws[a-zA-Z0-9-]*:(sqs|sns|s3|lambda|events):.{1,320}|file:(?!//[^/]).+",
            "words": "the ARN of a queue, topic, bucket, function or event bus, or file:<folder>",
            "path": "file:",
            "example": "arn:aws:sqs:us-east-1:000000000000:failures",
        },
    )
    """ARN of an SQS queue, an SNS topic (no FIFO ones), an EventBridge bus, an S3 bucket (on_failure only) at the AWS of `aws`, or of a
    function of this configuration, which is invoked asynchronously; file:<folder>, relative to the file that names it. Empty: none."""


@dataclass(frozen=True, kw_only=True)
class InvocationDestinationsSettings:
    """Who is told what became of asynchronous invocations (Lambda API reference, DestinationConfig)."""

    on_success: InvocationDestinationSettings = field(default_factory=InvocationDestinationSettings)
    """Of those that the function succeeded with."""
    on_failure: InvocationDestinationSettings = field(default_factory=InvocationDestinationSettings)
    """Of those that were given up: retries used up, too old, no concurrency at all, a recursive loop."""


@dataclass(frozen=True, kw_only=True)
class EventInvokeSettings:
    """How asynchronous invocations are dealt with (Lambda API reference, FunctionEventInvokeConfig)."""

    maximum_retry_attempts: int | None = field(default=None, metadata=between(0, 2) | {"example": 2})
    """How often an event is run again that the function failed. Absent: 2, as on AWS."""
    maximum_event_age_seconds: int | None = field(default=None, metadata=between(60, 21600) | {"example": 21600})
    """An event is given up rather than run when it is older, or would be at its next retry. Absent: 21600, six hours, as on AWS."""
    destination_config: InvocationDestinationsSettings | None = field(
        default=None,
        metadata={"example": {"on_failure": {"destination": "arn:aws:sqs:us-east-1:000000000000:failures"}}},
    )
    """Who is told what became of them. Absent: nobody; what was given up is kept in the state file, see `pollerd failures`."""


@dataclass(frozen=True, kw_only=True)
class DeadLetterSettings:
    """Where asynchronous events go that were given up (Lambda API reference, DeadLetterConfig)."""

    target_arn: str = field(
        metadata={
            "pattern": r"arn:aws[a-zA-Z0-9-]*:(sqs|sns):.{1,320}",
            "words": "the ARN of a queue or topic",
            "example": "arn:aws:sqs:us-east-1:000000000000:dead",
        }
    )
    """ARN of an SQS queue or an SNS topic (no FIFO ones), at the AWS of `aws`. It gets the event as it came."""


@dataclass(frozen=True, kw_only=True)
class AsynchronousSettings:
    """What is asked of asynchronous invocations beyond AWS, where these are fixed."""

    retry_delays_seconds: Sequence[float] = field(default=(60, 120), metadata=between(0))
    """Seconds before the first and the second retry of an event that the function failed; the last counts for all further. AWS's are
    one minute and two."""
    destination_retry_seconds: float = field(default=3600, metadata=between(0))
    """How long a destination or dead-letter target that fails is told an event's end again; then that is kept in the state file, see
    `pollerd failures`. 0: once only. AWS does not say how long it tries, and forgets the event then."""
    failures_kept: int = field(default=10000, metadata=between(1))
    """Failures that the state file keeps, the newest, each with its event."""


EVENT_INVOKE_EXAMPLE = {
    "maximum_retry_attempts": 1,
    "destination_config": {"on_failure": {"destination": "arn:aws:sqs:us-east-1:000000000000:failures"}},
}


@dataclass(frozen=True, kw_only=True)
class FunctionUrlsSettings:
    """The port of the functions' URLs."""

    listen: str = "127.0.0.1:9871"
    """Address and port, opened when a function has a `url`; it serves each under the host name of its own that the log shows. Addresses
    other than loopback are reachable from other machines, and whoever reaches a URL with auth_type NONE runs the function. Port 0 takes
    a free one."""
    domain: str = field(
        default="localhost",
        metadata={
            "pattern": r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*",
            "words": "a domain name in lower case",
        },
    )
    """What host names end in: `<id>.lambda-url.<region>.localhost`. Names under localhost lead to this machine by themselves, in browsers,
    curl and most resolvers; any other domain wants a wildcard record."""


@dataclass(frozen=True, kw_only=True)
class CorsSettings:
    """Which web pages of other origins may call a URL (Lambda API reference, Cors)."""

    allow_origins: Sequence[str] = field(default=(), metadata={"example": ["https://www.example.com"]})
    """Origins, or "*" for all. At most 100."""
    allow_methods: Sequence[str] = field(
        default=(), metadata={"choices": ("GET", "PUT", "HEAD", "POST", "PATCH", "DELETE", "*"), "example": ["GET"]}
    )
    """Methods that they may use. At most 6."""
    allow_headers: Sequence[str] = field(default=(), metadata={"example": ["content-type"]})
    """Headers that they may send. At most 100."""
    expose_headers: Sequence[str] = field(default=(), metadata={"example": ["x-amzn-requestid"]})
    """Headers of the answer that they may read. At most 100."""
    allow_credentials: bool = False
    """Whether they may send cookies."""
    max_age_seconds: int = field(default=0, metadata=between(0, 86400))
    """Seconds for which browsers may remember all this."""


@dataclass(frozen=True, kw_only=True)
class UrlSettings:
    """An HTTP address of a function, or of one of its aliases (Lambda API reference, FunctionUrlConfig)."""

    auth_type: str = field(metadata={"choices": ("NONE", "AWS_IAM"), "example": "NONE"})
    """NONE: everybody may call it. AWS_IAM: who signs with one of http.keys that is good for the function."""
    invoke_mode: str = field(default="BUFFERED", metadata={"choices": ("BUFFERED", "RESPONSE_STREAM")})
    """BUFFERED: the answer is sent when it is whole, up to 6 MB. RESPONSE_STREAM: as it comes, up to 200 MB."""
    cors: CorsSettings | None = field(default=None, metadata={"example": {"allow_origins": ["*"]}})
    """Absent: the function sees to it itself, preflight requests included."""
    port: int | None = field(default=None, metadata=between(1, 65535) | {"example": 9900})
    """A port of its own beside the common one, at the same address and under any host name. Absent: none."""


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
            "keys": r"[a-zA-Z][a-zA-Z0-9_]+",
            "keys_words": "a variable name: a letter, then one or more letters, digits and underscores",
            "example": {"TABLE": "orders"},
        },
    )
    """Environment variables of the function; 4 KB together. Names that AWS reserves (AWS_REGION, ...) are refused."""
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


@dataclass(frozen=True, kw_only=True)
class SourceSettings:
    """Where a mapping's records come from."""

    type: str
    """Name of the connector; the other keys of the block are its options."""
    options: Any = field(repr=False)
    """The connector's own Options, read and accepted by it. Hidden: outsiders' options may hold secrets."""


@dataclass(frozen=True, kw_only=True)
class OnFailureSettings:
    """Where the failure records of a mapping go."""

    destination: str = field(
        default="",
        metadata={
            "pattern": r"|arn:aws[a-zA-Z0-9-]*:(sqs|sns|s3):.{1,320}|kafka://[a-zA-Z0-9._-]{1,249}|file:(?!//[^/]).+",
            "words": "the ARN of a queue, topic or bucket, kafka://<topic> or file:<folder>",
            "path": "file:",
            "example": "arn:aws:sqs:us-east-1:000000000000:failures",
        },
    )
    """ARN of an SQS queue, an SNS topic (no FIFO ones) or an S3 bucket, at the source's own AWS or else that of `aws`; kafka://<topic> of
    the cluster that the source is read from; file:<folder>, relative to the file that names it. Empty: none. While a destination cannot
    be reached the lane waits, where AWS would drop the record."""


@dataclass(frozen=True, kw_only=True)
class DestinationSettings:
    """Where it is told what became of batches (AWS: DestinationConfig; OnSuccess means nothing to mappings there either)."""

    on_failure: OnFailureSettings = field(default_factory=OnFailureSettings)
    """What was given up: no more retries, too old, or too big for any invocation."""


@dataclass(frozen=True, kw_only=True)
class MappingSettings:
    """One event source mapping: records of a source become invocations of a function."""

    source: SourceSettings
    """`type` names the connector; the other keys are its options."""
    function: str = field(metadata={"example": "orders"})
    """Function of this configuration: its name or ARN; also one alias or version of it, as in orders:live, orders:3."""
    enabled: bool = True
    """false: the source is not touched at all."""
    batch_size: int | None = field(default=None, metadata=between(1, 10000) | {"example": 10})
    """Records in one event, at most. Absent: AWS's default for the source (SQS: 10, streams: 100). FIFO queues: at most 10."""
    maximum_batching_window_seconds: float = field(default=0, metadata=between(0, 300))
    """Seconds to wait, from the first record on, for a batch to fill. 0: whatever one receive returned. Standard queues need
    at least 1 for a batch_size above 10; FIFO queues take none."""
    starting_position: str | None = field(
        default=None, metadata={"choices": ("TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"), "example": "TRIM_HORIZON"}
    )
    """Streams: where reading begins in a partition of which nobody knows how far reading has come: at the oldest record, after the
    newest, at starting_position_timestamp. Absent: the source's first choice. It moves nothing later; `pollerd mappings rewind` does."""
    starting_position_timestamp: str | float | None = field(default=None, metadata={"example": "2026-11-01T00:00:00Z"})
    """With AT_TIMESTAMP: ISO 8601 with a zone, or seconds since 1970; not in the future."""
    parallelization_factor: int = field(default=1, metadata=between(1, 10))
    """Streams: batches of one partition that are handled at once; records with the same key keep their order. AWS's default and range."""
    bisect_batch_on_function_error: bool = False
    """Streams: a batch that failed is cut in two, and each half tried by itself; cutting uses up no retry."""
    maximum_retry_attempts: int = field(default=-1, metadata=between(-1, 10000))
    """Streams: how often a batch that failed is tried again before it is given up. -1: until it succeeds, while its lane waits; of Kafka
    with a destination ten times; both as on AWS."""
    maximum_record_age_seconds: int = field(default=-1, metadata=between(-1, 604800))
    """Streams: records older than this are given up instead of tried. -1: however old, as on AWS; else 60 or more."""
    tumbling_window_seconds: int = field(default=0, metadata=between(0, 900))
    """Streams: records are aggregated in windows of so many seconds, with a state handed from invocation to invocation. 0: they are not.
    Neither with filter_criteria nor with a parallelization_factor above 1."""
    destination_config: DestinationSettings | None = field(
        default=None,
        metadata={"example": {"on_failure": {"destination": "arn:aws:sqs:us-east-1:000000000000:failures"}}},
    )
    """Streams: where it is told what was given up. Absent: in the log and the metrics only."""
    filter_criteria: Sequence[Any] = field(default=(), metadata={"example": [{"body": {"status": ["paid"]}}]})
    """Patterns, as objects or as JSON text; a record that matches none is dropped and counted. At most 10 (AWS: 5, or 10 with
    its raised quota), 4096 characters each. Absent: every record passes."""
    function_response_types: Sequence[str] = field(
        default=(), metadata={"choices": ("ReportBatchItemFailures",), "example": ["ReportBatchItemFailures"]}
    )
    """ReportBatchItemFailures: the function's answer names the records that failed; only those come again. Of a stream: all from the
    first of them on."""
    maximum_concurrency: int | None = field(default=None, metadata=between(1, 1000) | {"example": 5})
    """Invocations of this mapping at once, at most (AWS: ScalingConfig; it refuses 1, we do not). Absent: as many as the
    function may run."""
    envelope: str | None = field(default=None, metadata={"example": "sqs"})
    """Shape of the event, when not the source's own. Of every source: raw (an array of what the records hold), cloudevents (CloudEvents
    1.0, an array of them). Of sqs also sns: notifications that came through a queue, as the event Lambda gets from SNS. Filters see the
    source's own records in any case."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The whole configuration."""

    state: str = field(default="./state", metadata={"path": True})
    """Folder for unpacked code and what must outlive a restart; relative to the configuration file."""
    concurrency: int = field(default=1000, metadata=between(1))
    """Invocations at once over all functions: the account limit of this daemon."""
    sandbox: str = field(default="auto", metadata={"choices": ("auto", "bubblewrap", "none")})
    """What keeps functions apart from the host and from each other. auto: bubblewrap where this host allows it, else none; the log and
    /readyz say which. bubblewrap: that or no start. none: functions run as the daemon's user and see its files."""
    stop_timeout_seconds: float = field(default=30, metadata=between(1))
    """Seconds from SIGTERM to exit; three quarters of them for running invocations to finish."""
    allow_deprecated_runtimes: bool = False
    """Whether calls may make functions with runtimes that AWS takes no more (python3.7, provided, ...). False: they are refused in its
    words. Files may name them in any case; `pollerd check` tells which this host can start."""
    http: HttpSettings = field(default_factory=HttpSettings)
    """The daemon's HTTP port."""
    function_urls: FunctionUrlsSettings = field(default_factory=FunctionUrlsSettings)
    """Where functions with a `url` are reached over HTTP."""
    log: LogSettings = field(default_factory=LogSettings)
    """What is written to standard error."""
    function_logs: FunctionLogsSettings = field(default_factory=FunctionLogsSettings)
    """What functions log, and what is kept of it."""
    aws: AccountSettings = field(default_factory=AccountSettings)
    """Which AWS sources and functions talk to, unless they say otherwise."""
    container: ContainerSettings = field(default_factory=ContainerSettings)
    """The container engine, for functions with driver: container."""
    asynchronous: AsynchronousSettings = field(default_factory=AsynchronousSettings)
    """Asynchronous invocations, beyond what AWS lets be said of them."""
    functions: Mapping[str, FunctionSettings] = field(
        default_factory=dict, metadata=NAME | {"example": "orders", "shown": True}
    )
    """The functions, by name."""
    event_source_mappings: Mapping[str, MappingSettings] = field(
        default_factory=dict, metadata=NAME | {"example": "orders-queue", "shown": True}
    )
    """The mappings, by name."""
