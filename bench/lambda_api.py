"""(n) The Lambda API: Invoke from boto3, one at a time, against MiniStack and RIE; and many functions and mappings made, listed, deleted.

The client is most of an invocation's time: what it costs by itself is in no figure, since all sides have it.
"""

from __future__ import annotations

import io
import sys
import time
import zipfile
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import boto3
from botocore.config import Config

from bench.figures import Figure, Line, Rounds, Skipped, in_turn, ratio
from bench.peers import Unavailable
from bench.pollerd import FUNCTION, RUNTIME, configuration, daemon, until_ready
from bench.programs import Failed, free_port
from bench.run import Bench
from bench.sqs_server import KEYS, REGION, sqs_server
from bench.warm import Server, emulated

OURS, MINISTACK, EMULATOR = "pollerd", "MiniStack", "RIE"
UNITS = {"rate": "invocations/s", "p50": "p50, µs", "p99": "p99, µs"}
WARM_UP = 50
BUDGET = 30
"""Times MiniStack's rate."""


def measure(bench: Bench) -> Iterator[Line | Skipped]:
    """Rounds of all sides in turn; then the objects, ours alone."""
    count = bench.size(1000, 200)
    sides = {
        OURS: partial(_ours, bench, count),
        MINISTACK: partial(_ministack, bench, count),
        EMULATOR: partial(_emulator, bench, count),
    }
    try:
        seen = in_turn(bench.size(5, 2), sides, UNITS)
    except (Unavailable, Failed) as error:
        yield Skipped(letter="n", path="Invoke from boto3", reason=str(error))
    else:
        yield from (_line(key, peer, seen[key]) for peer in (MINISTACK, EMULATOR) for key in UNITS)
    bench.say("(n) Invoke done")
    yield from _objects(bench, bench.size(1000, 100))


def _line(key: str, peer: str, seen: Rounds) -> Line:
    ours, theirs = seen.figure(OURS), seen.figure(peer)
    rated = key == "rate" and peer == MINISTACK
    return Line(
        letter="n",
        path="Invoke from boto3",
        unit=UNITS[key],
        ours=ours,
        peer=peer,
        theirs=theirs,
        budget=f"≥ {BUDGET} times" if rated else "",
        met=ratio(ours, theirs) >= BUDGET if rated else None,
    )


def _ours(bench: Bench, count: int) -> Mapping[str, float]:
    with bench.folder() as folder:
        settings = configuration(folder, "", {}, folder / "tally")
        settings["functions"] = {"function": {"code": str(FUNCTION), "runtime": RUNTIME, "handler": "app.handler"}}
        with daemon(folder, settings) as program:
            until_ready(program, settings)
            port = int(settings["http"]["listen"].rpartition(":")[2])
            return _driven(Server(program, port, folder), count)


def _ministack(bench: Bench, count: int) -> Mapping[str, float]:
    with bench.folder() as folder, sqs_server(folder) as server:
        server.make_function("function", FUNCTION, {})
        return _driven(Server(server.program, int(server.url.rpartition(":")[2]), folder), count)


def _emulator(bench: Bench, count: int) -> Mapping[str, float]:
    with emulated(bench, [sys.executable, "-m", "awslambdaric", "app.handler"]) as server:
        return _driven(server, count)


def _driven(server: Server, count: int) -> Mapping[str, float]:
    return server.run("bench.consumers.boto3_invoke", [str(count), str(WARM_UP)])


def _objects(bench: Bench, count: int) -> Iterator[Line]:
    """So many functions, and a mapping for each, which is disabled; seconds."""
    with bench.folder() as folder:
        settings = configuration(folder, "http://127.0.0.1:1", {}, folder / "tally") | {"functions": {}}
        with daemon(folder, settings) as program:
            until_ready(program, settings)
            took = _make(settings["http"]["listen"], count)
        settings["http"] = {"listen": f"127.0.0.1:{free_port()}"}
        began = time.time()
        with daemon(folder, settings) as program:
            took["start"] = until_ready(program, settings) - began
            took |= _delete(settings["http"]["listen"])
    words = {"make": "made", "list": "listed", "start": "there at a start", "delete": "deleted"}
    for key, word in words.items():
        path = f"{count:,} functions and {count:,} mappings {word}"
        yield Line(letter="n", path=path, unit="s", ours=Figure((took[key],)))


def _client(listen: str) -> Any:
    keys = {name.lower(): value for name, value in KEYS.items() if name.startswith("AWS_") and "REGION" not in name}
    config = Config(retries={"total_max_attempts": 1})
    return boto3.client("lambda", region_name=REGION, endpoint_url=f"http://{listen}", config=config, **keys)


def _make(listen: str, count: int) -> dict[str, float]:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(FUNCTION / "app.py", "app.py")
    client = _client(listen)
    began = time.perf_counter()
    for number in range(count):
        client.create_function(
            FunctionName=f"f{number}",
            Runtime=RUNTIME,
            Role="arn:aws:iam::000000000000:role/bench",
            Handler="app.handler",
            Code={"ZipFile": packed.getvalue()},
        )
        stream = f"arn:pollerd:memory-stream:{REGION}:000000000000:stream=s{number}"
        client.create_event_source_mapping(FunctionName=f"f{number}", EventSourceArn=stream, Enabled=False)
    made = time.perf_counter() - began
    began = time.perf_counter()
    names, mappings = _everything(client)
    if (len(names), len(mappings)) != (count, count):
        raise Failed(f"{count} functions and mappings were made, {len(names)} and {len(mappings)} are listed")
    client.close()
    return {"make": made, "list": time.perf_counter() - began}


def _everything(client: Any) -> tuple[list[str], list[str]]:
    functions = client.get_paginator("list_functions").paginate()
    mappings = client.get_paginator("list_event_source_mappings").paginate()
    return (
        [each["FunctionName"] for page in functions for each in page["Functions"]],
        [each["UUID"] for page in mappings for each in page["EventSourceMappings"]],
    )


def _delete(listen: str) -> dict[str, float]:
    client = _client(listen)
    names, mappings = _everything(client)
    began = time.perf_counter()
    for each in mappings:
        client.delete_event_source_mapping(UUID=each)
    for name in names:
        client.delete_function(FunctionName=name)
    took = time.perf_counter() - began
    client.close()
    return {"delete": took}
