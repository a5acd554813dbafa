"""What patterns see of each source's records, and what becomes of content of the wrong kind (Lambda DG, filtering; recordings)."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from connectors.contract import Identity
from poller.envelope import content, envelope
from poller.pipeline.filter import FilterError, compile_criteria
from tests.fakes import stream_records

GOLDEN = Path(__file__).parents[2] / "golden/events"
KINESIS, KAFKA, DYNAMODB = content("kinesis"), content("kafka"), content("dynamodb")

OBJECT = b'{"temperature": 60}'
WARM = {"temperature": [{"numeric": [">", 50]}]}


def kinesis(data: bytes) -> dict[str, Any]:
    inner = {"partitionKey": "p", "sequenceNumber": "7", "data": base64.b64encode(data).decode()}
    return {"kinesis": inner, "eventSource": "aws:kinesis", "eventID": "shardId-0:7"}


def kafka(value: bytes | None) -> dict[str, Any]:
    record = {"topic": "t", "partition": 0, "offset": 15, "headers": []}
    return record if value is None else record | {"value": base64.b64encode(value).decode()}


def dynamodb(image: dict[str, Any], **more: Any) -> dict[str, Any]:
    stream = {"ApproximateCreationDateTime": 1764085660.0, "Keys": {"id": {"S": "a"}}, "NewImage": image}
    return {"eventName": "INSERT", "eventSource": "aws:dynamodb", "dynamodb": stream} | more


@pytest.mark.parametrize(
    ("data", "pattern", "admitted"),
    [
        (OBJECT, {"data": WARM}, True),
        (OBJECT, {"data": {"temperature": [1]}}, False),
        (OBJECT, {"data": WARM, "partitionKey": ["p"]}, True),
        (OBJECT, {"data": WARM, "partitionKey": ["q"]}, False),
        (OBJECT, {"data": WARM, "eventID": [{"prefix": "shardId-0"}]}, True),
        (OBJECT, {"kinesis": {"partitionKey": ["p"]}}, True),
        (b"text", {"partitionKey": ["p"]}, True),
        (b"\xff", {"partitionKey": ["p"]}, True),
        (b"text", {"data": WARM}, False),
        (b"text", {"data": {"x": [{"exists": False}]}}, False),  # for its kind
        (b"\xff", {"data": {"x": [{"exists": False}]}}, False),
        (b'[{"temperature": 1}, {"temperature": 60}]', {"data": WARM}, True),
    ],
)
def test_the_data_of_kinesis_is_json_at_the_top_level(data: bytes, pattern: Any, *, admitted: bool) -> None:
    criteria = compile_criteria([pattern], KINESIS)
    assert criteria.admits(kinesis(data)) is admitted
    assert criteria.explain(kinesis(data)).admitted is admitted


@pytest.mark.parametrize(
    ("source", "pattern", "message"),
    [
        ("kinesis", {"data": ["x"]}, "filter [0] at data: it is JSON to patterns, never a text: name what is in it"),
        (
            "kinesis",
            {"kinesis": {"data": {"a": [1]}}},
            "filter [0] at kinesis.data: patterns have it decoded at the top level: data",
        ),
        (
            "kinesis",
            {"kinesis": {"data": ["eA=="]}},
            "filter [0] at kinesis.data: patterns have it decoded at the top level: data",
        ),
        (
            "dynamodb",
            {"dynamodb": ["x"]},
            "filter [0] at dynamodb: it is JSON to patterns, never a text: name what is in it",
        ),
        *(
            (
                source,
                {other: {"status": ["paid"]}},
                (
                    f"filter [0] at {other}: records of this source have none, so nothing would ever pass; "
                    f"what they hold is called {own}"
                ),
            )
            for source, other, own in [
                ("sqs", "data", "body"),
                ("kinesis", "body", "data"),
                ("dynamodb", "value", "dynamodb"),
                ("kafka", "data", "value"),
                ("redis-stream", "body", "data"),
                ("redis-list", "value", "body"),
                ("redis-pubsub", "data", "Message"),
            ]
        ),
    ],
)
def test_a_pattern_that_no_record_can_match_is_refused(source: str, pattern: Any, message: str) -> None:
    with pytest.raises(FilterError) as refused:
        compile_criteria([pattern], content(source))
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("value", "pattern", "admitted"),
    [
        (OBJECT, {"value": WARM}, True),
        (OBJECT, {"value": {"temperature": [1]}}, False),
        (b"text", {"value": ["text"]}, True),
        (b"text", {"value": ["other"]}, False),
        # Of another kind than the pattern: the rest of the pattern decides.
        (b"text", {"value": WARM}, True),
        (b"text", {"value": WARM, "topic": ["t"]}, True),
        (b"text", {"value": WARM, "topic": ["u"]}, False),
        (OBJECT, {"value": ["text"], "offset": [{"numeric": ["=", 15]}]}, True),
        (OBJECT, {"value": ["text"], "offset": [16]}, False),
        (b"\xff", {"value": WARM, "topic": ["t"]}, True),
        (b"\xff", {"value": ["text"], "topic": ["u"]}, False),
        (b"text", {"value": {"a": [1]}, "$or": [{"topic": ["u"]}, {"value": {"b": [1]}, "topic": ["t"]}]}, True),
        # A tombstone has no value of any kind.
        (None, {"value": WARM}, False),
        (None, {"value": ["text"]}, False),
        (None, {"value": [{"exists": False}]}, True),
        (None, {"value": {"temperature": [{"exists": False}]}}, True),
        (None, {"topic": ["t"]}, True),
    ],
)
def test_the_value_of_kafka_decides_only_where_it_is_of_the_patterns_kind(
    value: bytes | None, pattern: Any, *, admitted: bool
) -> None:
    criteria = compile_criteria([pattern], KAFKA)
    assert criteria.admits(kafka(value)) is admitted
    assert criteria.explain(kafka(value)).admitted is admitted


PRESENT = {"presentKey": {"S": "presentValue"}}


@pytest.mark.parametrize(
    ("record", "pattern", "admitted"),
    [
        (dynamodb(PRESENT), {"eventName": ["INSERT"]}, True),
        (dynamodb(PRESENT, eventName="MODIFY"), {"eventName": ["INSERT"]}, False),
        (dynamodb(PRESENT), {"dynamodb": {"NewImage": {"presentKey": {"S": ["presentValue"]}}}}, True),
        (dynamodb(PRESENT), {"dynamodb": {"NewImage": {"presentKey": ["presentValue"]}}}, False),
        (dynamodb(PRESENT), {"dynamodb": {"NewImage": {"presentKey": {"S": [{"exists": True}]}}}}, True),
        (dynamodb(PRESENT), {"dynamodb": {"NewImage": {"presentKey": [{"exists": True}]}}}, False),
        # Absent as a leaf, since it is an intermediate node.
        (dynamodb(PRESENT), {"dynamodb": {"NewImage": {"presentKey": [{"exists": False}]}}}, True),
        (dynamodb({}), {"dynamodb": {"NewImage": {"presentKey": [{"exists": False}]}}}, True),
        # Numbers of DynamoDB are texts.
        (
            dynamodb({}, dynamodb={"Keys": {"id": {"N": "101"}}}),
            {"dynamodb": {"Keys": {"id": {"N": [{"numeric": [">", 100]}]}}}},
            False,
        ),
        (
            dynamodb({}, dynamodb={"Keys": {"id": {"N": "42"}}}),
            {"dynamodb": {"Keys": {"id": {"N": [{"numeric": [">", 100]}, {"anything-but": "101"}]}}}},
            True,
        ),
        (
            dynamodb({}, dynamodb={"Keys": {"id": {"N": "101"}}}),
            {"dynamodb": {"Keys": {"id": {"N": [{"numeric": [">", 100]}, {"anything-but": "101"}]}}}},
            False,
        ),
        (dynamodb({}), {"dynamodb": {"ApproximateCreationDateTime": [{"numeric": [">", 0]}]}}, True),
    ],
)
def test_the_recorded_outcomes_of_dynamodb(record: dict[str, Any], pattern: Any, *, admitted: bool) -> None:
    assert compile_criteria([pattern], DYNAMODB).admits(record) is admitted


def test_what_stands_against_a_record_is_told_in_the_words_of_its_source() -> None:
    told = compile_criteria([{"data": WARM}], KINESIS)
    assert [str(each) for each in told.explain(kinesis(b"text")).refusals] == [
        "filter [0]: data must be JSON, saw plain text"
    ]
    assert [str(each) for each in told.explain(kinesis(b"\xff")).refusals] == [
        "filter [0]: data must be JSON, saw bytes that are no text"
    ]
    mixed = compile_criteria([{"value": WARM, "topic": ["u"]}], KAFKA)
    assert [str(each) for each in mixed.explain(kafka(b"text")).refusals] == [
        'filter [0]: topic must be ["u"], saw "t"'
    ]


@pytest.mark.parametrize(
    ("source", "name", "pattern", "count"),
    [
        ("kinesis", "kinesis/recorded-batch", {"partitionKey": ["test_1", "test_2"]}, 2),
        ("dynamodb", "dynamodb/attribute-types", {"dynamodb": {"NewImage": {"asdf1": {"B": ["AAEqQQ=="]}}}}, 2),
        ("dynamodb", "dynamodb/attribute-types", {"dynamodb": {"NewImage": {"Map": {"M": {"Age": {"N": ["35"]}}}}}}, 1),
        ("dynamodb", "dynamodb/ttl-remove", {"userIdentity": {"type": ["Service"]}}, 1),
        ("kafka", "kafka-msk/base", {"value": {"name": ["product5"]}, "offset": [16, 17]}, 2),
    ],
)
def test_patterns_see_the_very_records_of_the_event(source: str, name: str, pattern: Any, count: int) -> None:
    event = json.loads((GOLDEN / f"{name}.json").read_text())
    shape = envelope(source, Identity("", "", ""), window=False)
    criteria = compile_criteria([pattern], shape.content)
    assert sum(criteria.admits(shape.shape(record)) for record in stream_records.fetched(event)) == count
