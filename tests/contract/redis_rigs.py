"""The conformance kit's rigs for Redis: a key of its own, and a relay between server and source."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import AsyncIterator, Sequence
from typing import Any

from connectors.redis.lists import RedisListOptions, RedisListSource
from connectors.redis.stream import RedisStreamOptions, RedisStreamSource
from connectors.testing import Breakable, Message, QueueRig, Relay, StreamRig
from tests.redis_servers import client
from tests.servers import Server


class StreamRedis(StreamRig, Breakable):
    partitions = 1

    def __init__(self, plain: Any, key: str, relay: Relay) -> None:
        super().__init__()
        self.plain = plain
        self.key = key
        self.relay = relay

    def stream(self) -> RedisStreamSource:
        return RedisStreamSource(
            RedisStreamOptions(
                stream=self.key, port=self.relay.port, create_stream=True, data_field="body", key_field="lane"
            )
        )

    async def send(self, messages: Sequence[Message]) -> None:
        async with self.plain.pipeline(transaction=False) as pipeline:
            for message in messages:
                pipeline.xadd(self.key, {"body": message.body, "lane": message.lane or ""})
            await pipeline.execute()

    async def cut(self) -> None:
        await self.relay.cut()

    async def mend(self) -> None:
        await self.relay.mend()


class ListRedis(QueueRig, Breakable):
    def __init__(self, plain: Any, key: str, relay: Relay, lease_seconds: float) -> None:
        self.plain = plain
        self.key = key
        self.relay = relay
        self.lease_seconds = lease_seconds

    def source(self) -> RedisListSource:
        return RedisListSource(RedisListOptions(list=self.key, port=self.relay.port, lease_seconds=self.lease_seconds))

    async def send(self, messages: Sequence[Message]) -> None:
        await self.plain.lpush(self.key, *(message.body for message in messages))

    async def count(self) -> int:
        custody = f"{{{self.key}}}:pollerd:bodies"
        return int(await self.plain.llen(self.key)) + int(await self.plain.hlen(custody))

    async def cut(self) -> None:
        await self.relay.cut()

    async def mend(self) -> None:
        await self.relay.mend()


@contextlib.asynccontextmanager
async def stream_rig(server: Server) -> AsyncIterator[StreamRedis]:
    async with client(server.port) as plain, Relay(server.port) as relay:
        yield StreamRedis(plain, f"stream-{uuid.uuid4().hex}", relay)


@contextlib.asynccontextmanager
async def list_rig(server: Server, lease_seconds: float) -> AsyncIterator[ListRedis]:
    async with client(server.port) as plain, Relay(server.port) as relay:
        yield ListRedis(plain, f"list-{uuid.uuid4().hex}", relay, lease_seconds)
