"""(k) Redis Streams -> function, batches of 100 and 1,000, against a bare XREADGROUP + XACK loop on the same server."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import redis

from bench import pollerd
from bench.figures import Line, Skipped
from bench.programs import Failed, Program, running
from bench.run import Bench
from bench.sqs_server import BODY
from bench.stream_race import Heat, Race
from tests import servers
from tests.redis_servers import redis as redis_server

LOOP_FILE = Path(__file__).with_name("consumers") / "redis_loop.py"
LOOP = "bare redis-py loop"
BUDGET = 0.7
SIZES = (100, 1000)
PORTION = 1000
STREAM = "work"


def measure(bench: Bench) -> Iterator[Line | Skipped]:
    """One server and one stream for all; each reader is a group of its own."""
    count = bench.size(150_000, 50_000)
    with bench.folder() as folder, _server(folder) as server:
        _fill(server.port, count)
        for size in SIZES:
            race = Race(
                letter="k",
                path=f"Redis Streams -> function, batch {size:,}",
                count=count,
                ours=partial(_ours, server.port, size),
                peers={LOOP: partial(_bare_loop, server.port, size)},
                judged={LOOP: BUDGET},
            )
            yield from race.lines(bench, bench.size(3, 1))


@contextlib.contextmanager
def _server(folder: Path) -> Iterator[servers.Server]:
    try:
        server = redis_server(folder)
        server.start()
    except servers.Unavailable as error:
        raise Failed(str(error)) from error
    try:
        yield server
    finally:
        server.kill()


def _fill(port: int, count: int) -> None:
    with contextlib.closing(redis.Redis(port=port)) as client:
        for first in range(0, count, PORTION):
            with client.pipeline(transaction=False) as portion:
                for _ in range(min(PORTION, count - first)):
                    portion.xadd(STREAM, {"body": BODY})
                portion.execute()


@contextlib.contextmanager
def _ours(port: int, size: int, heat: Heat) -> Iterator[Program]:
    source = {"type": "redis-stream", "port": port, "stream": STREAM, "group": heat.reader, "data_field": "body"}
    mapping = {"source": source, "batch_size": size, "starting_position": "TRIM_HORIZON"}
    with pollerd.daemon(heat.folder, pollerd.configuration(heat.folder, "", {"work": mapping}, heat.tally)) as program:
        yield program


def _bare_loop(port: int, size: int, heat: Heat) -> AbstractContextManager[Program]:
    command = [sys.executable, str(LOOP_FILE), *heat.arguments(port=port, stream=STREAM, batch=size)]
    return running(command, log=heat.folder / "redis-py.log")
