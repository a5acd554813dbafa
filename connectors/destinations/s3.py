"""An S3 bucket as the destination: an object a batch, the failure record with the event the function was sent.

``aws/lambda/<mapping>/<partition>/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-<UUID>``, in UTC, of type application/octet-stream; ``payload`` is the
event as a text (Lambda DG, Retaining discarded batch records; recordings of 2025). For Kafka, where the guide gives no key, the partition
is ``<topic>-<number>``. Permission needed: s3:PutObject.

The record of an asynchronous invocation is ``aws/lambda/async/<function>/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-<UUID>``, with its payloads.
"""

from __future__ import annotations

from urllib.parse import quote

from connectors.aws.arn import Arn
from connectors.aws.options import AwsOptions
from connectors.contract import Destination, Discard, InvocationRecord
from connectors.destinations import written
from connectors.destinations.aws import Connection

UPLOAD_SECONDS = 60.0
"""For an object of up to some 8 MB: an event of 6 MB, written as a text."""


class S3Destination(Destination):
    """One bucket; the region is the configured one, since its ARN names none."""

    def __init__(self, arn: Arn, options: AwsOptions) -> None:
        self._bucket = arn.resource
        self._connection = Connection(arn, options, f"bucket {arn.resource}", patience=UPLOAD_SECONDS)

    async def deliver(self, discard: Discard) -> None:
        """PutObject."""
        await self._put(key(discard), written.with_payload(discard))

    async def deliver_record(self, record: InvocationRecord) -> None:
        """PutObject."""
        day = f"{written.invocation_moment(record):%Y/%m/%d}"
        name = f"aws/lambda/async/{record.function}/{day}/{written.invocation_name(record)}"
        await self._put(name, record.whole)

    async def close(self) -> None:
        """Disconnect."""
        await self._connection.close()

    async def _put(self, name: str, body: bytes) -> None:
        content = {"Body": body, "ContentType": "application/octet-stream"}
        await self._connection.ask("put_object", Bucket=self._bucket, Key=name, **content)


def key(discard: Discard) -> str:
    """Of the object. Slashes and what is no ASCII in a partition's name are escaped, as Redis may have them."""
    partition = quote(discard.partition, safe="", errors="surrogatepass")
    return f"aws/lambda/{discard.mapping}/{partition}/{written.moment(discard):%Y/%m/%d}/{written.name(discard)}"
