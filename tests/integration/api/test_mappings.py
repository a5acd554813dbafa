"""Event source mappings by boto3: on queues and streams that are there, with records that reach the function."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import uuid
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from poller.aio.stop import Stop
from poller.cli import configuration
from poller.daemon import Daemon
from poller.observe.events import Fact
from poller.settings.load import load
from tests.servers import Server

pytestmark = pytest.mark.server

APP = """\
import json
def handler(event, context):
    for record in event["Records"]:
        print("told", record.get("body") or record["kinesis"]["data"])
"""
FUNCTIONS = {
    "worker": {"runtime": "python3.11", "handler": "app.handler", "memory_mb": 256},
    "slow": {"runtime": "python3.11", "handler": "app.handler", "timeout_seconds": 60},
}


def client(service: str, url: str) -> Any:
    return boto3.client(
        service, endpoint_url=url, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
    )


class Scene:
    """A daemon with two functions of a file and a mapping of it, its API, and the AWS that it reads from."""

    def __init__(self, folder: Path, server: str) -> None:
        self.folder = folder
        self.sqs, self.kinesis = client("sqs", server), client("kinesis", server)
        self.filed = self.queue()
        (folder / "app.py").write_text(APP)
        self.document: dict[str, Any] = {
            "http": {"listen": "127.0.0.1:0"},
            "sandbox": "none",
            "aws": {"region": "us-east-1", "endpoint_url": server},
            "functions": {name: {"code": ".", **keys} for name, keys in FUNCTIONS.items()},
            "event_source_mappings": {"filed": {"source": {"type": "sqs", "queue": self.filed}, "function": "worker"}},
        }
        self.printed: list[str] = []
        self.daemon: Daemon
        self.api: Any

    def queue(self, **attributes: str) -> str:
        """ARN of a new queue."""
        url = self.sqs.create_queue(QueueName=f"api-{uuid.uuid4().hex[:12]}", Attributes=attributes)["QueueUrl"]
        found = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return str(found["Attributes"]["QueueArn"])

    def send(self, arn: str, body: str) -> None:
        url = self.sqs.get_queue_url(QueueName=arn.rpartition(":")[2])["QueueUrl"]
        self.sqs.send_message(QueueUrl=url, MessageBody=body)

    def stream(self) -> str:
        name = f"api-{uuid.uuid4().hex[:12]}"
        self.kinesis.create_stream(StreamName=name, ShardCount=1)
        self.kinesis.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1})
        return str(self.kinesis.describe_stream(StreamName=name)["StreamDescription"]["StreamARN"])

    def close(self) -> None:
        self.sqs.close()
        self.kinesis.close()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The daemon."""
        (self.folder / "pollerd.json").write_text(json.dumps(self.document))
        settings = load(self.folder / "pollerd.json")
        self.daemon = Daemon(settings, partial(configuration.driver, settings), self._log, origin="pollerd.json")
        stop = Stop()
        task = asyncio.create_task(self.daemon.run(stop))
        while not self.daemon.url:
            await asyncio.sleep(0.01)
        self.api = client("lambda", self.daemon.url)
        try:
            yield
        finally:
            self.api.close()
            stop.begin("over")
            await task

    async def ask(self, operation: str, **params: Any) -> dict[str, Any]:
        """What boto3 returns."""
        answer: dict[str, Any] = await asyncio.to_thread(getattr(self.api, operation), **params)
        return answer

    async def refused(self, operation: str, **params: Any) -> tuple[str, int, str]:
        with pytest.raises(ClientError) as raised:
            await self.ask(operation, **params)
        found = raised.value.response
        return found["Error"]["Code"], found["ResponseMetadata"]["HTTPStatusCode"], found["Error"]["Message"]

    async def until_told(self, *bodies: str) -> None:
        async with asyncio.timeout(30):
            while not {f"told {body}" for body in bodies} <= set(self.printed):
                await asyncio.sleep(0.02)

    async def until_state(self, name: str, state: str) -> dict[str, Any]:
        async with asyncio.timeout(30):
            while (found := await self.ask("get_event_source_mapping", UUID=name))["State"] != state:
                await asyncio.sleep(0.02)
        return found

    def _log(self, fact: Fact) -> None:
        if type(fact).__name__ == "FunctionLogged":
            self.printed.append(fact.line.rstrip("\n"))  # type: ignore[attr-defined]  # a part of its own


@pytest.fixture
async def scene(tmp_path: Path, ministack: Server) -> AsyncIterator[Scene]:
    found = await asyncio.to_thread(Scene, tmp_path, ministack.url)
    yield found
    found.close()


async def made(call: Callable[..., Any], **params: Any) -> Any:
    return await asyncio.to_thread(call, **params)


