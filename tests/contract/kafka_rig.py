"""The conformance kit's rig for Kafka: a topic of its own, and a relay between broker and source."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence

from connectors.kafka.options import KafkaOptions
from connectors.kafka.source import KafkaSource
from connectors.testing import Breakable, Message, Relay, StreamRig
from tests.kafka_server import Broker
from tests.kafka_topics import Sent, Topic, topic


class KafkaRig(StreamRig, Breakable):
    def __init__(self, made: Topic, relay: Relay) -> None:
        super().__init__()
        self.topic = made
        self.relay = relay

    def stream(self) -> KafkaSource:
        return KafkaSource(KafkaOptions(bootstrap_servers=[f"127.0.0.1:{self.relay.port}"], topic=self.topic.name))

    async def send(self, messages: Sequence[Message]) -> None:
        await self.topic.produce(
            [Sent(m.body.encode(), m.lane.encode() if m.lane else None, self.place(m)) for m in messages]
        )

    async def cut(self) -> None:
        await self.relay.cut()

    async def mend(self) -> None:
        await self.relay.mend()


@contextlib.asynccontextmanager
async def kafka_rig(broker: Broker) -> AsyncIterator[KafkaRig]:
    relay = Relay(broker.relayed_port)
    relay.port = broker.relay_port  # where the broker says that it is
    with topic([f"127.0.0.1:{broker.port}"], KafkaRig.partitions) as made:
        async with relay:
            yield KafkaRig(made, relay)
