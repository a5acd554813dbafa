"""What the conformance kit cannot ask of every source: SQS's own features and failures, on real servers."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from connectors.aws import client as aws_client
from connectors.contract import Missing, Outcome, Record, Settlement, Unreachable
from connectors.sqs.source import SqsOptions, SqsSource
from connectors.testing import opened, receive
from tests.aws_clients import client_of
from tests.contract.sqs_rig import sqs_rig
from tests.queues import make_queue
from tests.servers import Server

pytestmark = pytest.mark.server

PATIENCE = 30.0


@pytest.fixture
async def client(ministack: Server) -> AsyncIterator[Any]:
    async with client_of("sqs", ministack.url) as client:
        yield client


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server has one second to answer instead of ten."""
    monkeypatch.setattr(aws_client, "ANSWER_SECONDS", 1.0)


def source(server: Server, queue: str) -> SqsSource:
    return SqsSource(SqsOptions(queue=queue, endpoint_url=server.url))


async def test_name_url_and_arn_are_the_same_queue(ministack: Server, client: Any) -> None:
    queue = await make_queue(client, attributes={"VisibilityTimeout": "45"})
    identities = []
    for called in (queue.name, queue.url, await queue.arn()):
        opened_source = source(ministack, called)
        identities.append(await opened_source.open())
        await opened_source.close()
    assert identities[0] == identities[1] == identities[2]
    assert identities[0].arn == await queue.arn()
    assert identities[0].label.startswith(f"account 000000000000, region us-east-1, queue {queue.name}, at http://")
    assert (identities[0].region, identities[0].lease_seconds) == ("us-east-1", 45.0)


@pytest.mark.parametrize("host", ["https://sqs.us-east-1.amazonaws.com", "http://unreachable.invalid:4566"])
async def test_requests_go_to_the_endpoint_whatever_the_queues_url_says(
    host: str, ministack: Server, client: Any
) -> None:
    queue = await make_queue(client)
    await queue.send(["hello"])
    elsewhere = source(ministack, f"{host}/000000000000/{queue.name}")
    await elsewhere.open()
    records = await receive(elsewhere, 1, PATIENCE)
    assert await elsewhere.settle([Settlement(record, Outcome.DELIVERED) for record in records]) == []
    assert await queue.counts() == (0, 0)
    await elsewhere.close()


async def test_the_url_alone_leads_to_its_server(client: Any) -> None:
    queue = await make_queue(client)
    alone = SqsSource(SqsOptions(queue=queue.url))
    assert (await alone.open()).arn == await queue.arn()
    await alone.close()


async def test_the_message_is_kept_as_it_was_received(ministack: Server, client: Any) -> None:
    queue = await make_queue(client)
    attributes = {
        "Blob": {"DataType": "Binary", "BinaryValue": b"\x01\x02"},
        "Weeks": {"DataType": "Number", "StringValue": "6"},
    }
    await queue.send(["hello"], MessageAttributes=attributes)
    reader = source(ministack, queue.name)
    await reader.open()
    (record,) = await receive(reader, 1, PATIENCE)
    await reader.close()
    assert record.metadata["MessageAttributes"] == attributes
    assert record.metadata["MD5OfBody"] == "5d41402abc4b2a76b9719d911017c592"
    assert record.metadata["MD5OfMessageAttributes"]
    assert {"SenderId", "SentTimestamp", "ApproximateReceiveCount", "ApproximateFirstReceiveTimestamp"} <= set(
        record.metadata["Attributes"]
    )


async def test_poison_ends_in_the_queues_own_dead_letter_queue(ministack: Server, client: Any) -> None:
    queue = await make_queue(client, attributes={"VisibilityTimeout": "1"})
    dead = await make_queue(client)
    await queue.redrive_to(dead, after=2)
    await queue.send(["poison"])
    reader = source(ministack, queue.name)
    await reader.open()
    counts = []
    async with asyncio.timeout(PATIENCE):
        while (await dead.counts())[0] == 0:
            records = await reader.fetch(10, 1)
            counts += [record.receive_count for record in records]
            assert await reader.settle([Settlement(record, Outcome.RETRY) for record in records]) == []
    await reader.close()
    assert counts == [1, 2]


async def test_a_queue_that_does_not_exist_is_missing_until_it_does(ministack: Server, client: Any) -> None:
    queue = await make_queue(client)
    await queue.delete()
    early = source(ministack, queue.name)
    with pytest.raises(Missing, match=f"{ministack.url} has no queue {queue.name} in us-east-1"):
        await early.open()
    await client.create_queue(QueueName=queue.name)
    await early.open()
    await queue.delete()
    with pytest.raises(Missing):
        await early.fetch(1, 0)
    await early.close()


async def test_the_backlog_is_what_waits(ministack: Server, client: Any) -> None:
    queue = await make_queue(client)
    await queue.send(["a", "b", "c"])
    reader = source(ministack, queue.name)
    await reader.open()
    await receive(reader, 1, PATIENCE)
    assert await reader.backlog() == 2
    await reader.close()


