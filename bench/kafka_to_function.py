"""(j) Kafka -> function at batches of 1 to 10,000, against bare loops and FastStream over the same topic."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

from bench import pollerd
from bench.figures import Line, Skipped
from bench.kafka_server import KafkaServer, kafka_server
from bench.peers import kafka_clients
from bench.programs import Program, running
from bench.run import Bench
from bench.stream_race import Heat, Race

CONSUMERS = Path(__file__).with_name("consumers")
BUDGET = 0.7
LOOP = "bare kafka-python loop"
BUDGETS = {100: {LOOP: BUDGET}, 1000: {LOOP: BUDGET}}
"""Batch size -> what is judged at it."""
COUNTS = {1: (4_000, 2_000), 100: (150_000, 100_000), 1000: (200_000, 100_000), 10_000: (200_000, 100_000)}
"""Batch size -> records, and in a quick run. All clients fetch up to 1 MB a partition ahead, here some 40,000 records in all."""
NOTE = "of the peers only FastStream calls a function, in its own process; the loops read and count"


def measure(bench: Bench) -> Iterator[Line | Skipped]:
    """One broker for all; one topic for each batch size, read by all."""
    with bench.folder() as folder, kafka_server(folder) as server:
        for size, counts in COUNTS.items():
            topic = server.filled(bench.size(*counts))
            yield from _race(server, topic, size, bench.size(*counts)).lines(bench, bench.size(3, 1))


def _race(server: KafkaServer, topic: str, size: int, count: int) -> Race:
    return Race(
        letter="j",
        path=f"Kafka -> function, batch {size:,}",
        count=count,
        ours=partial(_ours, server, topic, size),
        peers={
            LOOP: partial(_bare_loop, server, topic, size),
            "aiokafka loop": partial(_peer, "aiokafka_loop.py", server, topic, size),
            "FastStream, in-process": partial(_peer, "faststream_batches.py", server, topic, size),
        },
        judged=BUDGETS.get(size, {}),
        note=NOTE,
    )


@contextlib.contextmanager
def _ours(server: KafkaServer, topic: str, size: int, heat: Heat) -> Iterator[Program]:
    source = {
        "type": "kafka",
        "bootstrap_servers": server.servers,
        "topic": topic,
        "consumer_group_id": heat.reader,
    }
    mapping = {"source": source, "batch_size": size, "starting_position": "TRIM_HORIZON"}
    with pollerd.daemon(heat.folder, pollerd.configuration(heat.folder, "", {"work": mapping}, heat.tally)) as program:
        yield program


def _bare_loop(server: KafkaServer, topic: str, size: int, heat: Heat) -> AbstractContextManager[Program]:
    command = [sys.executable, str(CONSUMERS / "kafka_loop.py"), *_arguments(server, topic, size, heat)]
    return running(command, log=heat.folder / "kafka-python.log")


def _peer(program: str, server: KafkaServer, topic: str, size: int, heat: Heat) -> AbstractContextManager[Program]:
    """One of the clients that are not ours. Raises Unavailable."""
    command = [str(kafka_clients()), str(CONSUMERS / program), *_arguments(server, topic, size, heat)]
    return running(command, log=heat.folder / f"{Path(program).stem}.log")


def _arguments(server: KafkaServer, topic: str, size: int, heat: Heat) -> list[str]:
    return heat.arguments(servers=",".join(server.servers), topic=topic, batch=size)
