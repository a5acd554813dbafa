"""The Kinesis event, as Lambda delivers it, tumbling windows included.

Reads a record whose metadata is GetRecords' record without Data (keys SequenceNumber, PartitionKey, EncryptionType), whose body is Data,
whose id is the sequence number (user records of one aggregate share it), and whose ``arrived`` is ApproximateArrivalTimestamp. Source:
recordings of 2025; Lambda DG, Using Lambda with Amazon Kinesis; for windows also the test data of aws-lambda-go.

``encryptionType`` stands there for encrypted streams only: recorded events of others do not have it. ``invokeIdentityArn`` is the
function's execution role, which grants nothing here: a role of the stream's account, by name the one that AWS's own examples use.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Sequence
from typing import Any

from connectors.contract import Identity, Record
from poller.envelope.content import Content
from poller.envelope.contract import NOTHING, About, Envelope, listed, shard_info
from poller.envelope.moments import with_milliseconds


class KinesisEnvelope(Envelope):
    """``{"Records": [...]}``, all of one shard."""

    overhead = len(b'{"Records":[]}')
    content = Content("data", inside="kinesis", base64=True, texts=False)
    tumbling = True

    def __init__(self, identity: Identity, *, window: bool) -> None:  # noqa: ARG002  # a batching window leaves no trace
        self._arn = identity.arn
        _, partition, _, _, account, *_ = [*identity.arn.split(":"), *[""] * 5]
        self._role = f"arn:{partition or 'aws'}:iam::{account}:role/lambda-role"
        self._region = identity.region

    def shape(self, record: Record) -> dict[str, Any]:
        """One element of Records, keys in documented order."""
        data, number = record.body, record.id
        if isinstance(data, str):
            data = data.encode(errors="surrogatepass")
        kinesis = {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": record.key,
            "sequenceNumber": number,
            "data": b2a_base64(data, newline=False).decode(),
            "approximateArrivalTimestamp": round(record.arrived or 0.0, 3),
        }
        encryption = record.metadata.get("EncryptionType")
        if encryption and encryption != "NONE":
            kinesis["encryptionType"] = encryption
        return {
            "kinesis": kinesis,
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventID": f"{record.partition}:{number}",
            "eventName": "aws:kinesis:record",
            "invokeIdentityArn": self._role,
            "awsRegion": self._region,
            "eventSourceARN": self._arn,
        }

    def assemble(self, parts: Sequence[bytes], batch: About = NOTHING) -> bytes:
        """The event."""
        return listed(parts, batch)

    def batch_info(self, records: Sequence[Record], partition: str) -> dict[str, dict[str, Any]]:
        """Arrivals to the millisecond."""
        return {"KinesisBatchInfo": shard_info(records, partition, self._arn, with_milliseconds, ids=True)}
