"""Bodies are strangers' work. Whatever is in one, its record can be encoded: what cannot be would stop the mapping."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connectors.contract import Identity, Record
from poller.envelope import envelope, offered

BODIES = {
    "deeper than JSON writers go": "[" * 1000 + "]" * 1000,
    "half of a surrogate pair": "\ud800",
    "a notification with a number for a link": '{"Type": "Notification", "UnsubscribeURL": 5}',
    "a notification with a broken link": '{"Type": "Notification", "UnsubscribeURL": "http://[x"}',
    "a notification with deep attributes": '{"Type":"Notification","MessageAttributes":' + "[" * 900 + "]" * 900 + "}",
    "a notification with attributes of numbers": '{"Type":"Notification","MessageAttributes":{"a":1}}',
}


def encoded(name: str, body: str) -> bytes:
    made = envelope(name, Identity("arn:aws:sqs:eu-west-1:000000000000:q", "eu-west-1", ""), window=False, source="sqs")
    message = {"ReceiptHandle": "h", "MD5OfBody": "", "Attributes": {"SentTimestamp": "1602166574656"}}
    return made.assemble([made.encode(Record(id="m", body=body, metadata=message))])


@pytest.mark.parametrize("name", offered("sqs"))
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_any_body_makes_an_event(name: str, body: str) -> None:
    event = encoded(name, body)
    assert event.isascii() or event.decode()
    if "[[[" not in body:
        assert json.loads(event)


def test_what_only_claims_to_be_a_notification_is_a_raw_delivery() -> None:
    body = BODIES["a notification with a number for a link"]
    assert json.loads(encoded("sns", body))["Records"][0]["Sns"]["Message"] == body


def test_a_raw_event_holds_json_as_it_was_written() -> None:
    assert encoded("raw", '{"id": 123456789012345678901234567890, "price": 1.10}') == (
        b'[{"id": 123456789012345678901234567890, "price": 1.10}]'
    )


HALF = "half \ud800"
STREAMS: dict[str, dict[str, Any]] = {
    "kinesis": {},
    "kafka": {
        "topic": "t",
        "partition": 0,
        "offset": 5,
        "timestamp": 10**18,  # nanoseconds, by a producer's mistake
        "timestampType": "CREATE_TIME",
        "key": b"\xff",
        "headers": [(HALF, b"\xff")],
    },
    "dynamodb": {
        "eventID": "e",
        "eventName": "INSERT",
        "dynamodb": {"Keys": {HALF: {"S": HALF}}, "NewImage": {"x": {}}},
    },
    "entries": {},
}


@pytest.mark.parametrize(("source", "name"), [(source, name) for source in STREAMS for name in offered(source)])
@pytest.mark.parametrize("body", [b"\xff", b"\xed\xa0\x80", b"[" * 1000 + b"]" * 1000, b"NaN", b""])
def test_any_record_of_a_stream_makes_an_event_and_a_failure_record(source: str, name: str, body: bytes) -> None:
    made = envelope(name, Identity("", "", ""), window=False, source=source)
    record = Record(id="1", body=body, partition=HALF, position="1", key=HALF, arrived=1e15, metadata=STREAMS[source])
    event = made.assemble([made.encode(record)])
    assert event.decode()
    if b"[[[" not in body:
        assert json.loads(event)
    info = made.batch_info([record], HALF)
    assert json.dumps(info)
