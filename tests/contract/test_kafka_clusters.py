"""Brokers that die, and come back."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from connectors.contract import SourceError, Unreachable
from tests import kafka_server
from tests.cache import CACHE
from tests.conftest import running
from tests.contract.kafka_steps import opened, options_of, receive, receive_all_the_same, settled, source_of
from tests.kafka_server import Broker, Cluster
from tests.kafka_topics import Sent, topic

pytestmark = pytest.mark.server


@pytest.fixture
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    yield from running(lambda: kafka_server.kafka(tmp_path_factory.mktemp("kafka-three"), CACHE, brokers=3))


@pytest.fixture
def private(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A broker to be stopped."""
    yield from running(lambda: kafka_server.kafka(tmp_path_factory.mktemp("kafka-private"), CACHE))


@pytest.mark.slow
async def test_a_broker_that_dies_is_unreachable_until_it_is_back_and_nothing_is_lost(private: Cluster) -> None:
    broker = private.brokers[0]
    group = uuid.uuid4().hex
    with topic(private.servers, 3) as made:
        source = source_of(options_of(made), group)
        async with opened(source):
            await made.produce([Sent(b"%d" % n, partition=n % 3) for n in range(60)])
            records = await receive(source, 60)
            assert not await source.settle(settled(records[:30]))
            await asyncio.to_thread(broker.kill)
            with pytest.raises(Unreachable):
                await asyncio.wait_for(_fetch_on(source), 10)
            with pytest.raises(Unreachable):
                await source.settle(settled(records))
            with pytest.raises(Unreachable):
                await source.backlog()
            await asyncio.to_thread(broker.start)
            again = await receive_all_the_same(source, 30)
            assert {record.id for record in again} >= {record.id for record in records[30:]}
            await _settle_on(source, records)
    async with opened(source_of(options_of(made), group)) as source:
        assert await source.fetch(1, 1) == []


@pytest.mark.slow
async def test_one_broker_of_three_may_die(three: Cluster) -> None:
    """Whichever it is: leader of partitions, coordinator of the group. The others go on, and every record comes."""
    seen: set[str] = set()
    with topic(three.servers, 6, replicas=3) as made:
        source = source_of(options_of(made), "three")
        await source.open()
        await made.produce([Sent(b"%d" % n, partition=n % 6) for n in range(300)])
        records = await receive_all_the_same(source, 300)
        seen |= {record.id for record in records}
        await _settle_on(source, records)
        await asyncio.to_thread(_coordinator(source, three).kill)
        await made.produce([Sent(b"%d" % n, partition=n % 6) for n in range(300, 600)])
        late = await receive_all_the_same(source, 300)
        seen |= {record.id for record in late}
        await _settle_on(source, late)
        await source.close()
    assert len(seen) == 600
    assert {record.id for record in late}.isdisjoint(record.id for record in records)


def _coordinator(source: Any, cluster: Cluster) -> Broker:
    """Of the source's group: also the leader of some partitions."""
    port = source._member._group._cluster.broker_metadata(source._member._group.coordinator_id).port
    return next(broker for broker in cluster.brokers if broker.port == port)


async def _fetch_on(source: Any) -> None:
    while True:
        await source.fetch(10, 1)


async def _settle_on(source: Any, records: list[Any]) -> None:
    """As the engine does: again and again, and over a new connection where there is none."""
    async with asyncio.timeout(60):
        while True:
            try:
                assert not await source.settle(settled(records))
            except Unreachable:
                await source.close()
                await source.open()
            except SourceError:
                await asyncio.sleep(0.1)
            else:
                return
