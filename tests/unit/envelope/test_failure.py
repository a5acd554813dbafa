"""Failure records are the recorded ones."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.contract import Identity, Record
from poller.envelope import envelope
from poller.envelope.failure import Failure, failure_record

GOLDEN = Path(__file__).parents[2] / "golden/events/esm-destination"
NAMES = [
    path.stem for path in sorted(GOLDEN.glob("*.json")) if path.stem != "kafka-topic"
]  # for a topic it is reworded


def load(name: str) -> Any:
    return json.loads((GOLDEN / f"{name}.json").read_text())


def epoch(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def failure_of(shown: dict[str, Any]) -> Failure:
    asked, answered = shown["requestContext"], shown.get("responseContext")
    return Failure(
        condition=asked["condition"],
        request_id=asked["requestId"],
        function_arn=asked["functionArn"],
        invoke_count=asked["approximateInvokeCount"],
        executed_version=answered and answered["executedVersion"],
        function_error=answered and answered["functionError"],
        moment=epoch(shown["timestamp"]),
    )


def records_of(info: dict[str, Any]) -> list[Record]:
    """As many as the batch had, with the first and the last as told."""
    if "recordsInfo" in info:
        [(partition, extent)] = info["recordsInfo"].items()
        ends = [
            (extent["firstRecordOffset"], epoch(extent["firstRecordTimestamp"])),
            (extent["lastRecordOffset"], epoch(extent["lastRecordTimestamp"])),
        ]
    else:
        partition = info["shardId"]
        ends = [
            (info["startSequenceNumber"], epoch(info["approximateArrivalOfFirstRecord"])),
            (info["endSequenceNumber"], epoch(info["approximateArrivalOfLastRecord"])),
        ]
    records = [
        Record(id=p, body=b"", partition=partition, position=p, arrived=at, metadata={"timestamp": round(at * 1000)})
        for p, at in ends
    ]
    return records[: info["batchSize"]]


@pytest.mark.parametrize("name", NAMES)
def test_the_record_is_the_one_shown(name: str) -> None:
    shown = load(name)
    shown.pop("payload", None)  # the destination's affair
    [key] = [key for key in shown if key.endswith("Info")]
    info = shown[key]
    source = {"KinesisBatchInfo": "kinesis", "DDBStreamBatchInfo": "dynamodb", "KafkaBatchInfo": "kafka"}[key]
    details = {"bootstrapServers": info.get("bootstrapServers")}
    shape = envelope(
        source, Identity(info.get("streamArn") or info["eventSourceArn"], "", "", details=details), window=False
    )
    records = records_of(info)
    made = failure_record(
        failure_of(shown), shape, records, records[0].partition, payload_bytes=info.get("payloadSize", 0)
    )
    assert made == shown
    assert json.dumps(made) == json.dumps(shown)  # the order, too


@pytest.mark.parametrize(("source", "key"), [("kinesis", "KinesisBatchInfo"), ("dynamodb", "DDBStreamBatchInfo")])
def test_the_last_event_of_a_window_has_no_records(source: str, key: str) -> None:
    shown = load("recorded-kinesis-retries-exhausted")
    window = {
        "window": {"start": "2020-12-09T07:04:00Z", "end": "2020-12-09T07:06:00Z"},
        "state": {"sum": 5},
        "shardId": "shardId-7",
        "eventSourceARN": "arn",
        "isFinalInvokeForWindow": True,
        "isWindowTerminatedEarly": False,
    }
    shape = envelope(source, Identity("arn", "", ""), window=False)
    made = failure_record(failure_of(shown), shape, [], "shardId-7", payload_bytes=0, window=window)
    assert made[key] == {"shardId": "shardId-7", "streamArn": "arn"}
    assert made["timeWindowInfo"] == {
        "window": window["window"],
        "isFinalInvokeForWindow": True,
        "isWindowTerminatedEarly": False,
    }


def test_a_stream_that_aws_does_not_know_tells_positions() -> None:
    records = [Record(id=p, body=b"", partition="s", position=p, arrived=at) for p, at in (("1-0", 0.5), ("2-0", None))]
    shape = envelope("sqs", Identity("", "", ""), window=False)
    extent = {"partition": "s", "startPosition": "1-0", "endPosition": "1-0"}
    moment = "1970-01-01T00:00:00.500Z"
    assert shape.batch_info(records[:1], "s")["StreamBatchInfo"] == extent | {
        "approximateArrivalOfFirstRecord": moment,
        "approximateArrivalOfLastRecord": moment,
        "batchSize": 1,
    }
    assert shape.batch_info(records, "s")["StreamBatchInfo"] == extent | {"endPosition": "2-0", "batchSize": 2}
    assert shape.batch_info([], "s")["StreamBatchInfo"] == {"partition": "s"}
