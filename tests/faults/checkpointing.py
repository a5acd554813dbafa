"""Keeps checkpoints, killed by SIGKILL before the first line, before the second, and so on, until one run comes through.

A program of its own, because it forks: ``checkpointing.py FOLDER``. Lines are those of the modules that keep checkpoints, in the event
loop's thread and in the writing one; what lies between two of them is SQLite's and the kernel's to keep whole. After every kill the file
holds all that was told to be written, at most the one thing more that was under way, and whoever comes next can go on. Prints for each
kill how many of the steps it left.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

from poller.control import checkpoints, positions, store, tenancy, writer
from poller.control.checkpoints import CheckpointStore
from poller.control.positions import Held, Start

WATCHED = {module.__file__ for module in (checkpoints, positions, store, tenancy, writer)}
STEPS = (
    Held(),
    Held({"a": "1", "b": "1"}),
    Held({"a": "1", "b": "1"}, {"a": {"0/2": "3", "1/2": "2"}}),
    Held({"a": "2", "b": "1"}, {"a": {"0/2": "3", "1/2": "2"}}),
    Held({"a": "2", "b": "1"}, {"a": {"0/2": "3"}}),
    Held({"a": "2"}, {"a": {"0/2": "3"}}),
    Held({}, {}, Start("LATEST")),
)
"""What the file holds, after nothing and after each call of ``keep``."""
JUMPS = (0, 0, 0, 0, 0, 1, 2)
"""Lines of the log at the same moments."""


async def keep(state: Path, done: int) -> None:
    """Make every step, and write a byte to ``done`` after each."""
    keeper = CheckpointStore(state, lambda _: None)
    async with keeper.taken("m") as taken:
        os.write(done, b".")
        for step in (
            taken.save({"a": "1", "b": "1"}),
            taken.mark({"a": {"0/2": "3", "1/2": "2"}}),
            taken.save({"a": "2"}),
            taken.mark({"a": {"0/2": "3"}}),
            taken.move("b", None, "gone"),
            taken.restart(Start("LATEST"), who="ann", why=""),
        ):
            await step
            os.write(done, b".")
    await keeper.close()


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


def killed(state: Path, line: int) -> tuple[bool, int]:
    """Keep checkpoints in a child process; whether the kill came before the end, and how many steps were done for sure."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        death = Death(line)
        threading.settrace(death.trace)
        sys.settrace(death.trace)
        asyncio.run(keep(state, writing))
        os._exit(0)
    os.close(writing)
    done = 0
    while read := os.read(reading, 100):
        done += len(read)
    os.close(reading)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in {0, -signal.SIGKILL}, code
    return code != 0, max(0, done - 1)


def look(state: Path, done: int) -> int:
    """How many steps the file shows, having looked that it is no fewer than were done, and one more at most."""
    held, jumps = positions.known(state, "m"), len(positions.log(state, "m"))
    possible = [at for at in (done, done + 1) if at < len(STEPS) and (STEPS[at], JUMPS[at]) == (held, jumps)]
    assert possible, (done, held, jumps)
    return possible[0]


def main() -> None:
    folder = Path(sys.argv[1])
    line, going = 0, True
    while going:
        line += 1
        state = folder / str(line)
        going, done = killed(state, line)
        left = look(state, done)
        asyncio.run(keep(state, os.open(os.devnull, os.O_WRONLY)))
        assert positions.known(state, "m") == STEPS[-1]
        shutil.rmtree(state)
        if going:
            print(left)


main()
