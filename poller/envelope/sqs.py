"""The SQS event, byte for byte as Lambda delivers it.

Reads a record whose metadata is ReceiveMessage's Message (keys MessageId, ReceiptHandle, Body, MD5OfBody, Attributes, MessageAttributes,
MD5OfMessageAttributes). Source: recordings of 2024 and 2025; Lambda DG, Using Lambda with Amazon SQS.

A quirk that all recordings share: without message attributes ``md5OfMessageAttributes`` is null when the mapping has a batching window, and
absent when it has none.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from connectors.contract import Identity, Record
from poller.envelope.contract import NOTHING, About, Envelope
from poller.envelope.plain import readable

ATTRIBUTES = (
    "ApproximateReceiveCount",
    "AWSTraceHeader",
    "SentTimestamp",
    "SequenceNumber",
    "MessageGroupId",
    "SenderId",
    "MessageDeduplicationId",
    "ApproximateFirstReceiveTimestamp",
    "DeadLetterQueueSourceArn",
)
"""What the event passes on; servers may send more (SqsManagedSseEnabled, say)."""


class SqsEnvelope(Envelope):
    """``{"Records": [...]}``. window: whether the mapping has a batching window."""

    overhead = len(b'{"Records":[]}')

    def __init__(self, identity: Identity, *, window: bool) -> None:
        self._tail = {
            "eventSource": "aws:sqs",
            "eventSourceARN": identity.arn,
            "awsRegion": identity.region,
        }
        self._window = window

    def shape(self, record: Record) -> dict[str, Any]:
        """One element of Records, keys in recorded order."""
        message = record.metadata
        given = message.get("Attributes") or {}
        attributes = message.get("MessageAttributes") or {}
        shape: dict[str, Any] = {
            "messageId": record.id,
            "receiptHandle": message["ReceiptHandle"],
            "body": readable(record.body),
            "attributes": {name: given[name] for name in ATTRIBUTES if name in given},
            "messageAttributes": {name: _attribute(value) for name, value in attributes.items()},
        }
        if attributes:
            shape["md5OfMessageAttributes"] = message.get("MD5OfMessageAttributes") or digest(attributes)
        elif self._window:
            shape["md5OfMessageAttributes"] = None
        shape["md5OfBody"] = (
            message.get("MD5OfBody") or _md5(str(record.body).encode(errors="surrogatepass")).hexdigest()
        )
        return shape | self._tail

    def assemble(self, parts: Sequence[bytes], batch: About = NOTHING) -> bytes:  # noqa: ARG002  # a queue has no partitions
        """The event."""
        return b'{"Records":[' + b",".join(parts) + b"]}"


def digest(attributes: Mapping[str, Mapping[str, Any]]) -> str:
    """MD5 over message attributes, for servers that leave it out (SQS DG, Calculating the MD5 message digest for message attributes)."""
    md5 = _md5()
    for name in sorted(attributes):
        kind = attributes[name]["DataType"]
        binary = kind.split(".")[0] == "Binary"
        value = attributes[name]["BinaryValue"] if binary else attributes[name]["StringValue"].encode()
        for part in (name.encode(), kind.encode()):
            md5.update(len(part).to_bytes(4, "big") + part)
        md5.update((b"\x02" if binary else b"\x01") + len(value).to_bytes(4, "big") + value)
    return str(md5.hexdigest())


def _attribute(value: Mapping[str, Any]) -> dict[str, Any]:
    shaped: dict[str, Any] = {}
    if value.get("StringValue") is not None:
        shaped["stringValue"] = value["StringValue"]
    if value.get("BinaryValue") is not None:
        shaped["binaryValue"] = base64.b64encode(value["BinaryValue"]).decode()
    return shaped | {"stringListValues": [], "binaryListValues": [], "dataType": value.get("DataType", "")}


def _md5(data: bytes = b"") -> Any:
    return hashlib.md5(data, usedforsecurity=False)
