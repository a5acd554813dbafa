"""The conformance kit's rig for SQS servers: a queue of its own, and a relay between it and the source."""

from __future__ import annotations

import contextlib
import math
from collections.abc import AsyncIterator, Sequence

from connectors.sqs.source import SqsOptions, SqsSource
from connectors.testing import Breakable, Message, QueueRig, Relay
from tests.aws_clients import client_of
from tests.queues import Queue, make_queue
from tests.servers import Server


class SqsRig(QueueRig, Breakable):
    def __init__(self, queue: Queue, relay: Relay) -> None:
        self.queue = queue
        self.relay = relay

    def source(self) -> SqsSource:
        return SqsSource(SqsOptions(queue=self.queue.name, endpoint_url=f"http://127.0.0.1:{self.relay.port}"))

    async def send(self, messages: Sequence[Message]) -> None:
        await self.queue.send([m.body for m in messages], [m.lane or "lane" for m in messages])

    async def count(self) -> int:
        return sum(await self.queue.counts())

    async def cut(self) -> None:
        await self.relay.cut()

    async def mend(self) -> None:
        await self.relay.mend()


@contextlib.asynccontextmanager
async def sqs_rig(server: Server, lease_seconds: float, *, fifo: bool) -> AsyncIterator[SqsRig]:
    attributes = {"VisibilityTimeout": str(math.ceil(lease_seconds))}
    async with client_of("sqs", server.url) as client, Relay(server.port) as relay:
        queue = await make_queue(client, fifo=fifo, attributes=attributes)
        yield SqsRig(queue, relay)
        await queue.delete()
