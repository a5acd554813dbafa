"""Powertools for AWS Lambda in real functions, on events made of what real servers hold: batches with partial failures, and its parsers."""

from __future__ import annotations

import importlib.util
import json
import shutil
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from aws_lambda_powertools.utilities.data_classes import (
    DynamoDBStreamEvent,
    KinesisStreamEvent,
    SQSEvent,
)
from aws_lambda_powertools.utilities.parser.envelopes import SnsSqsEnvelope
from aws_lambda_powertools.utilities.parser.models import DynamoDBStreamModel, KinesisDataStreamModel, SqsModel
from pydantic import BaseModel

from tests.faults.scene import Scene
from tests.faults.until import until
from tests.servers import Server

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(180)]

CODE = """
import json, os
from aws_lambda_powertools.utilities import batch

KIND = os.environ["KIND"]
if KIND == "Fifo":
    processor = batch.SqsFifoPartialProcessor()
else:
    processor = batch.BatchProcessor(event_type=batch.EventType[KIND])

def text(record):
    if KIND == "KinesisDataStreams":
        return record.kinesis.data_as_text()
    if KIND == "DynamoDBStreams":
        return record.dynamodb.new_image["body"]
    return record.body

def one(record):
    said = text(record)
    tell({"one": said})
    if said.startswith("poison"):
        raise ValueError(said)

def tell(what):
    with open(os.environ["JOURNAL"], "a") as journal:  # a line is one write
        journal.write(json.dumps({"kind": os.environ["NAME"], **what}) + "\\n")

def handler(event, context):
    tell({"event": event})
    return batch.process_partial_response(event=event, record_handler=one, processor=processor, context=context)
"""
PACKAGES = ("aws_lambda_powertools", "jmespath", "typing_extensions")
BODIES = ["a", "b", "poison", "c", "d"]


def clients(server: Server) -> Iterator[Any]:
    for service in ("sqs", "sns", "kinesis", "dynamodb"):
        yield boto3.client(
            service,
            endpoint_url=server.url,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )


class Stage:
    """One daemon with a function and a mapping for each kind of source, and what the functions told."""

    def __init__(self, scene: Scene, server: Server, folder: Path) -> None:
        self.scene = scene
        self.name = f"orders-{uuid.uuid4().hex[:8]}"
        self.sqs, self.sns, self.kinesis, self.dynamodb = clients(server)
        self._code = folder / "code"
        self._code.mkdir()
        (self._code / "app.py").write_text(CODE)
        self._layer = folder / "layer"
        for package in PACKAGES:
            _copied(package, self._layer / "python")

    def close(self) -> None:
        for client in (self.sqs, self.sns, self.kinesis, self.dynamodb):
            client.close()

    def add(self, name: str, kind: str, source: dict[str, Any], **mapping: Any) -> None:
        """A function whose processor is of that kind, and the mapping to it."""
        settings = self.scene.noting()
        settings["environment"] |= {"KIND": kind, "NAME": name}
        self.scene.function(name, **settings | {"code": str(self._code), "layers": [str(self._layer)]})
        report = {"function_response_types": ["ReportBatchItemFailures"], "maximum_batching_window_seconds": 1}
        self.scene.source(name, source, name, **report | mapping)

    def queue(self, name: str, **attributes: str) -> tuple[str, str]:
        """URL and ARN of a new queue, in which what failed stays hidden."""
        given = {"VisibilityTimeout": "600", **attributes}
        url: str = self.sqs.create_queue(QueueName=name, Attributes=given)["QueueUrl"]
        found = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return url, found["Attributes"]["QueueArn"]

    def told(self, name: str) -> list[dict[str, Any]]:
        """By one function, in order."""
        lines = self.scene.journal.path.read_text().splitlines(keepends=True)
        told = [json.loads(line) for line in lines if line.endswith("\n")]
        return [each for each in told if each["kind"] == name]

    def handled(self, name: str) -> Counter[str]:
        """Records, and how often each was."""
        return Counter(each["one"] for each in self.told(name) if "one" in each)

    def events(self, name: str) -> list[dict[str, Any]]:
        """As the function was given them."""
        return [each["event"] for each in self.told(name) if "event" in each]


