"""The conformance kit's rig for Kinesis servers: a stream of its own, and a relay between it and the source."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

from connectors.kinesis.source import KinesisOptions, KinesisSource
from connectors.testing import Breakable, Message, Relay, StreamRig
from tests.aws_clients import client_of
from tests.servers import Server
from tests.streams import KinesisStream, make_stream


class KinesisRig(StreamRig, Breakable):
    def __init__(self, stream: KinesisStream, relay: Relay, tick_seconds: float) -> None:
        super().__init__()
        self.producer = stream
        self.relay = relay
        self.tick_seconds = tick_seconds

    def stream(self, **options: Any) -> KinesisSource:
        endpoint = f"http://127.0.0.1:{self.relay.port}"
        return KinesisSource(KinesisOptions(**{"stream": self.producer.name, "endpoint_url": endpoint, **options}))

    async def send(self, messages: Sequence[Message]) -> None:
        every = 2**128 // self.partitions
        await self.producer.put(
            [
                (message.body.encode(), message.lane or "key", self.place(message) * every + every // 2)
                for message in messages
            ]
        )

    async def cut(self) -> None:
        await self.relay.cut()

    async def mend(self) -> None:
        await self.relay.mend()


class FanoutRig(KinesisRig):
    """The same with a registered consumer, to which the server pushes."""

    consumer = "reader"

    def stream(self, **options: Any) -> KinesisSource:
        return super().stream(**{"consumer": self.consumer, **options})


@contextlib.asynccontextmanager
async def fanout_rig(server: Server, tick_seconds: float = 0.1) -> AsyncIterator[FanoutRig]:
    async with client_of("kinesis", server.url) as client, Relay(server.port) as relay:
        stream = await make_stream(client, FanoutRig.partitions)
        await stream.register(FanoutRig.consumer)
        yield FanoutRig(stream, relay, tick_seconds)
        await client.delete_stream(StreamName=stream.name, EnforceConsumerDeletion=True)


@contextlib.asynccontextmanager
async def kinesis_rig(server: Server, tick_seconds: float = 0.1) -> AsyncIterator[KinesisRig]:
    async with client_of("kinesis", server.url) as client, Relay(server.port) as relay:
        stream = await make_stream(client, KinesisRig.partitions)
        yield KinesisRig(stream, relay, tick_seconds)
        await stream.delete()
