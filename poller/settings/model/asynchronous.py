"""`asynchronous`, and what a function or an alias says of asynchronous invocations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from poller.settings.model.metadata import between


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
