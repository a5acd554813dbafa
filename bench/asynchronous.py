"""(m) Asynchronous events: accepted onto the disk, and run from there by a function that answers at once, beside a bare SQLite loop."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Coroutine, Iterator
from pathlib import Path
from typing import Any

import uvloop

from bench.figures import Line, Rounds, Skipped
from bench.in_process import ARN, PAYLOAD
from bench.run import Bench
from connectors.aws.options import AwsOptions
from connectors.destinations import dead_letter_target, invocation_destination
from poller.aio.clock import SystemClock
from poller.aio.stop import Stop
from poller.control import events, store
from poller.control.ledger import StoredLedger
from poller.control.writer import Writer
from poller.dispatch.backlog import Backlog, Destinations, EventInvokeConfig
from poller.dispatch.backlog.event import Event
from poller.dispatch.slots import Slots
from poller.execution.contract import Result, Status
from poller.observe.metrics import Metrics

ROUNDS = 5
CALLERS = (1, 100)
AWS = AwsOptions()


class AtOnce:
    """A function that answers at once."""

    async def invoke(self, target: str, payload: bytes, *, request_id: str = "", trace_id: str = "") -> Result:  # noqa: ARG002 - the runner's signature
        """Nothing is run."""
        return Result(request_id=request_id, status=Status.SUCCESS, payload=b"null")


def measure(bench: Bench) -> Iterator[Line | Skipped]:
    """Rounds of ours and the bare loop in turn."""
    accepted, bare, run = Rounds(), Rounds(), Rounds()
    count = bench.size(20_000, 5_000)
    for _ in range(bench.size(ROUNDS, 2)):
        for callers in CALLERS:
            few = count if callers > 1 else count // 20
            with bench.folder() as folder:
                accepted.add(str(callers), _timed(_accept(folder, few, callers), few))
                if callers > 1:
                    run.add(str(callers), _timed(_run(folder), few))
            with bench.folder() as folder:
                bare.add(str(callers), _bare(folder, few, callers))
    for callers in CALLERS:
        yield Line(
            letter="m",
            path=f"asynchronous events accepted, {callers} at a time",
            unit="events/s",
            ours=accepted.figure(str(callers)),
            peer=f"bare SQLite, {callers} a commit",
            theirs=bare.figure(str(callers)),
        )
    yield Line(letter="m", path=f"{count:,} waiting events run", unit="events/s", ours=run.figure(str(CALLERS[-1])))


def _timed(work: Coroutine[Any, Any, float], count: int) -> float:
    """Events a second. work: returns seconds."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return count / runner.run(work)


@contextlib.asynccontextmanager
async def _backlog(state: Path) -> AsyncIterator[tuple[Backlog, StoredLedger]]:
    metrics, writer = Metrics(), Writer(state)
    ledger = StoredLedger(writer, 100, metrics.emit)
    config = EventInvokeConfig(function_arn=ARN, arn=f"{ARN}:$LATEST")
    yield (
        Backlog(
            ledger,
            slots=Slots(1000, {}),
            invoker=AtOnce(),
            configured=lambda _function, _qualifier: config,
            destinations=Destinations(
                records=lambda name: invocation_destination(name, AWS), letters=lambda arn: dead_letter_target(arn, AWS)
            ),
            retry_delays=(60, 120),
            destination_patience=60,
            clock=SystemClock(),
            emit=metrics.emit,
        ),
        ledger,
    )
    await writer.close()


async def _accept(state: Path, count: int, callers: int) -> float:
    async with _backlog(state) as (backlog, _):

        async def call() -> None:
            for _ in range(count // callers):
                await backlog.accept("work", PAYLOAD)

        began = time.perf_counter()
        await asyncio.gather(*(call() for _ in range(callers)))
        return time.perf_counter() - began


async def _run(state: Path) -> float:
    """What ``_accept`` has left there."""
    async with _backlog(state) as (backlog, ledger):
        stop = Stop()
        began = time.perf_counter()
        running = asyncio.create_task(backlog.run(stop))
        while await ledger.events.lines():  # noqa: ASYNC110  # the table says when it is empty
            await asyncio.sleep(0.01)
        took = time.perf_counter() - began
        stop.begin("measured")
        await running
        return took


def _bare(state: Path, count: int, group: int) -> float:
    """The same rows by nobody's leave: one thread, one transaction a group, each on the disk before the next."""
    event = Event(
        request_id="4d4dcfed-6312-4f01-90fb-bbbfee9af091",
        function="work",
        qualifier="",
        payload=PAYLOAD,
        trace_id="Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0",
        accepted=0.0,
        due=0.0,
    )
    with contextlib.closing(store.connect(state)) as connection:
        began = time.perf_counter()
        for _ in range(count // group):
            connection.execute("BEGIN IMMEDIATE")
            for _ in range(group):
                events.append(connection, event)
            connection.execute("COMMIT")
        return count / (time.perf_counter() - began)
