"""What Kafka's records are, where they are read from, and what becomes of those that are not there any more."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator

import pytest
from confluent_kafka import Producer

from connectors.contract import Discard, Missing, OptionsError
from connectors.kafka.source import KafkaSource
from connectors.testing import MemoryCheckpoints
from tests.contract.kafka_steps import opened, options_of, receive, settled, source_of
from tests.kafka_server import Cluster
from tests.kafka_topics import Sent, Topic, client, put, topic, unmade

pytestmark = pytest.mark.server


@pytest.fixture
def one(kafka: Cluster) -> Iterator[Topic]:
    with topic(kafka.servers, 1) as made:
        yield made


async def test_a_record_has_all_that_it_came_with(one: Topic) -> None:
    headers: list[tuple[str, str | bytes | None]] = [("a", b"1"), ("a", b"\xff\x00"), ("b", None), ("", b"")]
    await one.produce([Sent(b"value", b"key", headers=headers), Sent(b""), Sent(None, b"gone")])
    async with opened(source_of(options_of(one))) as source:
        record, empty, tombstone = await receive(source, 3)
    name = f"{one.name}-0"
    assert (record.id, record.partition, record.lane, record.position) == (f"{name}:0", name, name, "0")
    assert (record.body, record.key) == (b"value", b"key")
    timestamp = record.metadata["timestamp"]
    assert record.arrived == timestamp / 1000
    assert record.metadata == {
        "topic": one.name,
        "partition": 0,
        "offset": 0,
        "timestamp": timestamp,
        "timestampType": "CREATE_TIME",
        "key": b"key",
        "headers": headers,
    }
    assert (empty.body, empty.key, empty.metadata.get("tombstone")) == (b"", None, None)
    assert (tombstone.body, tombstone.key, tombstone.metadata["tombstone"]) == (b"", b"gone", True)


async def test_a_partition_off_hold_is_read_at_once_though_another_one_in_the_middle_of_it_is_held(
    kafka: Cluster,
) -> None:
    with topic(kafka.servers, 2) as made:
        await made.produce([Sent(b"%d" % n, partition=partition) for n in range(10) for partition in range(2)])
        async with opened(source_of(options_of(made))) as source:
            [first] = await receive(source, 1)
            source.hold([first.partition])
            [other] = await receive(source, 1)
            source.hold([other.partition])
            [again] = await source.fetch(1, 0)  # the client has it already: nothing is to be waited for
    assert [(each.partition == first.partition, each.body) for each in (first, other, again)] == [
        (True, b"0"),
        (False, b"0"),
        (True, b"1"),
    ]


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
async def test_compressed_records_are_read(one: Topic, codec: str) -> None:
    bodies = [b"%d %s" % (n, b"x" * 50) for n in range(500)]
    await one.produce([Sent(body) for body in bodies], **{"compression.type": codec, "linger.ms": 100})
    async with opened(source_of(options_of(one))) as source:
        records = await receive(source, 500)
    assert [record.body for record in records] == bodies


async def test_of_a_transaction_that_was_aborted_nothing_is_seen_with_read_committed(one: Topic) -> None:
    await asyncio.to_thread(_transactions, one)
    async with opened(source_of(options_of(one, isolation_level="read_committed"))) as source:
        records = await receive(source, 2)
        assert [record.body for record in records] == [b"kept 0", b"kept 1"]
        assert not await source.settle(settled(records))
        assert await source.fetch(1, 0.2) == []  # reads the mark of the commit, which counts as a record
        assert await source.backlog() == 0
    async with opened(source_of(options_of(one))) as source:
        assert [record.body for record in await receive(source, 3)] == [b"kept 0", b"aborted", b"kept 1"]


async def test_records_that_were_trimmed_are_told_and_reading_goes_on_at_the_oldest(one: Topic) -> None:
    group, checkpoints = uuid.uuid4().hex, MemoryCheckpoints()
    await one.produce([Sent(b"%d" % n) for n in range(10)])
    async with opened(source_of(options_of(one), group)) as source:
        await source.settle(settled((await receive(source, 10))[:3]))
    await asyncio.to_thread(one.trim, 7)
    async with opened(source_of(options_of(one), group, checkpoints=checkpoints)) as source:
        assert [record.body for record in await receive(source, 3)] == [b"7", b"8", b"9"]
    why = "offset 3 is not there any more: reading goes on at 7"
    assert checkpoints.moves == [(f"{one.name}-0", "7", why)]


async def test_a_topic_that_is_made_anew_is_read_from_its_beginning(kafka: Cluster) -> None:
    group = uuid.uuid4().hex
    with topic(kafka.servers, 1) as made:
        await made.produce([Sent(b"old %d" % n) for n in range(10)])
        async with opened(source_of(options_of(made), group)) as source:
            await source.settle(settled(await receive(source, 10)))
        await asyncio.to_thread(made.delete)
        await asyncio.to_thread(made.make, 1)
        await made.produce([Sent(b"new")])
        async with opened(source_of(options_of(made), group)) as source:
            records = await receive(source, 1)
            assert records[0].body == b"new"
            assert not await source.settle(settled(records))
        async with opened(source_of(options_of(made), group)) as source:
            assert await source.fetch(1, 1) == []


async def test_a_topic_that_is_not_there_is_missing_and_nobody_makes_it(kafka: Cluster) -> None:
    nowhere = unmade(kafka.servers)
    for _ in range(2):
        with pytest.raises(Missing, match=nowhere.name):
            await source_of(options_of(nowhere)).open()
    assert not await asyncio.to_thread(nowhere.exists)


async def test_a_topic_that_goes_away_is_missing(one: Topic) -> None:
    async with opened(source_of(options_of(one))) as source:
        await source.fetch(1, 0.5)
        await asyncio.to_thread(one.delete)
        with pytest.raises(Missing):
            await _fetch_on(source)


async def test_backlog_is_what_was_not_fetched(one: Topic) -> None:
    await one.produce([Sent(b"%d" % n) for n in range(30)])
    async with opened(source_of(options_of(one))) as source:
        await receive(source, 10)
        assert await source.backlog() == 20
        await receive(source, 20)
        assert await source.backlog() == 0


async def test_settlements_that_meet_are_all_committed(kafka: Cluster) -> None:
    group = uuid.uuid4().hex
    with topic(kafka.servers, 3) as made:
        await made.produce([Sent(b"%d" % n, partition=n % 3) for n in range(60)])
        async with opened(source_of(options_of(made), group)) as source:
            records = await receive(source, 60)
            answers = await asyncio.gather(*(source.settle(settled(records[n : n + 3])) for n in range(0, 60, 3)))
            assert answers == [[]] * 20
        async with opened(source_of(options_of(made), group)) as source:
            assert await source.fetch(1, 1) == []


async def test_new_partitions_are_read_from_their_beginning(kafka: Cluster) -> None:
    with topic(kafka.servers, 1) as made:
        async with opened(source_of(options_of(made))) as source:
            await source.fetch(1, 0.1)
            await asyncio.to_thread(made.grow, 3)
            loop = source._loop
            assert loop is not None
            loop.do(loop.manager.cluster.request_update)  # else it would be told in five minutes
            await made.produce([Sent(b"%d" % n, partition=n) for n in range(3)])
            assert sorted(record.body for record in await receive(source, 3)) == [b"0", b"1", b"2"]


async def test_failure_records_go_to_a_topic_of_the_same_cluster(one: Topic, kafka: Cluster) -> None:
    await one.produce([Sent(b"a", b"key"), Sent(b"b")])
    with topic(kafka.servers, 1) as failures:
        async with opened(source_of(options_of(one))) as source:
            records = await receive(source, 2)
            destination = source.destination(failures.name)
            event = b'{"eventSource":"SelfManagedKafka","records":{"%s":[{"offset":0},{"offset":1}]}}'
            discard = Discard(
                mapping="m",
                partition=records[0].partition,
                moment=0.0,
                record={"requestContext": {"condition": "RetryAttemptsExhausted"}, "KafkaBatchInfo": {"batchSize": 2}},
                event=event % records[0].partition.encode(),
                records=records,
            )
            await destination.deliver(discard)
            await destination.close()
        async with opened(source_of(options_of(failures))) as source:
            first, second = await receive(source, 2)
    assert (first.key, second.key) == (b"key", None)
    assert b'"recordInfo": {"offset": "0"' in first.body
    assert b'"offset": 1' in second.body


async def test_a_failure_topic_that_is_not_there_is_missing(one: Topic) -> None:
    source = source_of(options_of(one))
    destination = source.destination(f"topic-{uuid.uuid4().hex}")
    await one.produce([Sent(b"a")])
    async with opened(source):
        records = await receive(source, 1)
    discard = Discard(mapping="m", partition="p", moment=0.0, record={}, event=b"{}", records=records)
    with pytest.raises(Missing, match="has no topic"):
        await destination.deliver(discard)
    await destination.close()


def test_the_mappings_own_topic_is_no_destination(one: Topic) -> None:
    source = KafkaSource(options_of(one))
    with pytest.raises(OptionsError, match="own"):
        source.destination(one.name)
    with pytest.raises(OptionsError, match="name of a topic"):
        source.destination("no topic")


async def test_a_session_timeout_that_the_broker_does_not_allow_is_told(one: Topic) -> None:
    async with opened(
        source_of(options_of(one, session_timeout_seconds=1800, rebalance_timeout_seconds=3600))
    ) as source:
        await source.fetch(1, 0.5)
    with pytest.raises(OptionsError):
        source_of(options_of(one, session_timeout_seconds=300, rebalance_timeout_seconds=300))


def _transactions(made: Topic) -> None:
    producer = Producer(client(made.servers, **{"transactional.id": made.name}))
    producer.init_transactions(30)
    for body, end in (
        (b"kept 0", producer.commit_transaction),
        (b"aborted", producer.abort_transaction),
        (b"kept 1", producer.commit_transaction),
    ):
        producer.begin_transaction()
        put(producer, made.name, [Sent(body)])
        assert producer.flush(30) == 0  # so that what is aborted is in the log
        end(30)


async def _fetch_on(source: KafkaSource) -> None:
    async with asyncio.timeout(30):
        while True:
            await source.fetch(1, 0.5)
