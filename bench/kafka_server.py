"""An Apache Kafka of our own: one broker in KRaft mode from Maven Central (tests/kafka_server.py), its topics, their filling."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.peers import CACHE
from bench.programs import Failed
from bench.sqs_server import BODY
from tests import servers
from tests.kafka_server import kafka
from tests.kafka_topics import Sent, Topic

PARTITIONS = 4
LINGER_MS = 50
"""The producer's: so batches are of a size that a busy topic has, some hundred records each."""
PORTION = 50_000
"""Records between two waits for the broker: what a producer keeps by default is 100,000."""
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class KafkaServer:
    """The broker. servers: host:port."""

    servers: list[str]

    def filled(self, count: int) -> str:
        """A new topic with so many records of 100 bytes, keyed, spread evenly over its partitions; returns its name."""
        topic = Topic(f"work-{next(_numbers)}", self.servers)
        topic.make(PARTITIONS)
        messages = (Sent(BODY.encode(), b"k-%d" % (n % 1000), n % PARTITIONS) for n in range(count))
        while portion := list(itertools.islice(messages, PORTION)):
            topic.send(portion, **{"linger.ms": LINGER_MS})
        return topic.name


@contextlib.contextmanager
def kafka_server(folder: Path) -> Iterator[KafkaServer]:
    """One with nothing in it. folder: for its data. Raises Failed."""
    try:
        cluster = kafka(folder, CACHE)
        cluster.start()
    except servers.Unavailable as error:
        raise Failed(str(error)) from error
    try:
        yield KafkaServer(cluster.servers)
    finally:
        cluster.kill()
