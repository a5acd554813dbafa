"""Publishes a version, killed by SIGKILL before the first line, before the second, and so on, until one run comes through.

A program of its own, because it forks: ``publishing.py CONFIG``; version 1 of ``worker`` is published. Lines are those of the modules that
publish; what lies between two of them is SQLite's and the kernel's to keep whole. After every kill there is version 1 or there are 1 and
2, with all their code, and the next publication makes 2, or finds it. Prints for each kill how many versions it left.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from poller.control import state, store, versions
from poller.execution.package import shelf, snapshot
from poller.settings.load import load
from poller.settings.model import Settings

WATCHED = {module.__file__ for module in (shelf, snapshot, state, store, versions)}


def die_at(line: int) -> Any:
    """A trace function that kills this process before it runs its n-th watched line."""
    left = line

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal left
        if frame.f_code.co_filename not in WATCHED:
            return None
        if event == "line":
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    return trace


def killed(settings: Settings, line: int) -> bool:
    """Publish in a child process; whether the kill came before the end."""
    child = os.fork()
    if child == 0:
        sys.settrace(die_at(line))
        versions.publish("worker", settings)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in {0, -signal.SIGKILL}, code
    return code != 0


def look(settings: Settings) -> list[int]:
    """The numbers there are, having looked whether each has its code."""
    found = versions.published(settings).versions
    for version in found:
        assert snapshot.fingerprint(versions.code_of(settings) / version.code).digest == version.code
    return [version.number for version in found]


def main() -> None:
    settings = load(Path(sys.argv[1]))
    seed = Path(settings.state)
    line, going = 0, True
    while going:
        line += 1
        own = dataclasses.replace(settings, state=f"{seed}-{line}")
        shutil.copytree(seed, own.state, symlinks=True)  # the runtime is a folder of links
        going = killed(own, line)
        left = look(own)
        assert left in ([1], [1, 2]) if going else left == [1, 2], left
        publication = versions.publish("worker", own)
        assert (publication.version.number, publication.new) == (2, left == [1])
        assert look(own) == [1, 2]
        shutil.rmtree(own.state)
        if going:
            print(len(left))


main()
