"""Topics for tests, as their producers and operators see them. Blocking, except where it says otherwise."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from kafka import KafkaAdminClient, KafkaProducer, TopicPartition
from kafka.admin import NewTopic

PATIENCE_MS = 30_000


@dataclass(frozen=True)
class Sent:
    """What is to be produced."""

    value: bytes | None
    key: bytes | None = None
    partition: int = 0
    headers: Sequence[tuple[str, bytes | None]] = field(default=())


class Topic:
    """One topic and a producer for it."""

    def __init__(self, name: str, servers: Sequence[str], producer: Any) -> None:
        self.name = name
        self.servers = list(servers)
        self._producer = producer

    def send(self, messages: Sequence[Sent]) -> None:
        """Append; returns when all are stored."""
        sent = [
            self._producer.send(self.name, key=m.key, value=m.value, headers=list(m.headers), partition=m.partition)
            for m in messages
        ]
        self._producer.flush(PATIENCE_MS / 1000)
        for future in sent:
            future.get(timeout=0)

    async def produce(self, messages: Sequence[Sent]) -> None:
        """The same, without blocking."""
        await asyncio.to_thread(self.send, messages)

    def trim(self, partition: int, offset: int) -> None:
        """Delete what is before an offset, as retention would."""
        with admin(self.servers) as client:
            client.delete_records({TopicPartition(self.name, partition): offset}, timeout_ms=PATIENCE_MS)


@contextlib.contextmanager
def topic(servers: Sequence[str], partitions: int = 3, *, replicas: int = 1, **producer: Any) -> Iterator[Topic]:
    """Make one of a name of its own. producer: the producer's configuration."""
    name = f"topic-{uuid.uuid4().hex[:12]}"
    make_topic(servers, name, partitions, replicas)
    sender = KafkaProducer(bootstrap_servers=list(servers), acks="all", metrics_enabled=False, **producer)
    try:
        yield Topic(name, servers, sender)
    finally:
        sender.close(5)


def make_topic(servers: Sequence[str], name: str, partitions: int = 3, replicas: int = 1) -> None:
    with admin(servers) as client:
        client.create_topics([NewTopic(name, partitions, replicas)], timeout_ms=PATIENCE_MS)


@contextlib.contextmanager
def admin(servers: Sequence[str]) -> Iterator[Any]:
    client = KafkaAdminClient(bootstrap_servers=list(servers))
    try:
        yield client
    finally:
        client.close()
