"""What the conformance kit cannot ask of every stream: enhanced fan-out of Kinesis, on servers that have it, and on those that do not.

What each server really does (November 2026). ferrokinesis 0.7.0 speaks it as documented, with these differences: its program's check of
requests, bypassed here (servers/ferrokinesis); DescribeStreamSummary takes no ARN; two subscriptions of one consumer live side by side; the
last event comes twice, and has a ContinuationSequenceNumber all the same. kinesis-mock 0.6.2 leaves out the frame that answers the request
(initial-response), which clients of AWS wait for, and never ends the subscription of a shard that was split. MiniStack 1.4.21 registers
consumers, and does not know SubscribeToShard. moto 5.2.5: the same, with status 500.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from connectors.contract import Missing, Record, Source, SourceError, Throttled, Unreachable
from connectors.kinesis import fanout
from connectors.shards.positions import END
from connectors.testing import opened, receive, unsettled
from connectors.testing.steps import settled
from tests import rust_servers
from tests.aggregates import pack
from tests.cache import CACHE
from tests.conftest import running
from tests.contract.kinesis_rig import FanoutRig, fanout_rig
from tests.contract.kinesis_steps import PATIENCE, expect_order, fetch_on, number, put, read_all
from tests.servers import Server

pytestmark = [pytest.mark.server, pytest.mark.timeout(120, func_only=True)]  # a server may have to be built first

SHORT = 1.5
"""Seconds that a subscription of the hasty server lasts, instead of 300."""
FIRST = "shardId-000000000000"


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A ferrokinesis with short subscriptions."""
    folder = tmp_path_factory.mktemp("hasty")
    yield from running(lambda: rust_servers.ferrokinesis(folder, CACHE, subscription_seconds=SHORT))


@pytest.fixture
async def rig(ferrokinesis: Server) -> AsyncIterator[FanoutRig]:
    async with fanout_rig(ferrokinesis) as rig:
        yield rig


async def fetch_through(source: Source) -> None:
    while True:
        with contextlib.suppress(Throttled):  # a consumer that is being removed is in use, says the server
            await source.fetch(10, 5)


async def test_events_name_the_consumer(rig: FanoutRig) -> None:
    arn = f"{await rig.producer.arn()}/consumer/{rig.consumer}"
    async with opened(rig) as source:
        identity = await source.open()
        assert identity.arn.startswith(f"{arn}:")
        assert f"stream {rig.producer.name}, at http://" in identity.label
        assert identity.label.endswith(f", consumer {rig.consumer}")
        await put(rig, 0, 1)
        (record,) = await receive(source, 1, PATIENCE)
        assert (record.body, record.key) == (b"message 0", "key-0")
        assert record.metadata["SequenceNumber"] == record.position
    by_arn = rig.stream(consumer=identity.arn)
    by_arn.read_as(rig.reader())
    assert await by_arn.open() == identity
    await by_arn.close()


async def test_a_subscription_that_ends_is_renewed_where_it_was(hasty: Server) -> None:
    """Over several of them nothing is lost, nothing comes twice, and nobody hears of it. Shards without a record are renewed too."""
    async with fanout_rig(hasty) as rig, opened(rig) as source:
        records: list[Record] = []
        began = asyncio.get_running_loop().time()
        count = 0
        while asyncio.get_running_loop().time() < began + 4 * SHORT:
            await rig.producer.put([(f"message {count}".encode(), "key-0", 1)])  # of the first shard
            count += 1
            records += await source.fetch(100, 0.05)
        await rig.producer.put([(f"message {count}".encode(), "key-1", 2**127)])  # of the second, its first
        records += await receive(source, count + 1 - len(records), PATIENCE)
        assert sorted(map(number, records)) == list(range(count + 1))
        expect_order(records)
        assert len({record.partition for record in records}) == 2


async def test_reading_from_latest_on_outlives_the_end_of_a_subscription_without_a_record(hasty: Server) -> None:
    async with fanout_rig(hasty) as rig:
        await put(rig, 0, 30)
        source = rig.source("LATEST")
        await source.open()
        assert await source.fetch(10, 2 * SHORT) == []
        await put(rig, 30, 30)
        assert sorted(map(number, await receive(source, 30, PATIENCE))) == list(range(30, 60))
        await source.close()


