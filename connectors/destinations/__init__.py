"""Where failure records of streams go: an SQS queue, an SNS topic, an S3 bucket, a folder.

A Kafka topic is its source's own affair (``Producing``).

What is written is the service's own (Lambda DG, Capturing discarded batches): queue and topic get the failure record, which tells where
the lost records were; a bucket also the event, as a text. A folder, which AWS does not have, gets the records as well.

Nothing is dropped: a destination that does not take a record raises, and is told it again. So each may get it twice; an object or file
that is written twice is the same one.
"""

from __future__ import annotations

from connectors.aws.options import AwsOptions
from connectors.contract import Destination, OptionsError
from connectors.destinations.arn import parse

FILE = "file:"
KNOWN = "the ARN of an SQS queue, SNS topic or S3 bucket, or file:<folder>"


def destination(text: str, options: AwsOptions) -> Destination:
    """The destination of that name. No I/O.

    options: which AWS, and as whom; the region is the ARN's. Raises ``OptionsError`` for what can never work, FIFO queues and topics among
    it, and above all for real AWS unless it is allowed; its field is ``destination``, or the option to blame. Raises ``ImportError`` where
    the client of AWS is not installed.
    """
    if text.startswith(FILE):
        from connectors.destinations.file import FileDestination  # noqa: PLC0415  # only what is used is loaded

        return FileDestination(text.removeprefix(FILE))
    if not text.startswith("arn:"):
        raise OptionsError("destination", f"{text!r} is no destination: {KNOWN}")
    arn = parse(text)
    if arn.service == "s3":
        from connectors.destinations.s3 import S3Destination  # noqa: PLC0415

        return S3Destination(arn, options)
    if arn.service == "sns":
        from connectors.destinations.sns import SnsDestination  # noqa: PLC0415

        return SnsDestination(arn, options)
    from connectors.destinations.sqs import SqsDestination  # noqa: PLC0415

    return SqsDestination(arn, options)
