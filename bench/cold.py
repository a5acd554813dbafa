"""(c) Cold start of an environment against a bare ``python -m awslambdaric`` that talks to a Runtime API of three lines.

All from starting the process to its first ``next`` (INIT is over) and to its first answer, with the same interpreter and handler. Ours
with the sandbox that this host allows, from nothing and from a spare, in each kind of network.
"""

from __future__ import annotations

import asyncio
import dataclasses
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
from poller.execution.contract import FunctionSpec
from poller.execution.environment.environment import ProcessEnvironment
from poller.execution.process import ProcessDriver
from poller.execution.sandbox import procfs
from poller.wire.http import Exchange, HttpConnection, Request

FROM_SPARE = "start from a spare"
BUDGETS_MS = {"cold start": 30, FROM_SPARE: 15}
"""Over the bare start."""
NETWORKS = ("none", "host-egress", "shared")
TOGETHER = 8
SECONDS = 30.0
UP_SECONDS = 0.3
"""From a spare's process to its interpreter having loaded the client, with room; a spare that is taken earlier goes on from where it is."""
STAGES = ("first next", "first response")
BARE = "bare"


def measure(bench: Bench) -> Iterator[Line | Skipped]:
    """Rounds of all ways in turn, in this process."""
    seen = {stage: Rounds() for stage in STAGES}
    with bench.folder() as folder:
        found = uvloop.run(_rounds(bench, folder, seen))
    for path in found.paths:
        for stage in STAGES:
            yield _line(path, stage, seen[stage], found.sandbox)
    yield Line(letter="c", path=f"memory of a warm environment, {TOGETHER} alive", unit="MB (PSS)", ours=found.memory)
    for network, reason in found.missing.items():
        yield Skipped(letter="c", path=f"cold start, network {network}", reason=reason)


@dataclasses.dataclass(frozen=True, slots=True)
class Found:
    """What this host could be measured with. paths: (kind of start, network). sandbox: the one in force, in words.

    memory: of each of some environments that live together.
    """

    paths: list[tuple[str, str]]
    missing: dict[str, str]
    sandbox: str
    memory: Figure


def _line(path: tuple[str, str], stage: str, seen: Rounds, sandbox: str) -> Line:
    kind, network = path
    ours, bare = seen.figure(f"{kind} {network}"), seen.figure(BARE)
    over = Figure(tuple(one - other for one, other in zip(ours.samples, bare.samples, strict=True)))
    return Line(
        letter="c",
        path=f"{kind}, network {network}, to {stage}",
        unit="ms",
        ours=ours,
        peer="bare awslambdaric",
        theirs=bare,
        budget=f"≤ {BUDGETS_MS[kind]} ms over it",
        met=over.median <= BUDGETS_MS[kind],
        note=f"{over.median:+.1f} ms over the bare start in the median round; sandbox: {sandbox}",
    )


async def _rounds(bench: Bench, folder: Path, seen: dict[str, Rounds]) -> Found:
    async with driver(folder) as (made, _):
        missing = {network: reason for network in NETWORKS if (reason := made.isolation.problem(network))}
        networks = [network for network in NETWORKS if network not in missing]
        paths = [(kind, network) for kind in BUDGETS_MS for network in networks]
        await _ours(made, SPEC)  # the runtime's folder is made once in a daemon's life
        for _ in range(bench.size(15, 5)):
            for kind, network in paths:
                _add(seen, f"{kind} {network}", await _start(made, kind, network))
            _add(seen, BARE, await _bare())
        bench.say("(c) cold starts done")
        return Found(paths, missing, made.isolation.description, await _memory(made))


def _add(seen: dict[str, Rounds], name: str, times: tuple[float, float]) -> None:
    for stage, value in zip(STAGES, times, strict=True):
        seen[stage].add(name, value)


async def _start(made: ProcessDriver, kind: str, network: str) -> tuple[float, float]:
    """One start of a kind. A spare is ready before, and the next one after: its making is not to be in anybody's time."""
    spec = dataclasses.replace(SPEC, name=f"{SPEC.name}-{network}", network=network)
    if kind != FROM_SPARE:
        return await _ours(made, spec)
    spec = dataclasses.replace(spec, prefork=1)
    if not made.spares().get(spec.name):
        await _ours(made, spec)
        await _stocked(made, spec)
    times = await _ours(made, spec)
    await _stocked(made, spec)
    return times


async def _memory(made: ProcessDriver) -> Figure:
    """Of warm environments: what several share, each has its part of."""
    environments = [made.environment(SPEC) for _ in range(TOGETHER)]
    try:
        for environment in environments:
            await environment.start()
            await environment.invoke(invocation())
        pids = [environment.pid for environment in environments if isinstance(environment, ProcessEnvironment)]
        return Figure([procfs.own_memory(pid) / 1e6 for pid in pids if pid is not None])
    finally:
        for environment in environments:
            await environment.stop()


async def _stocked(made: ProcessDriver, spec: FunctionSpec) -> None:
    async with asyncio.timeout(SECONDS):
        while not made.spares().get(spec.name):  # noqa: ASYNC110  # a driver tells nobody of it
            await asyncio.sleep(0.01)
    await asyncio.sleep(UP_SECONDS)


async def _ours(made: ProcessDriver, spec: FunctionSpec) -> tuple[float, float]:
    """Milliseconds to each stage."""
    began = time.perf_counter()
    environment = made.environment(spec)
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