def _copied(package: str, to: Path) -> None:
    """A package of this interpreter's, as a layer has it."""
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    to.mkdir(parents=True, exist_ok=True)
    origin = Path(spec.origin)
    if origin.name == "__init__.py":
        shutil.copytree(origin.parent, to / package, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(origin, to)


@pytest.fixture
def stage(scene: Scene, ministack: Server, tmp_path: Path) -> Iterator[Stage]:
    made = Stage(scene, ministack, tmp_path)
    yield made
    made.close()


class Order(BaseModel):
    paid: bool


def test_batches_fail_in_part_and_parsers_take_the_events(stage: Stage) -> None:
    name = stage.name
    url, _ = stage.queue(name)
    fifo, _ = stage.queue(f"{name}.fifo", FifoQueue="true")
    _, arn = stage.queue(f"{name}-topic")
    topic = stage.sns.create_topic(Name=name)["TopicArn"]
    stage.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    stage.kinesis.create_stream(StreamName=name, ShardCount=1)
    stage.kinesis.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1})
    stage.dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )
    stream = stage.dynamodb.describe_table(TableName=name)["Table"]["LatestStreamArn"]
    from_start = {"starting_position": "TRIM_HORIZON", "maximum_retry_attempts": 1}
    stage.add("queue", "SQS", {"type": "sqs", "queue": name})
    stage.add("fifo", "Fifo", {"type": "sqs", "queue": f"{name}.fifo"}, maximum_batching_window_seconds=0)
    stage.add("topic", "SQS", {"type": "sqs", "queue": f"{name}-topic"})
    stage.add("clicks", "KinesisDataStreams", {"type": "kinesis", "stream": name}, **from_start)
    stage.add("table", "DynamoDBStreams", {"type": "dynamodb-streams", "stream": stream}, **from_start)
    attribute = {"kind": {"DataType": "String", "StringValue": "order"}}
    entries = [{"Id": str(at), "MessageBody": body} for at, body in enumerate(BODIES)]
    stage.sqs.send_message_batch(QueueUrl=url, Entries=[{**each, "MessageAttributes": attribute} for each in entries])
    grouped = [{**each, "MessageGroupId": "g", "MessageDeduplicationId": each["Id"]} for each in entries]
    stage.sqs.send_message_batch(QueueUrl=fifo, Entries=grouped)
    stage.sns.publish(TopicArn=topic, Subject="orders", Message='{"paid": true}')
    records = [{"Data": body.encode(), "PartitionKey": "k"} for body in BODIES]
    stage.kinesis.put_records(StreamName=name, Records=records)
    for at, body in enumerate(BODIES):
        stage.dynamodb.put_item(TableName=name, Item={"id": {"S": str(at)}, "body": {"S": body}})

    daemon = stage.scene.daemon()
    daemon.start()
    good = {"a", "b", "c", "d"}
    for each in ("queue", "clicks", "table"):
        until(lambda each=each: stage.handled(each).keys() >= good, f"{each} has handled what it can")  # type: ignore[misc]  # a lambda's default
    for each in ("clicks", "table"):
        until(lambda each=each: stage.handled(each)["poison"] == 2, f"{each} has retried")  # type: ignore[misc]  # a lambda's default
    until(lambda: stage.events("topic"), "what came through the topic is handled")
    until(lambda: stage.handled("fifo")["poison"], "the poisoned one of the group is met")
    daemon.stop()

    queue, clicks, table = (stage.handled(each) for each in ("queue", "clicks", "table"))
    assert queue == Counter(BODIES), "what was not named is gone, what was is hidden"
    assert stage.handled("fifo") == Counter(["a", "b", "poison"]), "what stands behind a failure waits"
    assert [clicks[body] for body in ("a", "b", "poison")] == [1, 1, 2], "reading goes on at the failure"
    assert [table[body] for body in ("a", "b", "poison")] == [1, 1, 2]

    for each in ("queue", "fifo", "topic"):
        for event in stage.events(each):
            assert SqsModel.model_validate(event).Records
            assert all(record.message_id and record.attributes.sent_timestamp for record in SQSEvent(event).records)
    [first] = [record for event in stage.events("queue") for record in SQSEvent(event).records if record.body == "a"]
    kind = first.message_attributes["kind"]
    assert kind is not None
    assert (kind.string_value, kind.data_type) == ("order", "String")
    [told] = stage.events("topic")
    assert SnsSqsEnvelope().parse(told, Order) == [Order(paid=True)]
    assert [record.decoded_nested_sns_event.message for record in SQSEvent(told).records] == ['{"paid": true}']
    for event in stage.events("clicks"):
        assert [record.kinesis.data for record in KinesisDataStreamModel.model_validate(event).Records] == [
            record.kinesis.data_as_bytes() for record in KinesisStreamEvent(event).records
        ]
    for event in stage.events("table"):
        assert DynamoDBStreamModel.model_validate(event).Records
        assert all(
            record.dynamodb and record.dynamodb.new_image["body"] for record in DynamoDBStreamEvent(event).records
        )
