"""Events of Redis sources: their own, and those of other services made of the same records."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connectors.contract import Identity, Record
from poller.envelope import content, envelope, offered
from poller.envelope.contract import About
from poller.pipeline.filter.criteria import compile_criteria

STREAM = Identity("arn:pollerd:redis:::stream/orders", "", "stream orders")
LIST = Identity("arn:pollerd:redis:::list/orders", "", "list orders")
CHANNEL = Identity("arn:pollerd:redis:::pubsub/news", "", "channel news")


def entry(body: str | bytes = '{"status":"paid"}', data_field: str = "", **fields: bytes) -> Record:
    names_and_values = [each for name, value in fields.items() for each in (name.encode(), value)]
    metadata = {"stream": "orders", "fields": names_and_values, "dataField": data_field}
    place: dict[str, Any] = {"partition": "orders", "position": "1700000000123-4", "lane": "orders"}
    return Record("1700000000123-4", body, metadata=metadata, key="c1", arrived=1700000000.123, **place)


def element(body: str | bytes = "hello") -> Record:
    attributes = {"ApproximateReceiveCount": "2", "ApproximateFirstReceiveTimestamp": "1700000000123"}
    message = {"MessageId": "7", "ReceiptHandle": "7:9", "MD5OfBody": "0" * 32, "Body": body, "Attributes": attributes}
    return Record("7", body, metadata=message, handle=None, receive_count=2)


def published(body: str | bytes = "hello") -> Record:
    message = {
        "MessageId": "u",
        "ReceiptHandle": "u",
        "MD5OfBody": "0" * 32,
        "Body": body,
        "Attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1700000000123"},
        "Channel": "news",
        "Pattern": "n*",
    }
    return Record("u", body, metadata=message, arrived=1700000000.123)


def made(name: str, source: str, identity: Identity, *records: Record, window: dict[str, Any] | None = None) -> Any:
    shape = envelope(name, identity, window=False, source=source)
    parts = [shape.encode(record) for record in records]
    return json.loads(shape.assemble(parts, About(records[0].partition, window)))


def test_an_entry_of_a_stream() -> None:
    assert made("redis-stream", "redis-stream", STREAM, entry()) == {
        "Records": [
            {
                "redis": {
                    "schemaVersion": "1.0",
                    "stream": "orders",
                    "partitionKey": "c1",
                    "sequenceNumber": "1700000000123-4",
                    "data": '{"status":"paid"}',
                    "isBase64Encoded": False,
                    "approximateArrivalTimestamp": 1700000000.123,
                },
                "eventSource": "redis:stream",
                "eventVersion": "1.0",
                "eventID": "orders:1700000000123-4",
                "eventName": "redis:stream:record",
                "eventSourceARN": "arn:pollerd:redis:::stream/orders",
            }
        ]
    }


def test_fields_beside_the_data_field_are_kept() -> None:
    record = entry(b"\xff", "data", data=b"\xff", a=b"1", b=b"\xfe")
    record.metadata["fields"].extend((b"a", b"2"))
    redis = made("redis-stream", "redis-stream", STREAM, record)["Records"][0]["redis"]
    assert (redis["data"], redis["isBase64Encoded"]) == ("/w==", True)
    assert redis["fields"] == {"a": ["1", "2"], "b": "\\xfe"}


def test_a_tumbling_window_adds_its_members() -> None:
    window = {"window": {"start": "a", "end": "b"}, "state": {"n": 1}}
    assert made("redis-stream", "redis-stream", STREAM, entry(), window=window)["state"] == {"n": 1}


def test_a_failure_record_says_where_a_batch_of_a_stream_lies() -> None:
    info = envelope("kinesis", STREAM, window=False, source="redis-stream").batch_info([entry()], "orders")
    assert info["StreamBatchInfo"]["startPosition"] == "1700000000123-4"


def test_an_entry_as_a_record_of_kinesis() -> None:
    (record,) = made("kinesis", "redis-stream", STREAM, entry())["Records"]
    assert record["eventSource"] == "aws:kinesis"
    assert (record["kinesis"]["data"], record["kinesis"]["partitionKey"]) == ("eyJzdGF0dXMiOiJwYWlkIn0=", "c1")


def test_an_element_of_a_list() -> None:
    assert made("redis-list", "redis-list", LIST, element()) == {
        "Records": [
            {
                "messageId": "7",
                "receiptHandle": "7:9",
                "body": "hello",
                "isBase64Encoded": False,
                "attributes": {"ApproximateReceiveCount": "2", "ApproximateFirstReceiveTimestamp": "1700000000123"},
                "md5OfBody": "0" * 32,
                "eventSource": "redis:list",
                "eventSourceARN": "arn:pollerd:redis:::list/orders",
            }
        ]
    }


@pytest.mark.parametrize(("body", "expected"), [("hello", "hello"), (b"\xff", "/w==")])
def test_an_element_as_a_message_of_sqs(body: str | bytes, expected: str) -> None:
    (record,) = made("sqs", "redis-list", LIST, element(body))["Records"]
    assert (record["eventSource"], record["body"], record["messageId"]) == ("aws:sqs", expected, "7")


def test_a_published_message() -> None:
    assert made("redis-pubsub", "redis-pubsub", CHANNEL, published(), published(b"\xff"))["Records"][1] == {
        "EventSource": "redis:pubsub",
        "EventVersion": "1.0",
        "EventSubscriptionArn": "arn:pollerd:redis:::pubsub/news",
        "Redis": {
            "Type": "Notification",
            "MessageId": "u",
            "Channel": "news",
            "Pattern": "n*",
            "Message": "/w==",
            "isBase64Encoded": True,
            "Timestamp": "2023-11-14T22:13:20.123Z",
        },
    }


def test_a_published_message_as_a_notification_of_sns() -> None:
    shape = envelope("sns", CHANNEL, window=False, source="redis-pubsub")
    assert shape.max_records == 1
    (record,) = made("sns", "redis-pubsub", CHANNEL, published())["Records"]
    assert (record["EventSource"], record["Sns"]["Message"]) == ("aws:sns", "hello")
    assert record["Sns"]["Timestamp"] == "2023-11-14T22:13:20.123Z"


@pytest.mark.parametrize(
    ("source", "identity", "record", "pattern"),
    [
        ("redis-stream", STREAM, entry(), {"data": {"status": ["paid"]}, "partitionKey": ["c1"]}),
        ("redis-stream", STREAM, entry(b'{"status":"paid"}', "x", x=b"", kind=b"k"), {"fields": {"kind": ["k"]}}),
        ("redis-list", LIST, element('{"status":"paid"}'), {"body": {"status": ["paid"]}}),
        ("redis-list", LIST, element("text"), {"body": ["text"]}),
        ("redis-pubsub", CHANNEL, published('{"a":1}'), {"Message": {"a": [1]}, "Channel": ["news"]}),
    ],
)
def test_filters_know_the_source_whatever_the_event_looks_like(
    source: str, identity: Identity, record: Record, pattern: dict[str, Any]
) -> None:
    criteria = compile_criteria([pattern], content(source))
    other = compile_criteria([{**pattern, "eventSource": ["other"], "EventSource": ["other"]}], content(source))
    for name in offered(source):
        shape = envelope(name, identity, window=False, source=source)
        assert criteria.admits(shape.shape(record)), name
        assert not other.admits(shape.shape(record)), name


def test_what_each_source_offers() -> None:
    assert offered("redis-stream") == ["cloudevents", "kinesis", "raw", "redis-stream"]
    assert offered("redis-list") == ["cloudevents", "raw", "redis-list", "sqs"]
    assert offered("redis-pubsub") == ["cloudevents", "raw", "redis-pubsub", "sns", "sqs"]


def test_raw_events_hold_what_was_sent() -> None:
    assert made("raw", "redis-stream", STREAM, entry()) == [{"status": "paid"}]
    assert made("raw", "redis-list", LIST, element()) == ["hello"]
    assert made("raw", "redis-pubsub", CHANNEL, published("[1]")) == [[1]]
