"""Topics for tests, as their producers and operators see them: through librdkafka, a client by other hands.

Clients live for one call each, so that no connection of theirs breaks or is left in a test. Blocking, except where it says otherwise.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic  # type: ignore[attr-defined]  # its stubs lack it

PATIENCE = 30.0


@dataclass(frozen=True)
class Sent:
    """What is to be produced."""

    value: bytes | None
    key: bytes | None = None
    partition: int = 0
    headers: Sequence[tuple[str, str | bytes | None]] = field(default=())


class Topic:
    """One topic."""

    def __init__(self, name: str, servers: Sequence[str]) -> None:
        self.name = name
        self.servers = list(servers)

    def send(self, messages: Sequence[Sent], **config: Any) -> None:
        """Append; returns when all are stored. config: the producer's."""
        producer = Producer(client(self.servers, acks="all", **{"linger.ms": 0, **config}))
        put(producer, self.name, messages)
        if producer.flush(PATIENCE):
            raise TimeoutError(f"{len(producer)} of {len(messages)} messages were not stored")

    async def produce(self, messages: Sequence[Sent], **config: Any) -> None:
        """The same, without blocking."""
        await asyncio.to_thread(self.send, messages, **config)

    def trim(self, offset: int) -> None:
        """Delete what is before an offset of partition 0, as retention would."""
        admin = self._admin()
        _done(admin.delete_records([TopicPartition(self.name, 0, offset)]))

    def grow(self, partitions: int) -> None:
        """Have more partitions."""
        admin = self._admin()
        _done(admin.create_partitions([NewPartitions(self.name, partitions)]))

    def make(self, partitions: int = 3, replicas: int = 1) -> None:
        """Make it, and wait until all its partitions have leaders."""
        admin = self._admin()
        _done(admin.create_topics([NewTopic(self.name, partitions, replicas)]))
        while (
            sum(part.leader >= 0 for part in admin.list_topics(self.name).topics[self.name].partitions.values())
            < partitions
        ):
            pass

    def delete(self) -> None:
        """Delete it, and wait until it is gone."""
        admin = self._admin()
        _done(admin.delete_topics([self.name]))
        while self.exists():
            pass

    def exists(self) -> bool:
        """Whether the cluster knows it; asking for all does not make it."""
        return self.name in self._admin().list_topics(timeout=PATIENCE).topics

    def _admin(self) -> AdminClient:
        return AdminClient(client(self.servers))


@contextlib.contextmanager
def topic(servers: Sequence[str], partitions: int = 3, *, replicas: int = 1) -> Iterator[Topic]:
    """Make one of a name of its own."""
    made = unmade(servers)
    made.make(partitions, replicas)
    yield made


def unmade(servers: Sequence[str]) -> Topic:
    """A topic that is not there."""
    return Topic(f"topic-{uuid.uuid4().hex[:12]}", servers)


def client(servers: Sequence[str], **config: Any) -> dict[str, Any]:
    """Configuration of a client that keeps its troubles to itself: brokers are not there yet, or not any more."""
    return {"bootstrap.servers": ",".join(servers), "log_level": 0, **config}


def put(producer: Producer, name: str, messages: Sequence[Sent]) -> None:
    for message in messages:
        producer.produce(name, message.value, message.key, message.partition, headers=list(message.headers))


def _done(futures: object) -> None:
    """Wait for what was asked of an operator's client, which has to live until then."""
    for future in futures.values():  # type: ignore[attr-defined]  # its stubs say object
        future.result(PATIENCE)