async def test_a_mapping_on_a_queue_from_create_to_delete(scene: Scene) -> None:
    """The server hands messages to polls whose caller hung up at the change; hence the short visibility."""
    arn = await made(scene.queue, VisibilityTimeout="4")
    async with scene.running():
        created = await scene.ask("create_event_source_mapping", EventSourceArn=arn, FunctionName="worker")
        name = created["UUID"]
        assert created["ResponseMetadata"]["HTTPStatusCode"] == 202
        assert created["State"] == "Creating"
        shown = await scene.until_state(name, "Enabled")
        shown.pop("ResponseMetadata")
        assert shown.pop("LastModified")
        assert shown == {
            "UUID": name,
            "EventSourceMappingArn": f"arn:aws:lambda:us-east-1:000000000000:event-source-mapping:{name}",
            "FunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:worker",
            "EventSourceArn": arn,
            "BatchSize": 10,
            "MaximumBatchingWindowInSeconds": 0,
            "FunctionResponseTypes": [],
            "State": "Enabled",
            "StateTransitionReason": "USER_INITIATED",
        }
        await made(scene.send, arn=arn, body="one")
        await scene.until_told("one")
        updated = await scene.ask(
            "update_event_source_mapping",
            UUID=name,
            BatchSize=5,
            ScalingConfig={"MaximumConcurrency": 2},
            FilterCriteria={"Filters": [{"Pattern": '{"body": ["three"]}'}]},
        )
        assert (updated["State"], updated["BatchSize"]) == ("Updating", 5)
        await made(scene.send, arn=arn, body="two")
        await made(scene.send, arn=arn, body="three")
        await scene.until_told("three")
        assert "told two" not in scene.printed
        assert (await scene.ask("update_event_source_mapping", UUID=name, Enabled=False))["State"] == "Disabling"
        assert (await scene.ask("get_event_source_mapping", UUID=name))["State"] == "Disabled"
        found = await scene.ask(
            "update_event_source_mapping", UUID=name, Enabled=True, FilterCriteria={}, ScalingConfig={}
        )
        assert found["State"] == "Enabling"
        assert "FilterCriteria" not in found
        assert "ScalingConfig" not in found
        assert (await scene.ask("delete_event_source_mapping", UUID=name))["State"] == "Deleting"
        gone = ("ResourceNotFoundException", 404, "The resource you requested does not exist.")
        assert await scene.refused("get_event_source_mapping", UUID=name) == gone
        assert await scene.refused("delete_event_source_mapping", UUID=name) == gone


async def test_a_mapping_on_a_stream_keeps_its_place_when_it_is_changed_and_over_a_restart(scene: Scene) -> None:
    arn = await made(scene.stream)

    async def put(data: bytes) -> None:
        await made(scene.kinesis.put_record, StreamARN=arn, Data=data, PartitionKey="k")

    async with scene.running():
        await put(b"\x01")
        created = await scene.ask(
            "create_event_source_mapping", EventSourceArn=arn, FunctionName="worker", StartingPosition="TRIM_HORIZON"
        )
        name = created["UUID"]
        await scene.until_told("AQ==")
        shown = await scene.until_state(name, "Enabled")
        assert shown["LastProcessingResult"] == "OK"
        assert shown["StartingPosition"] == "TRIM_HORIZON"
        assert (shown["MaximumRetryAttempts"], shown["MaximumRecordAgeInSeconds"]) == (-1, -1)
        assert shown["DestinationConfig"] == {"OnFailure": {}}
        assert shown["StateTransitionReason"] == "User action"
        await scene.ask("update_event_source_mapping", UUID=name, ParallelizationFactor=2, MaximumRetryAttempts=3)
        await put(b"\x02")
        await scene.until_told("Ag==")
    async with scene.running():
        await put(b"\x03")
        await scene.until_told("Aw==")
        shown = await scene.ask("get_event_source_mapping", UUID=name)
        assert (shown["ParallelizationFactor"], shown["MaximumRetryAttempts"]) == (2, 3)
    assert [line for line in scene.printed if line.startswith("told ")] == ["told AQ==", "told Ag==", "told Aw=="]


async def test_a_mapping_may_be_on_a_consumer_of_a_stream(scene: Scene) -> None:
    """By its ARN. The server here registers consumers and pushes nothing, which the mapping says once it runs."""
    arn = await made(scene.stream)
    made_one = await made(scene.kinesis.register_stream_consumer, StreamARN=arn, ConsumerName="pollerd")
    consumer = made_one["Consumer"]["ConsumerARN"]
    async with scene.running():
        created = await scene.ask(
            "create_event_source_mapping", EventSourceArn=consumer, FunctionName="worker", StartingPosition="LATEST"
        )
        assert created["EventSourceArn"] == consumer
        [listed] = (await scene.ask("list_event_source_mappings", EventSourceArn=consumer))["EventSourceMappings"]
        assert listed["UUID"] == created["UUID"]
        code, _, _ = await scene.refused(
            "create_event_source_mapping",
            EventSourceArn=f"{arn}/consumer/nobody:1700000000",
            FunctionName="worker",
            StartingPosition="LATEST",
        )
        assert code == "InvalidParameterValueException"


