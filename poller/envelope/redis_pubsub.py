"""``redis-pubsub``: published messages, in the form of SNS notifications, several in an event, and named after what they are.

| member of a record | holds |
|---|---|
| ``EventSource`` | ``"redis:pubsub"`` |
| ``EventVersion`` | ``"1.0"`` |
| ``EventSubscriptionArn`` | ``arn:pollerd:redis:::pubsub/<channels and patterns>`` |
| ``Redis.Type`` | ``"Notification"`` |
| ``Redis.MessageId`` | our own: Redis gives messages none |
| ``Redis.Channel`` | the channel it was published on |
| ``Redis.Pattern`` | the pattern it came by; null for a channel by name |
| ``Redis.Message`` | what was published |
| ``Redis.isBase64Encoded`` | whether Message is in base64, since it is no UTF-8 |
| ``Redis.Timestamp`` | when it came, UTC, milliseconds |

Filters know the message as ``Message`` and the rest of ``Redis`` by its names. The sns envelope takes the same records, one an event.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from connectors.contract import Identity, Record
from poller.envelope.content import Content
from poller.envelope.contract import NOTHING, About, Envelope, listed
from poller.envelope.moments import with_milliseconds
from poller.envelope.redis_stream import text_of


class RedisPubsubEnvelope(Envelope):
    """``{"Records": [...]}``."""

    overhead = len(b'{"Records":[]}')
    content = Content("Message", inside="Redis")

    def __init__(self, identity: Identity, *, window: bool) -> None:  # noqa: ARG002  # a batching window leaves no trace
        self._arn = identity.arn

    def shape(self, record: Record) -> dict[str, Any]:
        """One element of Records."""
        message, encoded = text_of(record.body)
        return {
            "EventSource": "redis:pubsub",
            "EventVersion": "1.0",
            "EventSubscriptionArn": self._arn,
            "Redis": {
                "Type": "Notification",
                "MessageId": record.id,
                "Channel": record.metadata["Channel"],
                "Pattern": record.metadata["Pattern"],
                "Message": message,
                "isBase64Encoded": encoded,
                "Timestamp": with_milliseconds(record.arrived or 0.0),
            },
        }

    def assemble(self, parts: Sequence[bytes], batch: About = NOTHING) -> bytes:
        """The event."""
        return listed(parts, batch)