async def test_the_order_of_each_key_outlives_splits_and_merges(rig: FanoutRig) -> None:
    shards = [shard["ShardId"] for shard in await rig.producer.shards()]
    await put(rig, 0, 100)
    async with opened(rig) as source:
        records = await read_all(source, 50)
        await rig.producer.split(shards[0])  # while it is pushed
        await put(rig, 100, 100)
        records += await read_all(source, 200 - len(records))
        await rig.producer.merge(shards[1], shards[2])
        await put(rig, 200, 100)
        records += await read_all(source, 300 - len(records))
        await rig.producer.merge("shardId-000000000003", "shardId-000000000004")
        await put(rig, 300, 100)
        records += await read_all(source, 400 - len(records))
    expect_order(records)
    assert {rig.checkpoints.kept[shard] for shard in shards} == {END}
    assert await unsettled(rig, PATIENCE) == []


async def test_children_are_not_pushed_while_a_record_of_their_parent_is_in_hand(rig: FanoutRig) -> None:
    shards = [shard["ShardId"] for shard in await rig.producer.shards()]
    await put(rig, 0, 60)
    async with opened(rig) as source:
        before = await receive(source, 60, PATIENCE)
        for shard in shards:
            await rig.producer.split(shard)
        await put(rig, 60, 60)
        assert await source.fetch(100, 2) == []
        await source.settle(settled(before))
        after = await receive(source, 60, PATIENCE)
    expect_order(before + after)


async def test_what_nobody_has_room_for_stays_with_the_server(rig: FanoutRig) -> None:
    """Of 60 MB in one shard the first event is taken, and what connections hold: the server waits. Then all of it comes, in order."""
    size, count = 50_000, 1200
    for first in range(0, count, 15):
        data = [f"message {n}".rjust(size).encode() for n in range(first, first + 15)]
        await rig.producer.put([(one, "key", 1) for one in data])
    async with opened(rig) as source:
        assert len(await receive(source, 1, PATIENCE)) == 1
        before = rig.relay.answered
        for _ in range(30):
            assert await source.fetch(0, 0.1) == []  # no room; time enough for half of it all
            await asyncio.sleep(0.1)
        assert rig.relay.answered < before + 30_000_000
        rest = await receive(source, count - 1, PATIENCE)
        assert [number(record) for record in rest] == list(range(1, count))


async def test_a_shard_without_room_holds_up_no_other(rig: FanoutRig) -> None:
    await rig.producer.put([(f"held {n}".encode(), "key", 1) for n in range(500)])
    async with opened(rig) as source:
        await receive(source, 1, PATIENCE)
        source.hold([FIRST])  # type: ignore[attr-defined]  # a Stream
        await rig.producer.put([(f"other {n}".encode(), "key", 2**127) for n in range(300)])
        others = await receive(source, 300, PATIENCE)
        assert [record.body for record in others] == [f"other {n}".encode() for n in range(300)]
        source.hold([])  # type: ignore[attr-defined]  # a part of its own
        assert [number(record) for record in await receive(source, 499, PATIENCE)] == list(range(1, 500))


async def test_aggregates_are_delivered_one_by_one(rig: FanoutRig) -> None:
    inner = [(f"key-{n}", 1, f"message {n}".encode()) for n in range(10)]  # hash key 1: of the first shard
    await rig.producer.put([(pack(inner), "key", 1)])
    source = rig.stream(kpl_deaggregation=True)
    source.read_as(rig.reader())
    await source.open()
    assert [number(record) for record in await receive(source, 10, PATIENCE)] == list(range(10))
    await source.close()


async def test_a_consumer_that_is_not_there_is_missing_until_it_is(rig: FanoutRig) -> None:
    source = rig.stream(consumer="later")
    source.read_as(rig.reader())
    with pytest.raises(Missing, match=f"has no consumer later of stream {rig.producer.name} in us-east-1"):
        await source.open()
    await rig.producer.register("later")
    await source.open()
    await put(rig, 0, 5)
    assert len(await receive(source, 5, PATIENCE)) == 5
    await source.close()


