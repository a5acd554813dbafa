"""``raw`` and ``cloudevents`` are for every source: the same contents, whichever it is; the CloudEvents SDK reads the latter."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from connectors.contract import Identity, Record
from poller.envelope import content, envelope, offered
from poller.envelope.contract import About
from tests.fakes import stream_records

GOLDEN = Path(__file__).parents[2] / "golden/events"
NOWHERE = Identity("", "", "")
TRAITS = ["kinesis/two-records", "dynamodb/recorded-insert", "kafka-msk/base"]


def load(name: str) -> Any:
    return json.loads((GOLDEN / f"{name}.json").read_text())


def made(name: str, source: str, records: list[Record], identity: Identity = NOWHERE) -> Any:
    shape = envelope(name, identity, window=False, source=source)
    parts = [shape.encode(record) for record in records]
    text = shape.assemble(parts, About(records[0].partition))
    assert len(text) == shape.overhead + sum(map(len, parts)) + len(parts) - 1
    return json.loads(text)


def of_event(name: str, event: str) -> list[Any]:
    shown = load(event)
    found: list[Any] = made(
        name,
        event.partition("/")[0].partition("-")[0],
        list(stream_records.fetched(shown)),
        stream_records.identity(shown),
    )
    for each in found:
        if name == "cloudevents":
            read(each)
    return found


def read(event: dict[str, Any]) -> CloudEvent:
    """As the SDK has it, which refuses attributes that CloudEvents does not allow."""
    return JSONFormat().read(CloudEvent, json.dumps(event))  # type: ignore[return-value]  # it makes what it is told to


def kinesis(body: bytes, **more: Any) -> Record:
    given: dict[str, Any] = {"partition": "shardId-1", "position": "7", "key": "k", "arrived": 1.5}
    return Record(id="7", body=body, **(given | more))


def test_a_kinesis_record_as_a_cloudevent() -> None:
    arn = "arn:aws:kinesis:us-east-2:123456789012:stream/lambda-stream"
    number = "49590338271490256608559692538361571095921575989136588898"
    assert of_event("cloudevents", "kinesis/two-records")[0] == {
        "specversion": "1.0",
        "id": f"shardId-000000000006:{number}",
        "source": f"{arn}/shardId-000000000006",
        "type": "com.amazonaws.kinesis.record",
        "subject": "1",
        "partitionkey": "1",
        "time": "2018-12-17T22:10:50.987Z",
        "sequence": number,
        "datacontenttype": "text/plain",
        "data": "Hello, this is a test.",
    }


def test_a_dynamodb_record_as_a_cloudevent() -> None:
    [event] = of_event("cloudevents", "dynamodb/recorded-insert")
    [shown] = load("dynamodb/recorded-insert")["Records"]
    assert event["type"] == "com.amazonaws.dynamodb.INSERT"
    assert event["data"] == shown["dynamodb"]
    assert event["datacontenttype"] == "application/json"
    assert event["sequence"] == "0000000000004421584500000000017450439091"
    assert event["subject"] == '{"my_partition_key": {"S": "hello world"}}'


def test_kafka_records_as_cloudevents() -> None:
    event = of_event("cloudevents", "kafka-msk/base")[0]
    assert event["type"] == "org.apache.kafka.record"
    assert event["source"].endswith(":cluster/SalesCluster/abcd1234-abcd-cafe-abab-9876543210ab-4/mytopic-0")
    assert event["id"] == "mytopic-0:15"
    assert event["sequence"] == "0000000000000000015"
    assert event["data"] == {"id": 12345, "name": "product5", "price": 45}
    servers = load("kafka-self-managed/base")["bootstrapServers"]
    assert of_event("cloudevents", "kafka-self-managed/base")[0]["source"] == f"kafka:{servers}/mytopic-0"
    tombstone = of_event("cloudevents", "kafka-msk/keyless-and-tombstone")[2]
    assert not {"data", "data_base64", "datacontenttype"} & set(tombstone)
    keyless = of_event("cloudevents", "kafka-msk/keyless-and-tombstone")[1]
    assert not {"subject", "partitionkey"} & set(keyless)


def test_a_message_of_a_fifo_queue_as_a_cloudevent() -> None:
    attributes = {"SentTimestamp": "1602166574656", "MessageGroupId": "g", "SequenceNumber": "18870000000000000001"}
    record = Record(
        id="m", body="1", lane="g", metadata={"ReceiptHandle": "h", "MD5OfBody": "0", "Attributes": attributes}
    )
    arn = "arn:aws:sqs:eu-west-1:000000000000:q.fifo"
    [event] = made("cloudevents", "sqs", [record], Identity(arn, "", ""))
    read(event)
    assert event == {
        "specversion": "1.0",
        "id": "m",
        "source": arn,
        "type": "com.amazonaws.sqs.message",
        "subject": "g",
        "partitionkey": "g",
        "time": "2020-10-08T14:16:14.656Z",
        "sequence": "18870000000000000001",
        "datacontenttype": "application/json",
        "data": 1,
    }


@pytest.mark.parametrize(
    ("body", "raw", "data"),
    [
        (b'{"n": 1.10}', {"n": 1.10}, {"datacontenttype": "application/json", "data": {"n": 1.10}}),
        (b"text", "text", {"datacontenttype": "text/plain", "data": "text"}),
        (b"", "", {"datacontenttype": "text/plain", "data": ""}),
        (b"\xff\x00", "/wA=", {"datacontenttype": "application/octet-stream", "data_base64": "/wA="}),
    ],
)
def test_any_body_goes_into_either(body: bytes, raw: Any, data: dict[str, Any]) -> None:
    assert made("raw", "kinesis", [kinesis(body)]) == [raw]
    [event] = made("cloudevents", "kinesis", [kinesis(body)])
    assert {name: event.get(name) for name in data} == data
    assert {"data", "data_base64"} & set(event) == {"data", "data_base64"} & set(data)
    read(event)


@pytest.mark.parametrize("key", [b"\xff", "a\nb", "\ud800", "\ufffe"])
def test_a_key_that_no_attribute_may_hold_is_in_base64(key: str | bytes) -> None:
    [event] = made("cloudevents", "kinesis", [kinesis(b"1", key=key)])
    data = key if isinstance(key, bytes) else key.encode(errors="surrogatepass")
    assert base64.b64decode(event["partitionkey"]) == data
    assert event["partitionkey"].isascii()
    read(event)


def test_sequences_compare_as_positions_do() -> None:
    events = made("cloudevents", "entries", [kinesis(b"", position=p) for p in ("99-9", "99-10", "100-0")])
    assert sorted(event["sequence"] for event in events) == [event["sequence"] for event in events]
    assert events[0]["type"] == "entries.record"


def test_a_partition_of_any_name_makes_a_source() -> None:
    [event] = made("cloudevents", "entries", [kinesis(b"", partition="a b/ü")], Identity("", "", "redis at h: x"))
    assert event["source"] == "redis%20at%20h:%20x/a%20b/%C3%BC"
    read(event)


def test_a_raw_event_of_each_source() -> None:
    assert of_event("raw", "kinesis/two-records") == ["Hello, this is a test.", "This is only a test."]
    assert of_event("raw", "dynamodb/recorded-insert") == [load("dynamodb/recorded-insert")["Records"][0]["dynamodb"]]
    assert of_event("raw", "kafka-msk/keyless-and-tombstone") == [{"key": "value"}, {"key": "value"}, None]


@pytest.mark.parametrize("name", ["raw", "cloudevents"])
@pytest.mark.parametrize("event", TRAITS)
def test_filters_and_failure_records_are_the_sources_own(name: str, event: str) -> None:
    shown = load(event)
    source, records = event.partition("/")[0].partition("-")[0], list(stream_records.fetched(shown))
    own, other = (envelope(n, stream_records.identity(shown), window=False, source=source) for n in (source, name))
    assert [other.shape(record) for record in records] == [own.shape(record) for record in records]
    assert other.content is own.content is content(source)
    partition = records[0].partition
    assert other.batch_info(records, partition) == own.batch_info(records, partition)
    assert (own.tumbling, other.tumbling) == (True, False)


def test_a_source_without_a_shape_of_its_own_shows_filters_what_records_have() -> None:
    shape = envelope("raw", Identity("", "", ""), window=False)
    assert shape.shape(kinesis(b"\xff", key=b"k")) == {
        "id": "7",
        "body": "/w==",
        "partition": "shardId-1",
        "position": "7",
        "key": "k",
        "arrived": 1.5,
    }
    assert shape.shape(Record(id="m", body="text")) == {"id": "m", "body": "text"}


def test_what_a_source_offers() -> None:
    assert offered("sqs") == ["cloudevents", "raw", "sns", "sqs"]
    assert offered("kafka") == ["cloudevents", "kafka", "raw"]
    assert offered("raw") == ["cloudevents", "raw"]
    with pytest.raises(KeyError):
        envelope("sqs", Identity("", "", ""), window=False, source="kinesis")
