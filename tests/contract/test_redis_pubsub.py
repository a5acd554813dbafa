"""Channels and patterns on a real server, at most once."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

from connectors.contract import Outcome, Settlement, SourceError, Unreachable
from connectors.redis.pubsub import RedisPubsubOptions, RedisPubsubSource
from connectors.testing import Relay, receive
from tests.redis_servers import client
from tests.servers import Server

pytestmark = pytest.mark.server

PATIENCE = 30.0


class Channel:
    def __init__(self, plain: Any, relay: Relay) -> None:
        self.plain = plain
        self.relay = relay
        self.name = f"news.{uuid.uuid4().hex}"

    def subscriber(self, **options: Any) -> RedisPubsubSource:
        wanted = options if "patterns" in options else {"channels": (self.name,), **options}
        return RedisPubsubSource(RedisPubsubOptions(port=self.relay.port, **wanted))


@pytest.fixture(scope="module", params=["redis", "valkey"])
def server(request: pytest.FixtureRequest) -> Server:
    found: Server = request.getfixturevalue(request.param)
    return found


@pytest.fixture
async def channel(server: Server) -> AsyncIterator[Channel]:
    async with client(server.port) as plain, Relay(server.port) as relay:
        yield Channel(plain, relay)


async def test_what_is_published_once_it_is_open_comes_in_order(channel: Channel) -> None:
    source = channel.subscriber()
    identity = await source.open()
    for n in range(100):
        assert await channel.plain.publish(channel.name, str(n)) == 1
    records = await receive(source, 100, PATIENCE)
    assert [record.body for record in records] == [str(n) for n in range(100)]
    assert len({record.id for record in records}) == 100
    assert "at most once" in identity.label
    assert await source.settle([Settlement(record, Outcome.DELIVERED) for record in records]) == []
    await source.close()


async def test_a_record_says_on_which_channel_and_by_which_pattern_it_came(channel: Channel) -> None:
    source = channel.subscriber(channels=(channel.name,), patterns=(f"{channel.name}*",))
    await source.open()
    await channel.plain.publish(channel.name, "x")
    await channel.plain.publish(f"{channel.name}.more", b"\xff")
    records = await receive(source, 3, PATIENCE)
    found = {(r.metadata["Channel"], r.metadata["Pattern"], r.body) for r in records}
    pattern = f"{channel.name}*"
    assert found == {
        (channel.name, None, "x"),
        (channel.name, pattern, "x"),
        (f"{channel.name}.more", pattern, b"\xff"),
    }
    await source.close()


async def test_a_fetch_waits_as_told_and_a_message_ends_the_wait(channel: Channel) -> None:
    source = channel.subscriber()
    await source.open()
    assert await source.fetch(0, 20) == []
    assert await source.fetch(10, 0.1) == []
    fetching = asyncio.create_task(source.fetch(10, 20))
    await asyncio.sleep(0.05)
    await channel.plain.publish(channel.name, "x")
    assert [record.body for record in await asyncio.wait_for(fetching, 10)] == ["x"]
    await source.close()


async def test_more_than_may_wait_is_dropped_oldest_first_counted_and_told_once(channel: Channel) -> None:
    source = channel.subscriber(buffer_mb=0.1)
    await source.open()
    for n in range(100):
        await channel.plain.publish(channel.name, f"{n:04}" + "x" * 996)
    while not source._waiting or not str(source._waiting[-1].body).startswith("0099"):
        await asyncio.sleep(0.01)
    with pytest.raises(
        SourceError, match=f"messages of channel {channel.name} were dropped: more than buffer_mb"
    ) as told:
        await source.fetch(100, 1)
    assert told.value.retry_after == 0
    records = await receive(source, await source.backlog(), PATIENCE)
    dropped = int(str(told.value).split()[0])
    assert dropped > 0
    assert [int(str(record.body)[:4]) for record in records] == list(range(dropped, 100))
    assert await source.fetch(100, 0) == []
    await source.close()


async def test_a_broken_connection_is_told_and_what_came_before_it_is_kept(channel: Channel) -> None:
    source = channel.subscriber()
    await source.open()
    await channel.plain.publish(channel.name, "before")
    while not await source.backlog():
        await asyncio.sleep(0.01)
    await channel.relay.cut()
    with pytest.raises(Unreachable):
        await _fetch_on(source)
    await source.close()
    with pytest.raises(Unreachable, match=r"not open|closed"):
        await source.fetch(1, 0)
    with pytest.raises(Unreachable):
        await source.settle([])
    with pytest.raises(Unreachable, match=r"cannot reach Redis at 127\.0\.0\.1:\d+: connection refused"):
        await source.open()
    await channel.relay.mend()
    await source.open()
    await channel.plain.publish(channel.name, "after")
    assert [record.body for record in await receive(source, 2, PATIENCE)] == ["before", "after"]
    await source.close()
    await source.close()


async def _fetch_on(source: RedisPubsubSource) -> None:
    while True:
        await source.fetch(0, 0)
        await asyncio.sleep(0.01)