async def test_what_stands_in_a_file_is_shown_and_not_changed(scene: Scene) -> None:
    async with scene.running():
        [filed] = (await scene.ask("list_event_source_mappings"))["EventSourceMappings"]
        assert filed["EventSourceArn"] == scene.filed
        code, status, message = await scene.refused("update_event_source_mapping", UUID=filed["UUID"], BatchSize=1)
        assert (code, status) == ("ResourceConflictException", 409)
        assert message == "the mapping filed stands in pollerd.json, and is changed there"
        assert (await scene.refused("delete_event_source_mapping", UUID=filed["UUID"]))[0] == code


async def test_lists_are_by_source_and_function_and_in_pages(scene: Scene) -> None:
    queues = [await made(scene.queue) for _ in range(3)]
    async with scene.running():
        for arn in queues:
            await scene.ask("create_event_source_mapping", EventSourceArn=arn, FunctionName="worker", Enabled=False)
        everything = (await scene.ask("list_event_source_mappings"))["EventSourceMappings"]
        assert len(everything) == 4
        [found] = (await scene.ask("list_event_source_mappings", EventSourceArn=queues[1]))["EventSourceMappings"]
        assert found["State"] == "Disabled"
        for function, count in (("worker", 4), ("slow", 0), ("worker:$LATEST", 0), ("nobody", 0)):
            of_it = await scene.ask("list_event_source_mappings", FunctionName=function)
            assert len(of_it["EventSourceMappings"]) == count, function
        pages: list[list[str]] = []
        marker: dict[str, str] = {}
        while True:
            page = await scene.ask("list_event_source_mappings", MaxItems=3, **marker)
            pages.append([each["UUID"] for each in page["EventSourceMappings"]])
            if "NextMarker" not in page:
                break
            marker = {"Marker": page["NextMarker"]}
        assert [len(page) for page in pages] == [3, 1]
        assert [*itertools.chain(*pages)] == [each["UUID"] for each in everything]


async def test_what_makes_no_sense_is_refused_in_awss_words(scene: Scene) -> None:
    queue, fifo = await made(scene.queue), "arn:aws:sqs:us-east-1:000000000000:orders.fifo"
    missing_queue = "arn:aws:sqs:us-east-1:000000000000:nobody"
    missing_stream = "arn:aws:kinesis:us-east-1:000000000000:stream/nobody"
    create = partial(scene.refused, "create_event_source_mapping")
    async with scene.running():
        for params, sentence in (
            ({"EventSourceArn": queue, "FunctionName": "nobody"}, "Function does not exist"),
            ({"EventSourceArn": "arn:aws:s3:::bucket"}, "Unrecognized event source."),
            (
                {"EventSourceArn": queue, "DestinationConfig": {"OnFailure": {"Destination": queue}}},
                "Unsupported Destin",
            ),
            ({"EventSourceArn": missing_stream}, "1 validation error detected: Value null at 'startingPosition'"),
            ({"EventSourceArn": missing_stream, "StartingPosition": "LATEST"}, f"Stream not found: {missing_stream}"),
            ({"EventSourceArn": missing_queue}, "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueue"),
            ({"EventSourceArn": queue, "BatchSize": 11}, "Maximum batch window in seconds must be greater than 0 if"),
            (
                {"EventSourceArn": fifo, "MaximumBatchingWindowInSeconds": 1},
                "Batching window is not supported for FIFO",
            ),
            ({"EventSourceArn": fifo, "BatchSize": 11}, "Batch size must not exceed 10 for FIFO queues"),
            ({"EventSourceArn": queue, "FunctionName": "slow"}, "Queue visibility timeout: 30 seconds is less than Fu"),
            ({"EventSourceArn": queue, "FilterCriteria": {"Filters": [{"Pattern": "{"}]}}, "Invalid filter pattern de"),
            ({"EventSourceArn": queue, "ParallelizationFactor": 2}, "Unsupported ParallelizationFactor parameter"),
        ):
            code, status, message = await create(**{"FunctionName": "worker", **params})
            assert (code, status) == ("InvalidParameterValueException", 400), params
            assert message.startswith(sentence), message
        twin = {"EventSourceArn": queue, "FunctionName": "worker"}
        name = (await scene.ask("create_event_source_mapping", **twin))["UUID"]
        assert await create(**twin) == (
            "ResourceConflictException",
            409,
            (
                f'An event source mapping with SQS arn (" {queue} ") and function (" worker ") already exists. '
                f"Please update or delete the existing mapping with UUID {name}"
            ),
        )


async def test_a_source_that_aws_does_not_know_has_an_arn_of_ours(scene: Scene) -> None:
    async with scene.running():
        stream = uuid.uuid4().hex
        arn = f"arn:pollerd:memory-stream:us-east-1:000000000000:stream={stream}"
        created = await scene.ask("create_event_source_mapping", EventSourceArn=arn, FunctionName="worker")
        assert created["EventSourceArn"] == arn
        assert (await scene.until_state(created["UUID"], "Enabled"))["LastProcessingResult"] == "No records processed"
        code, _, message = await scene.refused(
            "create_event_source_mapping", EventSourceArn="arn:pollerd:rabbits:::a=b", FunctionName="worker"
        )
        assert code == "InvalidParameterValueException"
        assert "TYPE being one of" in message
