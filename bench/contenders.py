"""Who empties a queue, and how fast: ours and the others, each against a fresh server.

The rate is of the records after the first fifth (tally.py), from the batch that ended that fifth to the queue being empty, deletes included.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from bench import pollerd
from bench.peers import sqs_consumer
from bench.programs import Failed, Program, running, until
from bench.run import Bench
from bench.sqs_server import KEYS, SqsServer, sqs_server
from bench.tally import WARM_UP, Tally

CONSUMER = Path(__file__).parent / "consumers" / "sqs_consumer.mjs"
DRAIN_SECONDS = 90


@dataclass(frozen=True, slots=True)
class Scene:
    """One run's set: queue is the one to empty."""

    folder: Path
    server: SqsServer
    queue: str
    tally: Path


Contender = Callable[[Scene], AbstractContextManager[Program]]


def ours(batch_size: int, window: float = 0) -> Contender:
    """Our daemon with one mapping, nothing tuned."""
    mapping = {
        "source": {"type": "sqs", "queue": "work"},
        "batch_size": batch_size,
        "maximum_batching_window_seconds": window,
    }

    def start(scene: Scene) -> AbstractContextManager[Program]:
        settings = pollerd.configuration(scene.folder, scene.server.url, {"work": mapping}, scene.tally)
        return pollerd.daemon(scene.folder, settings)

    return start


def bare_loop(loops: int) -> Contender:
    """consumers/loop.py with so many loops side by side."""

    def start(scene: Scene) -> AbstractContextManager[Program]:
        command = [sys.executable, "-m", "bench.consumers.loop", "--endpoint", scene.server.url]
        command += ["--queue", scene.queue, "--tally", str(scene.tally), "--loops", str(loops)]
        return running(command, log=scene.folder / "loop.log", env=KEYS)

    return start


def npm_consumer(scene: Scene) -> AbstractContextManager[Program]:
    """npm's sqs-consumer. Raises Unavailable."""
    command = ["node", str(CONSUMER), str(sqs_consumer()), scene.server.url, scene.queue, str(scene.tally)]
    return running(command, log=scene.folder / "sqs-consumer.log", env=KEYS)


@contextlib.contextmanager
def ministack_mapping(scene: Scene) -> Iterator[Program]:
    """MiniStack's own Lambda and mapping, inside the server; its poller calls no SQS API at all."""
    scene.server.map_to_function(scene.queue, pollerd.FUNCTION, {"TALLY": str(scene.tally)}, batch_size=10)
    yield scene.server.program


def records_a_second(bench: Bench, contender: Contender, count: int) -> float:
    """Empty a queue of so many messages. Raises Failed, Unavailable."""
    with bench.folder() as folder, sqs_server(folder) as server:
        (queue,) = server.make_queues(["work"])
        server.fill(queue, count)
        tally = Tally(folder / "tally")
        with contender(Scene(folder, server, queue, tally.path)) as program:
            until(lambda: tally.total() >= count, "handling", seconds=DRAIN_SECONDS, program=program, every=0.05)
            ended = server.until_empty(queue)
        if tally.total() != count:
            raise Failed(f"handlers saw {tally.total()} records of {count}")
        began, timed = tally.since(WARM_UP)
        return timed / (ended - began)
