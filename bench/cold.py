"""(c) Cold start of an environment against a bare ``python -m awslambdaric`` that talks to a Runtime API of three lines.

Both from starting the process to its first ``next`` (INIT is over) and to its first answer, with the same interpreter and handler.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import uvloop

from bench.figures import Figure, Line, Rounds, Skipped
from bench.in_process import PAYLOAD, SPEC, driver, invocation
from bench.pollerd import FUNCTION
from bench.programs import Failed
from bench.run import Bench
from poller.wire.http import Exchange, HttpConnection, Request

BUDGET_MS = 30
"""Over the bare start."""
SECONDS = 30.0
STAGES = ("first next", "first response")


def measure(bench: Bench) -> Iterator[Line | Skipped]:
    """Rounds of the two in turn, in this process."""
    seen = {stage: Rounds() for stage in STAGES}
    with bench.folder() as folder:
        uvloop.run(_rounds(bench, folder, seen))
    for stage in STAGES:
        ours, bare = seen[stage].figure("ours"), seen[stage].figure("bare")
        over = Figure(tuple(one - other for one, other in zip(ours.samples, bare.samples, strict=True)))
        yield Line(
            letter="c",
            path=f"cold start to {stage}",
            unit="ms",
            ours=ours,
            peer="bare awslambdaric",
            theirs=bare,
            budget=f"≤ {BUDGET_MS} ms over it",
            met=over.median <= BUDGET_MS,
            note=f"{over.median:+.1f} ms over the bare start in the median round",
        )


async def _rounds(bench: Bench, folder: Path, seen: dict[str, Rounds]) -> None:
    await _ours(folder)  # the runtime's folder is made once in a daemon's life
    for _ in range(bench.size(15, 5)):
        for name, times in (("ours", await _ours(folder)), ("bare", await _bare())):
            for stage, value in zip(STAGES, times, strict=True):
                seen[stage].add(name, value)
    bench.say("(c) cold starts done")


async def _ours(folder: Path) -> tuple[float, float]:
    """Milliseconds to each stage."""
    async with driver(folder) as (made, _):
        began = time.perf_counter()
        environment = made.environment(SPEC)
        try:
            await environment.start()
            ready = time.perf_counter()
            result = await environment.invoke(invocation())
            answered = time.perf_counter()
        finally:
            await environment.stop()
    if not result.ok:
        raise Failed(f"the function failed: {result.payload.decode()}")
    return (ready - began) * 1000, (answered - began) * 1000


async def _bare() -> tuple[float, float]:
    """Milliseconds to each stage."""
    stub = _Stub()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: HttpConnection(stub, max_body=1024), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    env = {**os.environ, "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}", "LAMBDA_TASK_ROOT": str(FUNCTION)}
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "awslambdaric", "app.handler", cwd=FUNCTION, env=env
    )
    try:
        async with asyncio.timeout(SECONDS):
            ready, answered = await stub.ready, await stub.answered
    finally:
        process.kill()
        await process.wait()
        server.close()
    return (ready - began) * 1000, (answered - began) * 1000


class _Stub:
    """A Runtime API of one event; the second ``next`` waits for ever."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.ready: asyncio.Future[float] = loop.create_future()
        self.answered: asyncio.Future[float] = loop.create_future()

    def admits(self, _connection: HttpConnection) -> bool:
        return True

    def on_request(self, request: Request, exchange: Exchange) -> None:
        if request.method == b"POST":
            exchange.respond(202, (), b"")
            self.answered.set_result(time.perf_counter())
        elif not self.ready.done():
            self.ready.set_result(time.perf_counter())
            headers = [
                (b"Lambda-Runtime-Aws-Request-Id", b"00000000-0000-0000-0000-000000000000"),
                (b"Lambda-Runtime-Deadline-Ms", b"%d" % ((time.time() + SECONDS) * 1000)),
                (b"Lambda-Runtime-Invoked-Function-Arn", SPEC.arn.encode()),
                (b"Content-Type", b"application/json"),
            ]
            exchange.respond(200, headers, PAYLOAD)

    def on_truncated(self, request: Request, exchange: Exchange) -> None:
        pass

    def on_closed(self, connection: HttpConnection) -> None:
        pass