async def test_a_consumer_that_is_removed_while_it_is_read_is_looked_for_anew(hasty: Server) -> None:
    """Its subscriptions are left to end; then there is none to be had. One of the same name is another one, and goes on."""
    async with fanout_rig(hasty) as rig, opened(rig) as source:
        await put(rig, 0, 10)
        await source.settle(settled(await receive(source, 10, PATIENCE)))
        arn = (await source.open()).arn
        await rig.producer.client.deregister_stream_consumer(ConsumerARN=arn)
        with pytest.raises(Unreachable, match="consumer reader has gone: looking for it anew"):
            await asyncio.wait_for(fetch_through(source), PATIENCE)
        with pytest.raises(Missing, match="has no consumer reader"):
            await source.open()
        await rig.producer.register("reader")
        await put(rig, 10, 10)
        await source.open()
        assert sorted(map(number, await receive(source, 10, PATIENCE))) == list(range(10, 20))


async def test_a_server_that_no_longer_sends_counts_as_unreachable(
    rig: FanoutRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fanout, "SILENCE", 1.0)
    async with opened(rig) as source:
        await source.fetch(10, 1)
        rig.relay.stall()
        with pytest.raises(Unreachable, match="did not answer in time"):
            await asyncio.wait_for(fetch_on(source), PATIENCE)


SENTENCES = {
    "ministack": (SourceError, r"offers no enhanced fan-out \(InvalidAction\): leave out the consumer"),
    "moto": (Unreachable, r"is out of order \(500 .*; if it has no enhanced fan-out, leave out the consumer"),
    "kinesis-mock": (SourceError, r"does not speak enhanced fan-out as documented \(First event was not of type init"),
}


@pytest.fixture(scope="module", params=["ministack", "moto", "kinesis_mock"])
def without(request: pytest.FixtureRequest) -> Server:
    """A server without enhanced fan-out."""
    found: Server = request.getfixturevalue(request.param)
    return found


async def test_a_server_without_it_is_told_in_a_sentence(without: Server) -> None:
    kind, said = SENTENCES[without.name]
    async with fanout_rig(without) as rig:
        source = rig.source()
        await source.open()
        with pytest.raises(kind, match=said):
            await asyncio.wait_for(fetch_on(source), PATIENCE)
        await source.close()


async def test_kinesis_mock_leaves_out_the_frame_that_answers_the_request(kinesis_mock: Server) -> None:
    """In raw bytes: the first message is an event with records. When this fails, kinesis-mock can be taken into the kit."""
    async with fanout_rig(kinesis_mock) as rig:
        found = await rig.producer.client.describe_stream_consumer(
            StreamARN=await rig.producer.arn(), ConsumerName=rig.consumer
        )
        arn = found["ConsumerDescription"]["ConsumerARN"]
        first = await _first_message(kinesis_mock, arn)
    assert b"SubscribeToShardEvent" in first
    assert b"initial-response" not in first


async def _first_message(server: Server, consumer: str) -> bytes:
    """What a subscription's answer begins with, by the length that its first frame tells."""
    start = {"Type": "TRIM_HORIZON"}
    body = json.dumps({"ConsumerARN": consumer, "ShardId": FIRST, "StartingPosition": start}).encode()
    kind = {"X-Amz-Target": "Kinesis_20131202.SubscribeToShard", "Content-Type": "application/x-amz-json-1.1"}
    request = AWSRequest("POST", f"{server.url}/", headers=kind, data=body)
    SigV4Auth(Credentials("test", "test"), "kinesis", "us-east-1").add_auth(request)
    lines = [f"{name}: {value}" for name, value in request.headers.items()]
    head = [f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{server.port}", *lines, f"Content-Length: {len(body)}"]
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        writer.write("\r\n".join(head).encode() + b"\r\n\r\n" + body)
        async with asyncio.timeout(PATIENCE):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
            await reader.readuntil(b"\r\n")  # the chunk's length
            length = await reader.readexactly(4)
            return length + await reader.readexactly(int.from_bytes(length) - 4)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
