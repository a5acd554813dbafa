"""Where failure records of streams go, and records of asynchronous invocations: an SQS queue, an SNS topic, an S3 bucket, a folder.

Records of invocations may also go to an EventBridge bus; a function is the engine's own affair. So is a Kafka topic that of its source
(``Producing``).

What is written is the service's own (Lambda DG, Capturing discarded batches; Capturing records of asynchronous invocations). Of a stream,
queue and topic get the failure record, which tells where the lost records were; a bucket also the event, as a text. A folder, which AWS
does not have, gets the records as well.

Nothing is dropped: a destination that does not take a record raises, and is told it again. So each may get it twice; an object or file
that is written twice is the same one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.aws.arn import Arn
from connectors.aws.options import AwsOptions
from connectors.contract import DeadLetterTarget, Destination, InvocationDestination, OptionsError
from connectors.destinations.arn import OF_DEAD_LETTERS, OF_INVOCATIONS, OF_STREAMS, parse

if TYPE_CHECKING:  # only what is used is loaded
    from connectors.destinations.file import FileDestination
    from connectors.destinations.s3 import S3Destination
    from connectors.destinations.sns import SnsDestination
    from connectors.destinations.sqs import SqsDestination

FILE = "file:"
KNOWN = "the ARN of an SQS queue, SNS topic or S3 bucket, or file:<folder>"


def destination(text: str, options: AwsOptions) -> Destination:
    """The destination of that name, for failure records of streams. No I/O.

    options: which AWS, and as whom; the region is the ARN's. Raises ``OptionsError`` for what can never work, FIFO queues and topics among
    it, and above all for real AWS unless it is allowed; its field is ``destination``, or the option to blame. Raises ``ImportError`` where
    the client of AWS is not installed.
    """
    return _folder(text) if text.startswith(FILE) else _of_aws(_arn(text, OF_STREAMS), options)


def invocation_destination(text: str, options: AwsOptions) -> InvocationDestination:
    """The destination of that name, for records of asynchronous invocations. No I/O. Raises as ``destination`` does."""
    if text.startswith(FILE):
        return _folder(text)
    arn = _arn(text, OF_INVOCATIONS)
    if arn.service != "events":
        return _of_aws(arn, options)
    from connectors.destinations.eventbridge import EventBridgeDestination  # noqa: PLC0415 - only what is used is loaded

    return EventBridgeDestination(arn, options)


def dead_letter_target(text: str, options: AwsOptions) -> DeadLetterTarget:
    """The queue or topic of that ARN, for asynchronous events that were given up. No I/O. Raises as ``destination`` does."""
    return _queue_or_topic(_arn(text, OF_DEAD_LETTERS), options)


def _arn(text: str, among: tuple[str, ...]) -> Arn:
    if not text.startswith("arn:"):
        raise OptionsError("destination", f"{text!r} is no destination: {KNOWN}")
    return parse(text, among)


def _folder(text: str) -> FileDestination:
    from connectors.destinations.file import FileDestination  # noqa: PLC0415 - only what is used is loaded

    return FileDestination(text.removeprefix(FILE))


def _of_aws(arn: Arn, options: AwsOptions) -> S3Destination | SnsDestination | SqsDestination:
    if arn.service != "s3":
        return _queue_or_topic(arn, options)
    from connectors.destinations.s3 import S3Destination  # noqa: PLC0415 - only what is used is loaded

    return S3Destination(arn, options)


def _queue_or_topic(arn: Arn, options: AwsOptions) -> SnsDestination | SqsDestination:
    if arn.service == "sns":
        from connectors.destinations.sns import SnsDestination  # noqa: PLC0415 - only what is used is loaded

        return SnsDestination(arn, options)
    from connectors.destinations.sqs import SqsDestination  # noqa: PLC0415 - only what is used is loaded

    return SqsDestination(arn, options)