async def test_a_frozen_server_counts_as_unreachable_and_is_used_again_when_it_thaws(
    private_ministack: Callable[..., Server], impatient: None
) -> None:
    server = private_ministack()
    async with client_of("sqs", server.url) as client:
        queue = await make_queue(client)
        reader = source(server, queue.name)
        await reader.open()
        server.freeze()
        with pytest.raises(Unreachable, match=f"{server.url} did not answer in time"):
            await reader.fetch(10, 1)
        await reader.close()
        with pytest.raises(Unreachable):
            await reader.open()
        server.thaw()
        await _open_patiently(reader)
        await queue.send(["hello"])
        assert len(await receive(reader, 1, PATIENCE)) == 1
        await reader.close()


async def test_a_server_that_restarts_is_found_again_with_its_messages(
    private_ministack: Callable[..., Server],
) -> None:
    server = private_ministack(persistent=True)
    async with client_of("sqs", server.url) as client:
        queue = await make_queue(client)
        await queue.send([str(n) for n in range(5)])
    reader = source(server, queue.name)
    await reader.open()
    await asyncio.to_thread(server.stop)
    with pytest.raises(Unreachable, match=f"cannot reach {server.url}: connection refused"):
        await reader.fetch(10, 0)
    await reader.close()
    await asyncio.to_thread(server.start)
    await reader.open()
    assert {record.body for record in await receive(reader, 5, PATIENCE)} == {"0", "1", "2", "3", "4"}
    await reader.close()


async def test_a_fifo_groups_records_come_at_once_when_only_the_answer_was_lost(
    elasticmq: Server, impatient: None
) -> None:
    """The lease of an hour does not matter: the repeated receive hands out the same records."""
    async with sqs_rig(elasticmq, 3600, fifo=True) as rig, opened(rig) as reader:
        await rig.queue.send(["1", "2", "3"])
        rig.relay.stall()
        with pytest.raises(Unreachable):
            await reader.fetch(10, 0)
        await rig.cut()
        await reader.close()
        await rig.mend()
        await reader.open()
        assert await rig.queue.counts() == (0, 3), "the server had handed them out"
        assert await _bodies(reader, 3) == ["1", "2", "3"]
        assert await rig.count() == 0


async def test_a_failed_fifo_group_comes_again_in_order_and_holds_up_no_other(ministack: Server) -> None:
    async with sqs_rig(ministack, 2, fifo=True) as rig, opened(rig) as reader:
        await rig.queue.send(["a1", "b1", "a2", "b2"], ["a", "b", "a", "b"])
        first = {record.body: record for record in await receive(reader, 4, PATIENCE)}
        outcomes = {"a1": Outcome.RETRY, "a2": Outcome.RETRY, "b1": Outcome.DELIVERED, "b2": Outcome.DELIVERED}
        await reader.settle([Settlement(first[body], outcome) for body, outcome in outcomes.items()])
        await rig.queue.send(["b3", "a3"], ["b", "a"])
        later = await _bodies(reader, 4)
        assert later == ["b3", "a1", "a2", "a3"]


async def test_many_sources_share_one_client_and_little_memory(ministack: Server, client: Any) -> None:
    queue = await make_queue(client)
    first = source(ministack, queue.name)
    await first.open()
    (share,) = aws_client._shares[asyncio.get_running_loop()].values()
    tracemalloc.start()
    sources = [source(ministack, queue.name) for _ in range(200)]
    for part in range(0, 200, 50):
        await asyncio.gather(*(one.open() for one in sources[part : part + 50]))
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert share.users == 201
    assert size / 200 < 10_000, "bytes for one idle source"
    for one in [first, *sources]:
        await one.close()
    assert aws_client._shares[asyncio.get_running_loop()] == {}


def test_a_source_works_in_one_event_loop_after_another(ministack: Server) -> None:
    async def fill() -> str:
        async with client_of("sqs", ministack.url) as client:
            queue = await make_queue(client)
            await queue.send(["1", "2"])
            return queue.name

    async def take() -> list[Record]:
        await reader.open()
        records = await receive(reader, 1, PATIENCE)
        await reader.settle([Settlement(record, Outcome.DELIVERED) for record in records])
        await reader.close()
        return records

    reader = source(ministack, asyncio.run(fill()))
    assert {record.body for _ in range(2) for record in asyncio.run(take())} == {"1", "2"}


async def _bodies(reader: Any, count: int) -> list[str | bytes]:
    """Bodies in the order in which they come, each settled at once."""
    found: list[str | bytes] = []
    async with asyncio.timeout(PATIENCE):
        while len(found) < count:
            records = await reader.fetch(10, 1)
            found += [record.body for record in records]
            await reader.settle([Settlement(record, Outcome.DELIVERED) for record in records])
    return found


async def _open_patiently(reader: SqsSource) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                await reader.open()
            except Unreachable:
                continue
            return
