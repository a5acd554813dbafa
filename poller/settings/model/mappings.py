"""`event_source_mappings`, each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from poller.settings.model.metadata import between


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
class CircuitBreakerSettings:
    """When a mapping stops invoking a function that keeps failing, and begins again. AWS has none."""

    failures: int = field(default=5, metadata=between(1, 10000))
    """Failed batches in a row (nothing of them was delivered) after which nothing is invoked any more. Less than a queue's maxReceiveCount,
    and no more than maximum_retry_attempts: else records are given up before it opens."""
    open_seconds: float = field(default=30, metadata=between(1))
    """Seconds until one batch is tried, of a queue one record; doubled while that fails."""
    maximum_open_seconds: float = field(default=600, metadata=between(1))
    """The longest that doubling leads to."""
    dependencies: Sequence[str] = field(
        default=(),
        metadata={
            "pattern": r"tcp://[^\s/@]+:[0-9]{1,5}|https?://[^\s/@]+(/\S*)?",
            "words": "tcp://host:port, or an http:// or https:// URL without a password",
            "example": ["tcp://127.0.0.1:5432"],
        },
    )
    """What the function cannot do without: tcp:// takes a connection, http:// answers with a status below 500. One that twice does not
    answer, five seconds apart, opens the breaker, and no record is tried before all answer."""


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
    unhealthy_after_seconds: float = field(default=300, metadata=between(1))
    """Seconds without a record done, although there is something to do, after which the mapping is unhealthy: /readyz, metrics and log say
    so, and it is begun anew once, with another connection, unless the function, its slots or a destination are known to be the cause. The
    batching window comes on top, and nobody is judged while an invocation is within its function's timeout."""
    circuit_breaker: CircuitBreakerSettings | None = field(default=None, metadata={"example": {"failures": 5}})
    """Stop invoking while the function, or what it depends on, keeps failing; nothing is given up meanwhile. Absent: never."""
    envelope: str | None = field(default=None, metadata={"example": "sqs"})
    """Shape of the event, when not the source's own. Of every source: raw (an array of what the records hold), cloudevents (CloudEvents
    1.0, an array of them). Of sqs also sns: notifications that came through a queue, as the event Lambda gets from SNS. Filters see the
    source's own records in any case."""
