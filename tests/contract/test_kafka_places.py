"""A consumer group is sent elsewhere in its topic, while it has no members."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Collection, Iterator

import pytest

from connectors.contract import Missing, Outcome, Reader, Refused, Seekable, Settlement, SourceError, Unreachable
from connectors.kafka.options import KafkaOptions
from connectors.kafka.source import KafkaSource
from connectors.testing import MemoryCheckpoints
from tests.kafka_server import Cluster
from tests.kafka_topics import Sent, Topic, topic

pytestmark = pytest.mark.server

PARTITIONS = 2


@pytest.fixture
def filled(kafka: Cluster) -> Iterator[Topic]:
    """Ten records in each of two partitions."""
    with topic(kafka.servers, PARTITIONS) as made:
        made.send([Sent(str(number).encode(), None, number % PARTITIONS) for number in range(20)])
        yield made


class Group:
    """One consumer group of the topic."""

    def __init__(self, topic: Topic) -> None:
        self.topic = topic
        self._name = f"group-{uuid.uuid4().hex[:8]}"

    def member(self) -> KafkaSource:
        """A source that is not open."""

        async def revoke(_: Collection[str]) -> None:
            """Nothing is in flight."""

        source = KafkaSource(KafkaOptions(bootstrap_servers=self.topic.servers, topic=self.topic.name))
        source.read_as(Reader(self._name, "TRIM_HORIZON", None, MemoryCheckpoints(), revoke))
        return source

    async def read(self) -> list[int]:
        """All that is left, settled; sorted."""
        source = self.member()
        await source.open()
        records = []
        try:
            quiet = 0
            while quiet < 3:
                fetched = await source.fetch(100, 1.0)
                quiet = 0 if fetched else quiet + 1
                records += fetched
                await source.settle([Settlement(record, Outcome.DELIVERED) for record in fetched])
        finally:
            await source.close()
        return sorted(int(record.body) for record in records)

    async def seek(self, to: str, partition: str | None = None, timestamp: float | None = None) -> dict[str, str]:
        source = self.member()
        assert isinstance(source, Seekable)
        return dict(await source.seek(partition, to, timestamp))


async def test_a_group_goes_back_and_ahead(filled: Topic) -> None:
    group, name = Group(filled), filled.name
    assert await group.read() == list(range(20))
    assert await group.seek("TRIM_HORIZON") == {f"{name}-0": "0", f"{name}-1": "0"}
    assert await group.seek("7", f"{name}-1") == {f"{name}-1": "8"}
    assert await group.read() == sorted([*range(0, 20, 2), 17, 19])
    await group.seek("TRIM_HORIZON")
    assert await group.seek("LATEST") == {f"{name}-0": "10", f"{name}-1": "10"}
    assert await group.read() == []


async def test_a_group_goes_to_a_time(filled: Topic) -> None:
    group, name = Group(filled), filled.name
    await asyncio.sleep(0.05)
    moment = time.time()
    await asyncio.sleep(0.05)
    filled.send([Sent(b"20", None, 0)])
    assert await group.seek("AT_TIMESTAMP", None, moment) == {f"{name}-0": "10", f"{name}-1": "10"}
    assert await group.read() == [20]


@pytest.mark.parametrize(
    ("to", "partition", "sentence"),
    [
        ("10", "-1", r"10 is no place in topic-\w+-1, which holds offsets 0 to 9"),
        ("x1", "-1", r"x1 is no place in topic-\w+-1"),
        ("1", "-7", r"there is no partition 'topic-\w+-7': topic-\w+-0 to topic-\w+-1"),
    ],
)
async def test_what_is_no_place_is_said(filled: Topic, to: str, partition: str, sentence: str) -> None:
    with pytest.raises(SourceError, match=sentence):
        await Group(filled).seek(to, filled.name + partition)


async def test_a_group_that_is_read_refuses(filled: Topic) -> None:
    group = Group(filled)
    member = group.member()
    await member.open()
    try:
        while not await member.fetch(1, 1.0):
            pass
        with pytest.raises(Refused, match=r"consumer group group-\w+ still has members"):
            await group.seek("LATEST")
    finally:
        await member.close()
    assert await group.seek("LATEST")


async def test_what_is_not_there_is_said(kafka: Cluster, filled: Topic) -> None:
    group = Group(filled)
    group.topic = Topic("nowhere", kafka.servers)
    with pytest.raises(Missing, match="has no topic nowhere"):
        await group.seek("LATEST")
    group.topic = Topic(filled.name, ["127.0.0.1:1"])
    with pytest.raises(Unreachable):
        await group.seek("LATEST")
