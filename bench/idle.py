"""(d) An idle daemon: memory, CPU and start-up with 1, 100 and 1,000 mappings, each on an empty queue of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from bench.figures import Figure, Line, Skipped
from bench.pollerd import configuration, daemon, until_ready
from bench.programs import Failed
from bench.run import Bench
from bench.sqs_server import sqs_server

COUNTS = (1, 100, 1000)
RESIDENT_BUDGET = 60
"""MB, one mapping."""
CPU_BUDGET = 0.5
"""Percent of a core, one mapping."""
MAPPING_BUDGET = 100
"""KB each."""
SETTLE_SECONDS = 3
WATCH_SECONDS = 21
"""Longer than a long poll, so that every mapping polls once in it."""


@dataclass(frozen=True, slots=True)
class Idle:
    """What was seen of one daemon."""

    resident: int
    cpu_percent: float
    start_seconds: float


def measure(bench: Bench) -> Iterator[Line | Skipped]:
    """One daemon for each count; there is no peer."""
    seen: dict[int, Idle] = {}
    for count in COUNTS[: bench.size(3, 2)]:
        try:
            seen[count] = idle = _watch(bench, count)
        except Failed as error:
            yield Skipped(letter="d", path=f"idle, {count} mappings", reason=str(error))
            continue
        bench.say(f"(d) {count} mappings: {idle.resident / 1e6:.0f} MB, {idle.cpu_percent:.2f} % of a core")
        yield from _lines(count, idle)
    if 1 in seen:
        yield from (_each(count, idle, seen[1]) for count, idle in seen.items() if count > 1)


def _watch(bench: Bench, count: int) -> Idle:
    names = [f"idle-{n}" for n in range(count)]
    with bench.folder() as folder, sqs_server(folder) as server:
        server.make_queues(names)
        mappings = {name: {"source": {"type": "sqs", "queue": name}} for name in names}
        settings = configuration(folder, server.url, mappings, folder / "tally")
        began = time.time()
        with daemon(folder, settings) as program:
            started = until_ready(program, settings) - began
            time.sleep(SETTLE_SECONDS)
            cpu, at = program.cpu_seconds(), time.monotonic()
            time.sleep(WATCH_SECONDS)
            share = (program.cpu_seconds() - cpu) / (time.monotonic() - at)
            return Idle(program.resident_bytes(), share * 100, started)


def _lines(count: int, idle: Idle) -> Iterator[Line]:
    path = f"idle, {count:,} mapping" + ("s" if count > 1 else "")
    resident, cpu = Figure((idle.resident / 1e6,)), Figure((idle.cpu_percent,))
    one = count == 1  # the budgets are those of a daemon with nothing special to do
    yield Line(
        letter="d",
        path=path,
        unit="MB resident",
        ours=resident,
        budget=f"≤ {RESIDENT_BUDGET} MB" if one else "",
        met=resident.median <= RESIDENT_BUDGET if one else None,
    )
    yield Line(
        letter="d",
        path=path,
        unit="% of a core",
        ours=cpu,
        budget=f"≤ {CPU_BUDGET} %" if one else "",
        met=cpu.median <= CPU_BUDGET if one else None,
    )
    yield Line(letter="d", path=path, unit="s to ready", ours=Figure((idle.start_seconds,)))


def _each(count: int, many: Idle, one: Idle) -> Line:
    each = (many.resident - one.resident) / (count - 1) / 1e3
    return Line(
        letter="d",
        path=f"each idle mapping of {count:,}",
        unit="KB resident",
        ours=Figure((each,)),
        budget=f"≤ {MAPPING_BUDGET} KB",
        met=each <= MAPPING_BUDGET,
    )
