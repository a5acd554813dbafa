"""Records of asynchronous invocations and dead letters in real queues, topics, buckets and buses are those that AWS writes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import uuid
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.aws.options import AwsOptions
from connectors.contract import (
    DeadLetter,
    DeadLetterTarget,
    InvocationDestination,
    InvocationRecord,
    Missing,
    SourceError,
    TooLarge,
)
from connectors.destinations import dead_letter_target, invocation_destination
from tests.aws_clients import client_of
from tests.fakes.aws import FakeAws
from tests.queues import Queue, make_queue
from tests.servers import Server

GOLDEN = Path(__file__).parents[1] / "golden/events/destinations"
TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0;Lineage=a87bd80c:1"
BUS = "arn:aws:events:us-east-1:000000000000:event-bus/default"
LIMIT = 256 * 1024


def load(name: str) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads((GOLDEN / f"{name}.json").read_text())
    return shown


def record(name: str, padding: int = 0) -> InvocationRecord:
    """The record that the golden file of that name shows. padding: bytes that its answer has more."""
    shown = load(name)
    shown = shown.get("detail", shown)
    context = shown["requestContext"]
    payloads = {"requestPayload", "responsePayload"}
    brief = {key: value for key, value in shown.items() if key not in payloads}
    whole = shown if not padding else shown | {"responsePayload": "x" * padding}
    return InvocationRecord(
        function="my-function",
        function_arn=context["functionArn"],
        request_id=context["requestId"],
        moment=datetime.fromisoformat(shown["timestamp"]).timestamp(),
        succeeded=context["condition"] == "Success",
        whole=json.dumps(whole).encode(),
        brief=json.dumps(brief).encode(),
        trace_id=TRACE,
    )


def letter(event: bytes = b'{"raise_error": 1}', message: str = "Test exception (this is intentional)") -> DeadLetter:
    return DeadLetter(
        function="my-function",
        request_id="91c0ae69-37e3-56ad-a235-434042ee06ee",
        event=event,
        error_code=200,
        error_message=message,
        trace_id=TRACE,
    )


@contextlib.asynccontextmanager
async def destination(text: str, server: Server) -> AsyncIterator[InvocationDestination]:
    found = invocation_destination(text, AwsOptions(endpoint_url=server.url))
    yield found
    await found.close()
    await found.close()  # idempotent


@contextlib.asynccontextmanager
async def target(arn: str, server: Server) -> AsyncIterator[DeadLetterTarget]:
    found = dead_letter_target(arn, AwsOptions(endpoint_url=server.url))
    yield found
    await found.close()


@contextlib.asynccontextmanager
async def queue_on(server: Server) -> AsyncIterator[Queue]:
    async with client_of("sqs", server.url) as client:
        queue = await make_queue(client)
        yield queue
        await queue.delete()


async def received(queue: Queue, count: int = 1) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    async with asyncio.timeout(30):
        while len(found) < count:
            answer = await queue.client.receive_message(
                QueueUrl=queue.url,
                MaxNumberOfMessages=10,
                WaitTimeSeconds=1,
                MessageAttributeNames=["All"],
                MessageSystemAttributeNames=["AWSTraceHeader"],
            )
            found += answer.get("Messages", [])
    return found


@contextlib.asynccontextmanager
async def topic_to(queue: Queue, server: Server) -> AsyncIterator[str]:
    async with client_of("sns", server.url) as sns:
        arn = (await sns.create_topic(Name=f"test-{uuid.uuid4().hex}"))["TopicArn"]
        await sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=await queue.arn())
        yield arn


@pytest.mark.server
@pytest.mark.parametrize("name", ["recorded-async-success", "recorded-async-failure-retries-exhausted"])
async def test_the_body_of_a_message_is_the_record_and_the_trace_goes_along(ministack: Server, name: str) -> None:
    async with queue_on(ministack) as queue:
        async with destination(await queue.arn(), ministack) as found:
            await found.deliver_record(record(name))
        [message] = await received(queue)
    assert json.loads(message["Body"]) == load(name)
    assert message["Attributes"]["AWSTraceHeader"] == TRACE


@pytest.mark.server
async def test_a_notification_has_the_payloads_where_they_fit(ministack: Server) -> None:
    name = "recorded-async-success"
    async with queue_on(ministack) as queue, topic_to(queue, ministack) as topic:
        async with destination(topic, ministack) as found:
            await found.deliver_record(record(name))
            await found.deliver_record(record(name, padding=LIMIT))
        messages = [json.loads(json.loads(each["Body"])["Message"]) for each in await received(queue, 2)]
    brief, whole = sorted(messages, key=len)
    assert whole == load(name)
    assert brief == {key: value for key, value in whole.items() if not key.endswith("Payload")}


@pytest.mark.server
async def test_an_object_is_the_record_and_told_again_the_same_one(ministack: Server) -> None:
    name = "recorded-async-failure-retries-exhausted"
    bucket = f"test-{uuid.uuid4().hex}"
    key = r"aws/lambda/async/my-function/2025/11/24/2025-11-24T23\.11\.08-[0-9a-f-]{36}"
    async with client_of("s3", ministack.url) as s3:
        await s3.create_bucket(Bucket=bucket)
        async with destination(f"arn:aws:s3:::{bucket}", ministack) as found:
            await found.deliver_record(record(name))
            await found.deliver_record(record(name))
        [listed] = (await s3.list_objects_v2(Bucket=bucket))["Contents"]
        assert re.fullmatch(key, listed["Key"])
        stored = await s3.get_object(Bucket=bucket, Key=listed["Key"])
        async with stored["Body"] as body:
            assert json.loads(await body.read()) == load(name)


@pytest.mark.server
@pytest.mark.parametrize("name", ["recorded-eventbridge-success", "recorded-eventbridge-failure"])
async def test_an_event_on_a_bus_is_that_of_the_service(ministack: Server, name: str) -> None:
    rule, shown = f"test-{uuid.uuid4().hex}", load(name)
    async with queue_on(ministack) as queue, client_of("events", ministack.url) as events:
        pattern = {"source": ["lambda"], "detail": {"requestContext": {"requestId": [record(name).request_id]}}}
        await events.put_rule(Name=rule, EventPattern=json.dumps(pattern))
        await events.put_targets(Rule=rule, Targets=[{"Id": "q", "Arn": await queue.arn()}])
        async with destination(BUS, ministack) as found:
            await found.deliver_record(record(name))
        [message] = await received(queue)
        await events.remove_targets(Rule=rule, Ids=["q"])
        await events.delete_rule(Name=rule)
    event = json.loads(message["Body"])
    assert event["resources"] == [BUS, shown["resources"][1]]
    assert {key: event[key] for key in ("version", "detail-type", "source", "detail")} == {
        key: shown[key] for key in ("version", "detail-type", "source", "detail")
    }


@pytest.mark.server
async def test_a_dead_letter_is_the_event_with_three_attributes(ministack: Server) -> None:
    shown = load("recorded-async-dlq-sqs-message")
    async with queue_on(ministack) as queue:
        async with target(await queue.arn(), ministack) as found:
            await found.deliver_letter(letter())
        [message] = await received(queue)
    assert message["Body"] == shown["Body"]
    attributes = {
        name: {key: each[key] for key in ("DataType", "StringValue")}
        for name, each in message["MessageAttributes"].items()
    }
    assert attributes == shown["MessageAttributes"]
    assert message["Attributes"]["AWSTraceHeader"] == TRACE


@pytest.mark.server
async def test_a_dead_letter_on_a_topic_has_them_too(ministack: Server) -> None:
    async with queue_on(ministack) as queue, topic_to(queue, ministack) as topic:
        async with target(topic, ministack) as found:
            await found.deliver_letter(letter())
            with pytest.raises(TooLarge):
                await found.deliver_letter(letter(b'"' + b"x" * LIMIT + b'"'))
        [message] = await received(queue)
    notification = json.loads(message["Body"])
    assert notification["Message"] == '{"raise_error": 1}'
    assert notification["MessageAttributes"]["ErrorCode"] == {"Type": "Number", "Value": "200"}


@pytest.mark.server
@pytest.mark.parametrize(
    ("message", "shown"), [("\x1b[31mred\x00", "?[31mred?"), ("", "?"), ("\u00e4" * 1000, "\u00e4" * 512)]
)
async def test_an_error_message_is_one_that_a_queue_takes(elasticmq: Server, message: str, shown: str) -> None:
    async with queue_on(elasticmq) as queue:
        async with target(await queue.arn(), elasticmq) as found:
            await found.deliver_letter(letter(message=message))
        [got] = await received(queue)
    assert got["MessageAttributes"]["ErrorMessage"]["StringValue"] == shown


async def test_an_entry_that_the_bus_did_not_take_is_an_error_although_the_call_went_well(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    aws = FakeAws(monkeypatch)
    refusal = {"ErrorCode": "InternalFailure", "ErrorMessage": "words"}
    aws.answers["put_events"] = {"FailedEntryCount": 1, "Entries": [refusal]}
    found = invocation_destination(BUS, AwsOptions(endpoint_url="http://127.0.0.1:1"))
    with pytest.raises(SourceError, match=f"the bus {BUS} does not take the record: InternalFailure: words"):
        await found.deliver_record(record("recorded-async-success"))
    await found.close()
    [request] = aws.of("put_events")
    assert request["Entries"][0]["TraceHeader"] == TRACE
    assert aws.users == 0


@pytest.mark.server
async def test_a_queue_that_is_not_there_is_missing(ministack: Server) -> None:
    arn = f"arn:aws:sqs:us-east-1:000000000000:test-{uuid.uuid4().hex}"
    async with destination(arn, ministack) as found, target(arn, ministack) as dead:
        with pytest.raises(Missing):
            await found.deliver_record(record("recorded-async-success"))
        with pytest.raises(Missing):
            await dead.deliver_letter(letter())


async def test_a_file_is_the_record_under_the_functions_name(tmp_path: Path) -> None:
    name = "recorded-async-success"
    found = invocation_destination(f"file:{tmp_path}/told", AwsOptions())
    await found.deliver_record(record(name))
    await found.deliver_record(record(name))
    [file] = (tmp_path / "told" / "my-function").iterdir()
    assert re.fullmatch(r"2025-11-24T23\.11\.08-[0-9a-f-]{36}\.json", file.name)
    assert json.loads(file.read_text()) == load(name)
