"""``redis-list``: elements of a Redis list, in the form of SQS messages, and named after what they are.

| member of a record | holds |
|---|---|
| ``messageId`` | number of the record; the same when it comes again |
| ``receiptHandle`` | of this receive |
| ``body`` | the element |
| ``isBase64Encoded`` | whether body is in base64, since the element is no UTF-8 |
| ``attributes`` | ``ApproximateReceiveCount``, ``ApproximateFirstReceiveTimestamp`` (epoch milliseconds), as texts |
| ``md5OfBody`` | of the element's bytes |
| ``eventSource`` | ``"redis:list"`` |
| ``eventSourceARN`` | ``arn:pollerd:redis:::list/<key>`` |

The sqs envelope takes the same records for functions that look at eventSource.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from connectors.contract import Identity, Record
from poller.envelope.contract import NOTHING, About, Envelope, listed
from poller.envelope.redis_stream import text_of


class RedisListEnvelope(Envelope):
    """``{"Records": [...]}``."""

    overhead = len(b'{"Records":[]}')

    def __init__(self, identity: Identity, *, window: bool) -> None:  # noqa: ARG002  # a batching window leaves no trace
        self._arn = identity.arn

    def shape(self, record: Record) -> dict[str, Any]:
        """One element of Records."""
        message = record.metadata
        body, encoded = text_of(record.body)
        return {
            "messageId": record.id,
            "receiptHandle": message["ReceiptHandle"],
            "body": body,
            "isBase64Encoded": encoded,
            "attributes": dict(message["Attributes"]),
            "md5OfBody": message["MD5OfBody"],
            "eventSource": "redis:list",
            "eventSourceARN": self._arn,
        }

    def assemble(self, parts: Sequence[bytes], batch: About = NOTHING) -> bytes:
        """The event."""
        return listed(parts, batch)
