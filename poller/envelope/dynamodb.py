"""The event of a DynamoDB stream, as Lambda delivers it, tumbling windows included.

Reads a record whose metadata is GetRecords' record, attribute values as botocore has them (B and BS: bytes), and whose ``arrived`` is
ApproximateCreationDateTime. Source: recordings of 2025; Lambda DG, Using AWS Lambda with Amazon DynamoDB.

ApproximateCreationDateTime is a number of whole seconds, written as ``1733418659.0``. ``userIdentity``, on deletes by TTL only, begins its
keys in lower case here, and in GetRecords in upper case.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Mapping, Sequence
from typing import Any

from connectors.contract import Identity, Record
from poller.envelope.content import Content
from poller.envelope.contract import NOTHING, About, Envelope, listed, shard_info
from poller.envelope.moments import in_seconds

_IMAGES = ("Keys", "NewImage", "OldImage")
_NESTED = frozenset({"B", "BS", "L", "M"})


class DynamoDbEnvelope(Envelope):
    """``{"Records": [...]}``, all of one shard."""

    overhead = len(b'{"Records":[]}')
    content = Content("dynamodb", texts=False)
    tumbling = True

    def __init__(self, identity: Identity, *, window: bool) -> None:  # noqa: ARG002  # a batching window leaves no trace
        self._arn = identity.arn
        self._region = identity.region

    def shape(self, record: Record) -> dict[str, Any]:
        """One element of Records, keys in recorded order."""
        change = record.metadata
        given = change["dynamodb"]
        shape = {
            "eventID": change["eventID"],
            "eventName": change["eventName"],
            "eventVersion": change.get("eventVersion", "1.1"),
            "eventSource": "aws:dynamodb",
            "awsRegion": change.get("awsRegion") or self._region,
            "dynamodb": {
                "ApproximateCreationDateTime": float(int(record.arrived or 0)),
                **{name: _image(given[name]) for name in _IMAGES if given.get(name) is not None},
                "SequenceNumber": record.position,
                "SizeBytes": given.get("SizeBytes", 0),
                "StreamViewType": given.get("StreamViewType", ""),
            },
            "eventSourceARN": self._arn,
        }
        if identity := change.get("userIdentity"):
            shape["userIdentity"] = {"type": identity.get("Type"), "principalId": identity.get("PrincipalId")}
        return shape

    def assemble(self, parts: Sequence[bytes], batch: About = NOTHING) -> bytes:
        """The event."""
        return listed(parts, batch)

    def batch_info(self, records: Sequence[Record], partition: str) -> dict[str, dict[str, Any]]:
        """Arrivals without milliseconds."""
        return {"DDBStreamBatchInfo": shard_info(records, partition, self._arn, in_seconds)}


def _image(attributes: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {name: value if _NESTED.isdisjoint(value) else _value(value) for name, value in attributes.items()}


def _value(value: Mapping[str, Any]) -> dict[str, Any]:
    return {kind: _plain(kind, held) for kind, held in value.items()}


def _plain(kind: str, held: Any) -> Any:
    """What an attribute value holds, bytes as base64; at most 32 levels of lists and maps (DynamoDB quotas)."""
    if kind == "B":
        return _base64(held)
    if kind == "BS":
        return [_base64(each) for each in held]
    if kind == "M":
        return _image(held)
    return [_value(each) for each in held] if kind == "L" else held


def _base64(data: bytes) -> str:
    return b2a_base64(data, newline=False).decode()
