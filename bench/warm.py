"""(b) Warm invoke, one environment, 100 bytes, one at a time, against AWS's runtime interface emulator (RIE).

The same interpreter and the same awslambdaric on both sides. RIE is driven through its HTTP port; ours twice: by a call in the
process that serves the Runtime API, which is the way of a record from a queue, and through an HTTP front (consumers/door.py)
with the very client that drives RIE. Log lines are written on both sides.
"""

from __future__ import annotations

import contextlib
import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.figures import Line, Rounds, Skipped, ratio
from bench.peers import Unavailable, interface_emulator
from bench.pollerd import FUNCTION
from bench.programs import Failed, Program, free_port, listens, running, until
from bench.run import Bench
from bench.warm_sample import WARM_UP

Sample = Mapping[str, float]

DIRECT, DOOR, EMULATOR = "direct call", "HTTP front", "RIE"
CPU_BUDGET = 100
"""Microseconds of the daemon's CPU an invocation."""
UNITS = {"rate": "invocations/s", "p50": "p50, µs", "p99": "p99, µs", "cpu": "CPU, µs an invocation"}


def measure(bench: Bench) -> Iterator[Line | Skipped]:
    """Rounds of the three paths in turn."""
    rounds, count = bench.size(5, 2), bench.size(5000, 2000)
    seen = {key: Rounds() for key in UNITS}
    reason = ""
    for number in range(rounds):
        for name, run in {DIRECT: _direct, DOOR: door, EMULATOR: emulator}.items():
            if name == EMULATOR and reason:
                continue
            try:
                found = run(bench, count)
            except (Unavailable, Failed) as error:
                if name != EMULATOR:
                    raise
                reason = str(error)
                continue
            for key, value in found.items():
                seen[key].add(name, value)
            bench.say(f"(b) round {number + 1} of {rounds}: {name}: {found['rate']:,.0f}/s, p50 {found['p50']:.0f} µs")
    if reason:
        yield Skipped(letter="b", path="warm invoke: RIE", reason=reason)
    for name in (DIRECT, DOOR):
        yield from (_line(seen[key], key, name, peer=not reason) for key in UNITS)


def _line(seen: Rounds, key: str, name: str, *, peer: bool) -> Line:
    ours = seen.figure(name)
    theirs = seen.figure(EMULATOR) if peer else None
    budget, met = "", None
    if key == "cpu" and name == DIRECT:
        budget, met = f"≤ {CPU_BUDGET} µs", ours.median <= CPU_BUDGET
    elif key != "cpu" and theirs:
        more = key == "rate"
        budget = "more" if more else "less"
        met = (ratio(ours, theirs) > 1) is more
    path = f"warm invoke, {name}"
    return Line(
        letter="b",
        path=path,
        unit=UNITS[key],
        ours=ours,
        peer=EMULATOR if peer else "",
        theirs=theirs,
        budget=budget,
        met=met,
    )


def _direct(bench: Bench, count: int) -> Sample:
    with bench.folder() as folder:
        command = [sys.executable, "-m", "bench.consumers.direct", str(folder), str(count)]
        with running(command, log=folder / "direct.log") as program:
            return _parsed(program)


def door(bench: Bench, count: int, size: int = 0, warm_up: int = WARM_UP) -> Sample:
    """Ours through the HTTP front. size: bytes to be echoed, 0: the usual event."""
    with front(bench, "bench.consumers.door") as server:
        return server.driven("bench.consumers.invoke", count, size, warm_up)


def emulator(bench: Bench, count: int, size: int = 0, warm_up: int = WARM_UP) -> Sample:
    """The same of RIE. Raises Unavailable."""
    with emulated(bench, [sys.executable, "-m", "awslambdaric", "app.handler"]) as server:
        return server.driven("bench.consumers.invoke", count, size, warm_up)


@dataclass(frozen=True, slots=True)
class Server:
    """A program that invokes whatever is sent to its port. folder: for logs."""

    program: Program
    port: int
    folder: Path

    def driven(self, client: str, count: int, size: int, warm_up: int) -> Sample:
        """Figures of a client, and the server's CPU, measured from outside. The warm-up is left out of both by running the client twice.

        client: module, whose arguments are the port, how many invocations to time, a size, and how many to begin with.
        """
        command = [sys.executable, "-m", client, str(self.port)]
        self.until_up()
        with running([*command, "1", str(size), str(warm_up)], log=self.folder / "warm-up.log") as warming:
            warming.wait(60)
        before = self.program.cpu_seconds()
        with running([*command, str(count), str(size), str(warm_up)], log=self.folder / "client.log") as driving:
            found = _parsed(driving)
        cpu = (self.program.cpu_seconds() - before) / (count + warm_up)
        return {**found, "cpu": cpu * 1e6}

    def run(self, client: str, arguments: Sequence[str]) -> Sample:
        """Figures of a client alone. client: module, whose first argument is the port."""
        self.until_up()
        command = [sys.executable, "-m", client, str(self.port), *arguments]
        with running(command, log=self.folder / "client.log") as driving:
            return _parsed(driving)

    def until_up(self) -> None:
        """Wait until it can be reached."""
        until(lambda: listens(self.port), "the server's start", seconds=20, program=self.program)


@contextlib.contextmanager
def front(bench: Bench, module: str) -> Iterator[Server]:
    """One of our fronts: a program whose arguments are a state folder and a port."""
    port = free_port()
    with bench.folder() as folder:
        command = [sys.executable, "-m", module, str(folder), str(port)]
        with running(command, log=folder / "front.log") as program:
            yield Server(program, port, folder)


@contextlib.contextmanager
def emulated(bench: Bench, runtime: Sequence[str]) -> Iterator[Server]:
    """RIE in front of a runtime. Raises Unavailable."""
    port, runtime_api = free_port(), free_port()
    command = [str(interface_emulator()), "--runtime-interface-emulator-address", f"127.0.0.1:{port}"]
    command += ["--runtime-api-address", f"127.0.0.1:{runtime_api}", *runtime]
    with bench.folder() as folder:
        env = {"LAMBDA_TASK_ROOT": str(FUNCTION)}
        with running(command, log=folder / "rie.log", env=env, cwd=FUNCTION) as program:
            yield Server(program, port, folder)


def _parsed(program: Program) -> dict[str, float]:
    found = json.loads(program.wait(120))
    return {key: float(value) for key, value in found.items() if not math.isnan(float(value))}
