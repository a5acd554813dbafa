"""What the conformance kit cannot ask of every stream: Kinesis's own features and failures, on real servers.

What the servers do differently from Kinesis itself. MiniStack: a shard that is split or merged is gone at once, with what was in it;
arrivals are whole seconds; an iterator that nobody issued counts as expired; any sequence number is taken. kinesis-mock: a sequence number
that it has no record of is a missing resource. Neither throttles, asks for permissions, or trims while one waits.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence

import pytest

from connectors.aws import client as aws_client
from connectors.contract import Missing, Record, Source, Unreachable
from connectors.kinesis.source import KinesisOptions, KinesisSource
from connectors.shards.positions import END
from connectors.testing import Relay, opened, receive, unsettled
from connectors.testing.steps import settled
from tests.aggregates import pack
from tests.aws_clients import client_of
from tests.contract.kinesis_rig import KinesisRig, kinesis_rig
from tests.contract.kinesis_steps import PATIENCE, expect_order, fetch_on, number, put, read_all
from tests.servers import Server
from tests.streams import make_stream

pytestmark = pytest.mark.server


@pytest.fixture(scope="module", params=["ministack", "kinesis_mock"])
def server(request: pytest.FixtureRequest) -> Server:
    found: Server = request.getfixturevalue(request.param)
    return found


@pytest.fixture
async def rig(server: Server) -> AsyncIterator[KinesisRig]:
    async with kinesis_rig(server) as rig:
        yield rig


@pytest.fixture
async def mock(kinesis_mock: Server) -> AsyncIterator[KinesisRig]:
    async with kinesis_rig(kinesis_mock) as rig:
        yield rig


async def test_the_order_of_each_key_outlives_splits_and_merges(mock: KinesisRig) -> None:
    shards = [shard["ShardId"] for shard in await mock.producer.shards()]
    await put(mock, 0, 100)
    await mock.producer.split(shards[0])
    await put(mock, 100, 100)
    await mock.producer.merge(shards[1], shards[2])
    await put(mock, 200, 100)
    async with opened(mock) as source:
        records = await read_all(source, 150)
        await mock.producer.merge("shardId-000000000003", "shardId-000000000004")
        await put(mock, 300, 100)
        records += await read_all(source, 400 - len(records))
    expect_order(records)
    assert len(records) == 400
    kept = mock.checkpoints.kept
    assert {kept[shard] for shard in shards} == {END}
    assert len({record.partition for record in records}) == 7


async def test_children_are_not_read_while_a_record_of_their_parent_is_in_hand(mock: KinesisRig) -> None:
    shards = [shard["ShardId"] for shard in await mock.producer.shards()]
    await put(mock, 0, 60)
    async with opened(mock) as source:
        before = await receive(source, 60, PATIENCE)
        for shard in shards:
            await mock.producer.split(shard)
        await put(mock, 60, 60)
        held = [record for record in before if record.partition == shards[0]]
        await source.settle(settled([record for record in before if record.partition != shards[0]]))
        await source.settle(settled(held[:-1]))
        after = await receive(source, 1, PATIENCE)
        for _ in range(3):
            after += await source.fetch(1000, 1)
        assert after
        assert {record.key for record in after}.isdisjoint({record.key for record in held})
        await source.settle(settled(held[-1:]))
        after += await receive(source, 60 - len(after), PATIENCE)
        expect_order(before + after)


async def test_a_restart_in_the_middle_of_a_split_goes_on_where_it_was(mock: KinesisRig) -> None:
    shards = [shard["ShardId"] for shard in await mock.producer.shards()]
    await put(mock, 0, 90)
    for shard in shards:
        await mock.producer.split(shard)
    await put(mock, 90, 90)
    seen: list[Record] = []
    for _ in range(4):
        async with opened(mock) as source:
            records = await receive(source, 30, PATIENCE)
            await source.settle(settled(records))
            seen += records
    async with opened(mock) as source:
        seen += await receive(source, 60, PATIENCE)
    expect_order(seen)
    assert len({record.body for record in seen}) == 180


async def test_reading_that_began_at_latest_skips_what_closed_shards_hold(mock: KinesisRig) -> None:
    shards = [shard["ShardId"] for shard in await mock.producer.shards()]
    await put(mock, 0, 30)
    await mock.producer.split(shards[0])
    source = mock.source("LATEST")
    await source.open()
    await put(mock, 30, 30)
    records = await receive(source, 30, PATIENCE)
    assert sorted(number(record) for record in records) == list(range(30, 60))
    assert shards[0] not in mock.checkpoints.kept
    await source.close()


async def test_a_server_that_drops_a_split_shard_is_read_on_and_the_loss_is_told(ministack: Server) -> None:
    async with kinesis_rig(ministack) as rig:
        shards = [shard["ShardId"] for shard in await rig.producer.shards()]
        await put(rig, 0, 30)
        async with opened(rig) as source:
            await source.settle(settled(await receive(source, 30, PATIENCE)))
            await rig.producer.split(shards[0])
            await put(rig, 30, 30)
            records = await receive(source, 30, PATIENCE)
            assert sorted(number(record) for record in records) == list(range(30, 60))
        (moved,) = rig.checkpoints.moves
        assert moved[:2] == (shards[0], None)


async def test_an_iterator_that_the_server_no_longer_knows_is_replaced(ministack: Server) -> None:
    async with kinesis_rig(ministack) as rig:
        await put(rig, 0, 30)
        source = rig.source()
        await source.open()
        records = await receive(source, 30, PATIENCE)
        for reading in source._walk._reading.values():  # type: ignore[attr-defined] # of the source's own
            reading._iterator = "of yesterday"
        await put(rig, 30, 30)
        records += await receive(source, 30, PATIENCE)
        assert sorted(number(record) for record in records) == list(range(60))
        await source.close()


async def test_a_checkpoint_of_another_stream_of_that_name_moves_to_the_oldest_record(mock: KinesisRig) -> None:
    shard = (await mock.producer.shards())[0]["ShardId"]
    mock.checkpoints.kept[shard] = "17"
    await put(mock, 0, 30)
    async with opened(mock) as source:
        records = await receive(source, 30, PATIENCE)
    assert sorted(number(record) for record in records) == list(range(30))
    assert [moved[:2] for moved in mock.checkpoints.moves] == [(shard, "TRIM_HORIZON")]


async def test_a_stream_that_does_not_exist_is_missing_until_it_does(rig: KinesisRig) -> None:
    name = rig.producer.name
    await rig.producer.delete()
    async with asyncio.timeout(PATIENCE):
        while name in (await rig.producer.client.list_streams())["StreamNames"]:
            await asyncio.sleep(0.05)
    source = rig.source()
    with pytest.raises(Missing, match=f"has no stream {name} in us-east-1"):
        await source.open()
    await make_stream(rig.producer.client, 1, name)
    await source.open()
    await put(rig, 0, 1)
    assert len(await receive(source, 1, PATIENCE)) == 1
    await source.close()


async def test_a_stream_that_is_deleted_while_it_is_read_is_missing(rig: KinesisRig) -> None:
    async with opened(rig) as source:
        await source.fetch(10, 0)
        await rig.producer.delete()
        with pytest.raises(Missing):
            await asyncio.wait_for(fetch_on(source), PATIENCE)
    await make_stream(rig.producer.client, 1, rig.producer.name)


async def test_name_and_arn_are_the_same_stream(rig: KinesisRig) -> None:
    arn = await rig.producer.arn()
    async with opened(rig) as source:
        by_name = await source.open()
    by_arn = KinesisSource(KinesisOptions(stream=arn, endpoint_url=f"http://127.0.0.1:{rig.relay.port}"))
    by_arn.read_as(rig.reader())
    assert await by_arn.open() == by_name
    assert by_name.arn == arn
    assert by_name.label.startswith(f"account 000000000000, region us-east-1, stream {rig.producer.name}, at http://")
    await put(rig, 0, 30)
    assert len(await receive(by_arn, 30, PATIENCE)) == 30
    await by_arn.close()


async def test_arbitrary_bytes_and_arrival_come_as_they_are(rig: KinesisRig) -> None:
    await rig.producer.put([(bytes(range(256)), "ключ", None), (b"", "empty", None)])
    async with opened(rig) as source:
        records = {record.key: record for record in await receive(source, 2, PATIENCE)}
    assert records["ключ"].body == bytes(range(256))
    assert records["empty"].body == b""
    assert records["empty"].metadata["PartitionKey"] == "empty"
    assert "Data" not in records["empty"].metadata


async def test_aggregates_are_delivered_one_by_one_and_go_on_in_their_middle(mock: KinesisRig) -> None:
    inner = [(f"key-{n}", 1, f"message {n}".encode()) for n in range(10)]  # hash key 1: of the first shard
    await mock.producer.put([(pack(inner), "key", 1), (b"message 10", "key", 1)])
    source = mock.stream(kpl_deaggregation=True)
    source.read_as(mock.reader())
    await source.open()
    records = await receive(source, 11, PATIENCE)
    assert [number(record) for record in records] == list(range(11))
    await source.settle(settled(records[:9]))
    await source.close()
    await source.open()
    again = await receive(source, 2, PATIENCE)
    assert [record.position for record in again] == [record.position for record in records[9:]]
    await source.settle(settled(again[:1]))
    await source.close()
    assert await unsettled(mock, PATIENCE) == ["message 10"]


async def test_many_streams_of_one_server_are_read_at_once(ministack: Server) -> None:
    async with client_of("kinesis", ministack.url) as client, Relay(ministack.port) as relay:
        streams = [await make_stream(client, 2) for _ in range(10)]
        sources = [KinesisRig(stream, relay, 0).source() for stream in streams]
        await asyncio.gather(*(source.open() for source in sources))
        for stream in streams:
            await stream.put([(stream.name.encode(), "key", None)])
        found = await asyncio.gather(*(receive(source, 1, PATIENCE) for source in sources))
        assert [records[0].body for records in found] == [stream.name.encode() for stream in streams]
        for source, stream in zip(sources, streams, strict=True):
            await source.close()
            await stream.delete()


async def test_a_server_that_no_longer_answers_counts_as_unreachable(
    rig: KinesisRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aws_client, "ANSWER_SECONDS", 1.0)
    async with opened(rig) as source:
        await source.fetch(10, 0)
        rig.relay.stall()
        with pytest.raises(Unreachable, match="did not answer in time"):
            await asyncio.wait_for(fetch_on(source), PATIENCE)
        await source.close()
        await rig.cut()
        await rig.mend()
        await source.open()
        await put(rig, 0, 1)
        assert len(await receive(source, 1, PATIENCE)) == 1


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
async def test_splits_merges_outages_and_restarts_at_random_lose_nothing_and_keep_the_order(
    mock: KinesisRig, seed: int
) -> None:
    """Each key's records are settled at least once, and for the first time in their order."""
    chance = random.Random(seed)
    first: dict[int, str] = {}

    async def settle(source: Source, records: Sequence[Record]) -> None:
        await source.settle(settled(records))
        for record in records:
            first.setdefault(number(record), str(record.key))

    for round_ in range(8):
        async with opened(mock) as source:
            await put(mock, round_ * 40, 40)
            for _ in range(2):
                await chance.choice([reshard, reshard, outage, nothing])(mock, chance)
                await settle(source, await fetched_or_nothing(source, chance.randint(1, 30)))
            rest = await fetched_or_nothing(source, 30)
            await settle(source, _some_of_each(rest, chance))  # and no more after that: a restart leaves no gap
    async with opened(mock) as source, asyncio.timeout(2 * PATIENCE):
        while len(first) < 320:
            await settle(source, await source.fetch(50, 1))
    for key in set(first.values()):
        order = [n for n, of in first.items() if of == key]
        assert order == sorted(order), f"{key}: {order}"


