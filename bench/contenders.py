"""Who empties a queue, and how fast: ours and the others, each against a fresh server.

The rate is that of the handlers, between a fifth and nine tenths of the records (tally.py). Then the queue must become empty, deletes
included; how long that takes is the tail.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from bench import pollerd
from bench.peers import sqs_consumer
from bench.programs import Failed, Program, running, until
from bench.run import Bench
from bench.sqs_server import KEYS, SqsServer, sqs_server
from bench.tally import TAIL, WARM_UP, Tally

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


def ours(batch_size: int, window: float = 0, *, idle: Sequence[str] = (), opened: bool = False) -> Contender:
    """Our daemon with one mapping, nothing tuned, and further mappings on idle queues. opened: begin when all of them poll."""
    busy = {
        "source": {"type": "sqs", "queue": "work"},
        "batch_size": batch_size,
        "maximum_batching_window_seconds": window,
    }

    @contextlib.contextmanager
    def start(scene: Scene) -> Iterator[Program]:
        scene.server.make_queues(idle)
        mappings = {name: {"source": {"type": "sqs", "queue": name}} for name in idle}
        settings = pollerd.configuration(scene.folder, scene.server.url, {"work": busy, **mappings}, scene.tally)
        with pollerd.daemon(scene.folder, settings) as program:
            if opened:
                pollerd.until_ready(program, settings)
            yield program

    return start


def bare_loop(loops: int, *, idle: Sequence[str] = ()) -> Contender:
    """consumers/loop.py with so many loops side by side, and long polls parked on idle queues."""

    def start(scene: Scene) -> AbstractContextManager[Program]:
        command = [sys.executable, "-m", "bench.consumers.loop", "--endpoint", scene.server.url]
        command += ["--queue", scene.queue, "--tally", str(scene.tally), "--loops", str(loops)]
        command += ["--parked", *scene.server.make_queues(idle)]
        return running(command, log=scene.folder / "loop.log", env=KEYS)

    return start


def npm_consumer(scene: Scene) -> AbstractContextManager[Program]:
    """Run npm's sqs-consumer. Raises Unavailable."""
    command = ["node", str(CONSUMER), str(sqs_consumer()), scene.server.url, scene.queue, str(scene.tally)]
    return running(command, log=scene.folder / "sqs-consumer.log", env=KEYS)


@contextlib.contextmanager
def ministack_mapping(scene: Scene) -> Iterator[Program]:
    """MiniStack's own Lambda and mapping, inside the server; its poller calls no SQS API at all."""
    arn = scene.server.queue_arn(scene.queue)
    scene.server.map_to_function(arn, pollerd.FUNCTION, {"TALLY": str(scene.tally)}, batch_size=10)
    yield scene.server.program


@dataclass(frozen=True, slots=True)
class Drained:
    """tail_seconds: from 90 % handled to an empty queue; None where records were left on it."""

    rate: float
    tail_seconds: float | None


def drain(
    bench: Bench, contender: Contender, count: int, *, enough: int | None = None, filled_first: bool = True
) -> Drained:
    """Empty a queue of so many messages, or handle ``enough`` of them. Raises Failed, Unavailable.

    filled_first: before the contender starts; else once it is polling, and then the first half of the records is not timed.
    """
    with bench.folder() as folder, sqs_server(folder) as server:
        (queue,) = server.make_queues(["work"])
        tally = Tally.made(folder / "shared")
        if filled_first:
            server.fill(queue, count)
        with contender(Scene(folder, server, queue, tally.path)) as program:
            if not filled_first:
                server.fill(queue, 10)
                _until_handled(tally, 10, program)
                server.fill(queue, count - 10)
            _until_handled(tally, enough or count, program)
            ended = server.until_empty(queue) if enough in {None, count} else None
        if ended is not None and tally.total() != count:
            raise Failed(f"handlers saw {tally.total()} records of {count}")
        rate = tally.rate(WARM_UP if filled_first else 0.5, TAIL)
        return Drained(rate, ended - tally.at(TAIL)[0] if ended else None)


def _until_handled(tally: Tally, count: int, program: Program) -> None:
    until(lambda: tally.total() >= count, "handling", seconds=DRAIN_SECONDS, program=program, every=0.05)
