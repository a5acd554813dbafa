"""Every recorded and sample event of Kinesis, DynamoDB Streams and Kafka comes out of what a connector would have fetched for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from connectors.contract import Identity, Record
from poller.envelope import envelope
from poller.envelope.contract import About, window_bytes
from tests.fakes import stream_records

GOLDEN = Path(__file__).parents[2] / "golden/events"
SOURCES = {
    "kinesis": "kinesis",
    "kinesis-timewindow": "kinesis",
    "dynamodb": "dynamodb",
    "dynamodb-timewindow": "dynamodb",
    "kafka-msk": "kafka",
    "kafka-self-managed": "kafka",
}
EVENTS = [
    (source, path)
    for folder, source in SOURCES.items()
    for path in sorted((GOLDEN / folder).glob("*.json"))
    if "response" not in path.name
]
WINDOW = ("window", "state", "shardId", "eventSourceARN", "isFinalInvokeForWindow", "isWindowTerminatedEarly")


def made(source: str, event: dict[str, Any]) -> bytes:
    shape = envelope(source, stream_records.identity(event), window=False)
    records = list(stream_records.fetched(event))
    window = {name: event[name] for name in WINDOW if name in event} or None
    parts = [shape.encode(record) for record in records]
    [partition] = {record.partition for record in records} or {event["shardId"]}
    text = shape.assemble(parts, About(partition, window))
    assert len(text) <= shape.overhead + sum(map(len, parts)) + max(0, len(parts) - 1) + window_bytes(window)
    return text


@pytest.mark.parametrize(("source", "path"), EVENTS, ids=[f"{p.parent.name}/{p.stem}" for _, p in EVENTS])
def test_the_event_is_the_one_shown(source: str, path: Path) -> None:
    shown = json.loads(path.read_text())
    event = json.loads(made(source, shown))
    for record in shown.get("Records", ()):
        if "invokeIdentityArn" in record:
            role = f"arn:aws:iam::{shown['Records'][0]['eventSourceARN'].split(':')[4]}:role/lambda-role"
            record["invokeIdentityArn"] = role  # the samples' roles have several names
        if "awsRegion" in record:
            assert record["awsRegion"]
    for partition in shown.get("records", {}).values():
        for record in partition:
            if record.get("key", "") is None:
                del record["key"]  # the one sample that shows null; nobody has seen it come from AWS
    assert event == shown


def test_members_are_in_documented_order() -> None:
    [record] = json.loads(made("kinesis", load("kinesis-timewindow/aggregate")))["Records"]
    assert [*record["kinesis"]] == [
        *("kinesisSchemaVersion", "partitionKey", "sequenceNumber", "data", "approximateArrivalTimestamp"),
    ]
    assert [*record][:5] == ["kinesis", "eventSource", "eventVersion", "eventID", "eventName"]
    event = json.loads(made("kinesis", load("kinesis-timewindow/aggregate")))
    assert [*event] == ["Records", *WINDOW]
    event = json.loads(made("kafka", load("kafka-msk/keyless-and-tombstone")))
    assert [*event] == ["eventSource", "eventSourceArn", "bootstrapServers", "records"]
    order = ["topic", "partition", "offset", "timestamp", "timestampType", "key", "value", "headers"]
    assert [[*record] for record in event["records"]["mytopic-0"]] == [
        order,
        [name for name in order if name != "key"],
        [name for name in order if name != "value"],
    ]


def test_times_are_numbers_as_recorded() -> None:
    assert b'"ApproximateCreationDateTime":1764085660.0,' in made("dynamodb", load("dynamodb/recorded-insert"))
    assert b'"approximateArrivalTimestamp":1764088062.107}' in made("kinesis", load("kinesis/recorded-batch"))


def test_a_time_of_more_than_milliseconds_is_rounded_to_them() -> None:
    [shown] = load("kinesis-timewindow/aggregate")["Records"]
    record = stream_records.kinesis(shown)
    record.arrived = 1764088062.1066
    shape = envelope("kinesis", Identity("", "", ""), window=False).shape(record)
    assert shape["kinesis"]["approximateArrivalTimestamp"] == 1764088062.107


def test_a_header_without_a_value_is_empty() -> None:
    record = stream_records.kafka(load("kafka-msk/signed-header-bytes")["records"]["AWSKafkaTopic-0"][0])
    record.metadata["headers"][:] = [("a", None), ("a", b"\xff")]
    assert envelope("kafka", Identity("", "", ""), window=False).shape(record)["headers"] == [{"a": []}, {"a": [-1]}]


def load(name: str) -> Any:
    return json.loads((GOLDEN / f"{name}.json").read_text())


def test_records_of_an_aggregate_have_its_sequence_number_and_event_id() -> None:
    """As Lambda delivers them to consumers with enhanced fan-out (captures)."""
    identity = Identity("arn:aws:kinesis:us-east-1:000000000000:stream/clicks", "us-east-1", "")
    shape = envelope("kinesis", identity, window=False)
    packed = [
        Record(id="17", body=b"", partition="shardId-0", position=f"17.{n}", key="k", arrived=1.5) for n in range(2)
    ]
    for record in map(shape.shape, packed):
        assert (record["kinesis"]["sequenceNumber"], record["eventID"]) == ("17", "shardId-0:17")
    info = shape.batch_info(packed, "shardId-0")["KinesisBatchInfo"]
    assert (info["startSequenceNumber"], info["endSequenceNumber"], info["batchSize"]) == ("17", "17", 2)