def _some_of_each(records: Sequence[Record], chance: random.Random) -> list[Record]:
    """A beginning of each shard's records: what an engine that is stopped may have settled."""
    ends = {record.partition: chance.random() for record in records}
    counts = {shard: sum(record.partition == shard for record in records) for shard in ends}
    taken: Counter[str] = Counter()
    found = []
    for record in records:
        if taken[record.partition] < counts[record.partition] * ends[record.partition]:
            taken[record.partition] += 1
            found.append(record)
    return found


async def fetched_or_nothing(source: Source, room: int) -> list[Record]:
    try:
        return await source.fetch(room, 1.5)
    except Unreachable:
        return []


async def reshard(rig: KinesisRig, chance: random.Random) -> None:
    """Split a shard, or merge two neighbours."""
    shards = [s for s in await rig.producer.shards() if "EndingSequenceNumber" not in s["SequenceNumberRange"]]
    shards.sort(key=lambda shard: int(shard["HashKeyRange"]["StartingHashKey"]))
    at = chance.randrange(len(shards) - 1)
    if len(shards) < 3 or (len(shards) < 7 and chance.random() < 0.5):
        await rig.producer.split(shards[at]["ShardId"])
    else:
        await rig.producer.merge(shards[at]["ShardId"], shards[at + 1]["ShardId"])


async def outage(rig: KinesisRig, _chance: random.Random) -> None:
    await rig.cut()
    await rig.mend()


async def nothing(_rig: KinesisRig, _chance: random.Random) -> None:
    pass
