"""(l) Kinesis -> function at parallelization factors of 1, 4 and 10, against MiniStack's own mapping; a batch takes the handler 20 ms.

One shard, so what is measured is how much of the waiting runs side by side. MiniStack's mapping reads the server's memory without any
request; it takes the factor, and runs one batch after the other all the same (observed, 2026-11-25, MiniStack 1.4).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import partial

from bench import pollerd
from bench.figures import Line, Skipped
from bench.programs import Program
from bench.run import Bench
from bench.sqs_server import BODY, SqsServer, sqs_server
from bench.stream_race import Heat, Race

FACTORS = (1, 4, 10)
BATCH = 100
PAUSE = 0.02
KEYS = 1000
PORTION = 500
STREAM = "work"
PEER = "MiniStack's mapping"
NOTE = "MiniStack's mapping has one batch under way whatever the factor"


def measure(bench: Bench) -> Iterator[Line | Skipped]:
    """Every run has a server of its own."""
    count = bench.size(20_000, 10_000)
    for factor in FACTORS:
        race = Race(
            letter="l",
            path=f"Kinesis -> function, {PAUSE * 1000:.0f} ms a batch of {BATCH}, factor {factor}",
            count=count,
            ours=partial(_ours, count, factor),
            peers={PEER: partial(_ministack, count, factor)},
            note=NOTE,
        )
        yield from race.lines(bench, bench.size(2, 1))


@contextlib.contextmanager
def _ours(count: int, factor: int, heat: Heat) -> Iterator[Program]:
    mapping = {
        "source": {"type": "kinesis", "stream": STREAM},
        "batch_size": BATCH,
        "parallelization_factor": factor,
        "starting_position": "TRIM_HORIZON",
    }
    with sqs_server(heat.folder) as server:
        _fill(server, count)
        settings = pollerd.configuration(heat.folder, server.url, {"work": mapping}, heat.tally, pause=PAUSE)
        with pollerd.daemon(heat.folder, settings) as program:
            yield program


@contextlib.contextmanager
def _ministack(count: int, factor: int, heat: Heat) -> Iterator[Program]:
    with sqs_server(heat.folder) as server:
        arn = _fill(server, count)
        server.map_to_function(
            arn,
            pollerd.FUNCTION,
            {"TALLY": str(heat.tally), "PAUSE": str(PAUSE)},
            batch_size=BATCH,
            StartingPosition="TRIM_HORIZON",
            ParallelizationFactor=factor,
        )
        yield server.program


def _fill(server: SqsServer, count: int) -> str:
    """Make the stream, of one shard, and put records of 100 bytes and many keys on it; returns its ARN."""
    kinesis = server.client("kinesis")
    kinesis.create_stream(StreamName=STREAM, ShardCount=1)
    kinesis.get_waiter("stream_exists").wait(StreamName=STREAM, WaiterConfig={"Delay": 1})
    for first in range(0, count, PORTION):
        numbers = range(first, min(first + PORTION, count))
        entries = [{"Data": BODY.encode(), "PartitionKey": f"k-{number % KEYS}"} for number in numbers]
        kinesis.put_records(StreamName=STREAM, Records=entries)
    arn: str = kinesis.describe_stream_summary(StreamName=STREAM)["StreamDescriptionSummary"]["StreamARN"]
    return arn
