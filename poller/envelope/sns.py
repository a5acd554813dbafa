"""``envelope: sns``: a notification that came through a queue becomes the event that Lambda gets from SNS itself.

Source: Lambda DG, Using AWS Lambda with Amazon SNS; recordings of 2023. Differences of the two spellings:
``SigningCertUrl`` and ``UnsubscribeUrl`` here, ``...URL`` in the queue; ``Subject`` is null and ``MessageAttributes``
is ``{}`` where the queue's text leaves them out; ``SignatureVersion`` is always "1". An event holds exactly one
notification.

A raw delivery has no envelope in the queue. Then Message is the body, MessageId the message's id, Timestamp its
SentTimestamp, MessageAttributes the message's own; what only SNS knows (topic, signature) is an empty string. The
same for what a FIFO topic leaves out. Filters see the record of the queue, as they would without this envelope.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import orjson

from connectors.contract import Identity, Record
from poller.envelope.contract import NOTHING, About, Envelope, as_json
from poller.envelope.sqs import SqsEnvelope


class SnsEnvelope(Envelope):
    """One notification an event."""

    overhead = len(b'{"Records":[]}')
    max_records = 1

    def __init__(self, identity: Identity, *, window: bool) -> None:
        self._sqs = SqsEnvelope(identity, window=window)

    def shape(self, record: Record) -> dict[str, Any]:
        """The queue's record, for filters."""
        return self._sqs.shape(record)

    def encode(self, record: Record) -> bytes:
        """The notification as an element of Records."""
        shape = self._sqs.shape(record)
        notification = _notification(shape["body"]) or _raw(shape)
        return as_json(
            {
                "EventSource": "aws:sns",
                "EventVersion": "1.0",
                "EventSubscriptionArn": _subscription(notification),
                "Sns": {
                    "Type": "Notification",
                    "MessageId": notification.get("MessageId", ""),
                    "TopicArn": notification.get("TopicArn", ""),
                    "Subject": notification.get("Subject"),
                    "Message": notification.get("Message", ""),
                    "Timestamp": notification.get("Timestamp", ""),
                    "SignatureVersion": "1",
                    "Signature": notification.get("Signature", ""),
                    "SigningCertUrl": notification.get("SigningCertURL", ""),
                    "UnsubscribeUrl": notification.get("UnsubscribeURL", ""),
                    "MessageAttributes": notification.get("MessageAttributes") or {},
                },
            }
        )

    def assemble(self, parts: Sequence[bytes], batch: About = NOTHING) -> bytes:  # noqa: ARG002  # a queue has no partitions
        """The event."""
        return self._sqs.assemble(parts)


def _notification(body: str | bytes) -> Mapping[str, Any] | None:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) and _well_formed(value) else None


def _well_formed(value: Mapping[str, Any]) -> bool:
    """Whether it is what SNS writes. A body is a stranger's, and what only claims to be a notification counts as raw."""
    texts = ("MessageId", "TopicArn", "Message", "UnsubscribeURL")
    attributes = value.get("MessageAttributes", {})
    return (
        value.get("Type") == "Notification"
        and all(isinstance(value.get(name, ""), str) for name in texts)
        and isinstance(attributes, dict)
        and all(
            isinstance(each, dict) and all(isinstance(v, str) for v in each.values()) for each in attributes.values()
        )
    )


def _raw(shape: Mapping[str, Any]) -> Mapping[str, Any]:
    sent = int(shape["attributes"].get("SentTimestamp", 0)) / 1000
    return {
        "MessageId": shape["messageId"],
        "Message": shape["body"],
        "Timestamp": datetime.fromtimestamp(sent, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "MessageAttributes": {
            name: {"Type": value["dataType"], "Value": value.get("stringValue", value.get("binaryValue", ""))}
            for name, value in shape["messageAttributes"].items()
        },
    }


def _subscription(notification: Mapping[str, Any]) -> str:
    """From the link to unsubscribe, which names it; else the topic's ARN, which it begins with."""
    query = parse_qs(notification.get("UnsubscribeURL", "").partition("?")[2])
    return str(query.get("SubscriptionArn", [notification.get("TopicArn", "")])[0])
