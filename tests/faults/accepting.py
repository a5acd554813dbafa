"""Accepts and runs asynchronous events, killed by SIGKILL before one line, before a later one, and so on, until one run comes through.

A program of its own, because it forks: ``accepting.py FOLDER STRIDE``. Lines are those of the modules that accept, keep and run events,
in the event loop's thread and in the writing one; STRIDE lines lie between two kills. After every kill another process takes over and runs
to the end: every event that was accepted has been run and has come to its end, and whoever was to be told of it was. Prints for each kill
how many events had been accepted, and how many runs were one too many.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
import threading
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

from connectors.contract import DeadLetter, InvocationRecord
from poller.aio.clock import SystemClock
from poller.aio.stop import Stop
from poller.control import events, ledger, store, writer
from poller.control.ledger import StoredLedger
from poller.control.writer import Writer
from poller.dispatch import backlog as package
from poller.dispatch.backlog import Backlog, Destinations, EventInvokeConfig
from poller.dispatch.slots import Slots
from poller.execution.contract import Result, Status

MODULES = [events, ledger, store, writer]
WATCHED = {module.__file__ for module in MODULES} | {str(file) for file in Path(package.__path__[0]).glob("*.py")}
ACCEPTED = ("good", "bad", "told", "good again", "bad and dead")
CONFIGS = {
    "bad": {"maximum_retry_attempts": 1},
    "told": {"on_success": "told"},
    "bad and dead": {"maximum_retry_attempts": 1, "on_failure": "told", "dead_letter": "dead"},
}
RUNS = {"good": 1, "bad": 2, "told": 1, "good again": 1, "bad and dead": 2}
TOLD = {"told": {"told"}, "bad and dead": {"told", "dead"}}


class Notes:
    """A file in which a line is there as a whole or not at all."""

    def __init__(self, file: Path) -> None:
        self._file = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def note(self, *words: str) -> None:
        os.write(self._file, (json.dumps(words) + "\n").encode())


def noted(file: Path) -> list[list[str]]:
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


class Functions:
    """The name of an event says how it ends."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes

    async def invoke(self, target: str, payload: bytes, *, request_id: str = "", trace_id: str = "") -> Result:
        self._notes.note("run", request_id, trace_id.partition(";")[0])
        await asyncio.sleep(0)
        status = Status.ERROR if target.startswith("bad") else Status.SUCCESS
        return Result(request_id=request_id, status=status, payload=b'"answer"')


class Target:
    def __init__(self, name: str, notes: Notes) -> None:
        self._name = name
        self._notes = notes

    async def deliver_record(self, record: InvocationRecord) -> None:
        self._notes.note("told", record.request_id, self._name)

    async def deliver_letter(self, letter: DeadLetter) -> None:
        self._notes.note("told", letter.request_id, self._name)

    async def close(self) -> None: ...


def configured(function: str, qualifier: str) -> EventInvokeConfig:
    return EventInvokeConfig(function_arn=f"arn:{function}", arn=f"arn:{function}:$LATEST", **CONFIGS.get(function, {}))  # type: ignore[arg-type]  # values of several types


async def work(state: Path, accept: tuple[str, ...]) -> None:
    """Accept these, and run all there is to its end."""
    notes = Notes(state / "notes")
    state_writer = Writer(state)
    kept = StoredLedger(state_writer, 100, lambda _: None)
    backlog = Backlog(
        kept,
        slots=Slots(10, {}),
        invoker=Functions(notes),
        configured=configured,
        destinations=Destinations(records=lambda name: Target(name, notes), letters=lambda name: Target(name, notes)),
        retry_delays=(0.001,),
        destination_patience=60,
        clock=SystemClock(),
        emit=lambda fact: print(fact, file=sys.stderr) if type(fact).__name__ == "DefectFoundError" else None,
    )
    stop = Stop()
    running = asyncio.create_task(backlog.run(stop))
    for name in accept:
        request_id = await backlog.accept(name, b"{}", request_id=name)
        notes.note("accepted", request_id)
    while await kept.events.lines() or await kept.deliveries.lines():
        await asyncio.sleep(0.002)
    stop.begin("over")
    await running
    await state_writer.close()


class Death:
    """Kills this process before it runs its n-th watched line."""

    def __init__(self, line: int) -> None:
        self._left = line

    def trace(self, frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code.co_filename not in WATCHED:
            return None
        if event == "line":
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return self.trace


def killed(state: Path, line: int) -> bool:
    """Work in a child process; whether the kill came before the end."""
    child = os.fork()
    if child == 0:
        death = Death(line)
        threading.settrace(death.trace)
        sys.settrace(death.trace)
        asyncio.run(work(state, ACCEPTED))
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in {0, -signal.SIGKILL}, code
    return code != 0


def judge(state: Path) -> tuple[int, int]:
    """Look that all is well; how many were accepted, and how many runs were too many."""
    lines = noted(state / "notes")
    accepted = {line[1] for line in lines if line[0] == "accepted"}
    runs = Counter(line[1] for line in lines if line[0] == "run")
    told = {(line[1], line[2]) for line in lines if line[0] == "told"}
    with store.opened(state) as opened:
        kept = {failure.outcome.request_id for failure in events.failures(opened._connection)}
    for name in accepted | set(runs):
        assert runs[name] >= RUNS[name], (name, lines)
        assert {target for who, target in told if who == name} == TOLD.get(name, set()), (name, lines)
        assert (name in kept) == (name == "bad"), (name, kept, lines)
        traces = {line[2] for line in lines if line[0] == "run" and line[1] == name}
        assert len(traces) == 1, (name, lines)
    return len(accepted), sum(runs[name] - RUNS[name] for name in runs)


def main() -> None:
    folder, stride = Path(sys.argv[1]), int(sys.argv[2])
    line, going = 1, True
    while going:
        state = folder / str(line)
        state.mkdir()
        going = killed(state, line)
        asyncio.run(work(state, ()))
        accepted, repeated = judge(state)
        if going:
            print(accepted, repeated)
        shutil.rmtree(state)
        line += stride


if __name__ == "__main__":
    main()
