"""Failure records in real queues, topics and buckets are those that AWS writes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from connectors.aws.options import AwsOptions
from connectors.contract import Destination, Missing, SourceError, Unreachable
from connectors.destinations import destination
from tests.aws_clients import client_of
from tests.fakes import discards
from tests.queues import make_queue
from tests.servers import Server, free_port

pytestmark = pytest.mark.server

NAMES = [
    "recorded-kinesis-retries-exhausted",
    "recorded-kinesis-record-age-exceeded",
    "recorded-dynamodb-retries-exhausted",
]
WITH_PAYLOAD = ["recorded-kinesis-s3", "recorded-dynamodb-s3", "kafka-s3"]
KEY = r"aws/lambda/orders/%s/2025/11/25/2025-11-25T16\.35\.32-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
ACCOUNT = "000000000000"


@contextlib.asynccontextmanager
async def connected(text: str, server: Server | str) -> AsyncIterator[Destination]:
    found = destination(text, AwsOptions(endpoint_url=server if isinstance(server, str) else server.url))
    yield found
    await found.close()
    await found.close()  # idempotent


async def messages(found: Any, url: str, count: int) -> list[str]:
    bodies: list[str] = []
    async with asyncio.timeout(30):
        while len(bodies) < count:
            answer = await found.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
            bodies += [message["Body"] for message in answer.get("Messages", [])]
    return bodies


async def test_the_body_of_a_message_is_the_failure_record(ministack: Server) -> None:
    async with client_of("sqs", ministack.url) as reader:
        queue = await make_queue(reader)
        async with connected(await queue.arn(), ministack) as found:
            await asyncio.gather(*(found.deliver(discards.discard(name)) for name in NAMES))  # lanes fail together
        bodies = await messages(reader, queue.url, len(NAMES))
        await queue.delete()
    shown = [discards.load(name) for name in NAMES]
    assert sorted(map(json.loads, bodies), key=str) == sorted(shown, key=str)
    assert sorted(bodies) == sorted(json.dumps(each, separators=(",", ":")) for each in shown)


async def test_the_message_of_a_notification_is_the_failure_record(ministack: Server) -> None:
    async with client_of("sqs", ministack.url) as reader, client_of("sns", ministack.url) as sns:
        queue = await make_queue(reader)
        arn = (await sns.create_topic(Name=f"test-{uuid.uuid4().hex}"))["TopicArn"]
        await sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=await queue.arn())
        async with connected(arn, ministack) as found:
            await found.deliver(discards.discard(NAMES[0]))
        [body] = await messages(reader, queue.url, 1)
        await queue.delete()
    notification = json.loads(body)
    assert notification["TopicArn"] == arn
    assert json.loads(notification["Message"]) == discards.load(NAMES[0])


@pytest.mark.parametrize("name", WITH_PAYLOAD)
async def test_an_object_is_the_failure_record_with_the_event_as_a_text(ministack: Server, name: str) -> None:
    discard = discards.discard(name)
    bucket = f"test-{uuid.uuid4().hex}"
    async with client_of("s3", ministack.url) as s3:
        await s3.create_bucket(Bucket=bucket)
        async with connected(f"arn:aws:s3:::{bucket}", ministack) as found:
            await found.deliver(discard)
            await found.deliver(discard)  # told again: stored once
        [listed] = (await s3.list_objects_v2(Bucket=bucket))["Contents"]
        assert re.fullmatch(KEY % discard.partition, listed["Key"])
        stored = await s3.get_object(Bucket=bucket, Key=listed["Key"])
        assert stored["ContentType"] == "application/octet-stream"
        async with stored["Body"] as body:
            assert json.loads(await body.read()) == discards.load(name)


async def test_a_destination_that_is_not_there_yet_is_missing_until_it_is(ministack: Server) -> None:
    name = f"test-{uuid.uuid4().hex}"
    discard = discards.discard(NAMES[0])
    async with (
        connected(f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}", ministack) as queue,
        connected(f"arn:aws:sns:us-east-1:{ACCOUNT}:{name}", ministack) as topic,
        connected(f"arn:aws:s3:::{name}", ministack) as bucket,
    ):
        for found, what in (
            (queue, f"queue {name} of account {ACCOUNT} in us-east-1"),
            (topic, f"topic {name} of account {ACCOUNT} in us-east-1"),
            (bucket, f"bucket {name} in us-east-1"),
        ):
            with pytest.raises(Missing, match=f"{ministack.url} has no {what}"):
                await found.deliver(discard)
        async with (
            client_of("sqs", ministack.url) as reader,
            client_of("sns", ministack.url) as sns,
            client_of("s3", ministack.url) as s3,
        ):
            url = (await reader.create_queue(QueueName=name))["QueueUrl"]
            await sns.create_topic(Name=name)
            await s3.create_bucket(Bucket=name)
            for found in (queue, topic, bucket):
                await found.deliver(discard)
            await reader.delete_queue(QueueUrl=url)
            with pytest.raises(Missing):
                await queue.deliver(discard)
            await reader.create_queue(QueueName=name)
            await queue.deliver(discard)  # its URL is asked for again


@pytest.mark.parametrize(
    "arn", [f"arn:aws:sqs:us-east-1:{ACCOUNT}:q", f"arn:aws:sns:us-east-1:{ACCOUNT}:t", "arn:aws:s3:::bucket"]
)
async def test_no_server_is_unreachable(arn: str) -> None:
    async with connected(arn, f"http://127.0.0.1:{free_port()}") as found:
        with pytest.raises(Unreachable, match=r"cannot reach http://127\.0\.0\.1:\d+: connection refused"):
            await found.deliver(discards.discard(NAMES[0]))


async def test_a_server_that_hangs_is_unreachable_and_found_again(private_ministack: Callable[[], Server]) -> None:
    server = private_ministack()
    async with client_of("sqs", server.url) as reader:
        queue = await make_queue(reader)
        async with connected(await queue.arn(), server) as found:
            await found.deliver(discards.discard(NAMES[0]))
            found._connection.service.patience = 0.5  # type: ignore[attr-defined]  # instead of ten seconds
            server.freeze()
            with pytest.raises(Unreachable, match="did not answer in time"):
                await found.deliver(discards.discard(NAMES[1]))
            server.thaw()
            found._connection.service.patience = 10  # type: ignore[attr-defined]  # a part of its own
            await found.deliver(discards.discard(NAMES[2]))
        bodies = await messages(reader, queue.url, 2)
    assert {discards.load(NAMES[0])["timestamp"]} == {json.loads(body)["timestamp"] for body in bodies}


async def test_what_does_not_speak_the_service_is_an_error_of_the_source(ministack: Server) -> None:
    async with connected("arn:aws:s3:::bucket", f"{ministack.url}/health") as found:
        with pytest.raises(SourceError):
            await found.deliver(discards.discard(NAMES[0]))
