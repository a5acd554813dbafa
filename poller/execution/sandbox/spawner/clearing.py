"""Ending all processes in a sandbox but its holder, whatever they do against it."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Mapping
from typing import Any, NoReturn

from poller.execution.sandbox.spawner import kernel
from poller.execution.sandbox.spawner.begin import close_all_but, reset_signals
from poller.execution.sandbox.spawner.job import Job, Reply, held

SECONDS = 5.0
"""A sandbox that does not let itself be cleared for so long is ended altogether."""


class Clearing(Job):
    """A helper that kills, once inside."""

    def __init__(self, request: Mapping[str, Any]) -> None:
        self.request = request
        self._deadline = time.monotonic() + SECONDS
        self.wake, over = os.pipe()
        try:
            if os.fork() == 0:
                clear(request["holder"], over)
        except OSError:
            os.close(self.wake)
            raise
        finally:
            os.close(over)
        os.set_blocking(self.wake, False)

    def look(self) -> Reply | None:
        """Nothing to say but that it is done."""
        with contextlib.suppress(BlockingIOError):
            if os.read(self.wake, 1) == b"":
                self._end()  # the helper was killed
            return {}, []
        if time.monotonic() < self._deadline:
            return None
        self._end()
        return {}, []

    def _end(self) -> None:
        if self.request["holder"] in held:
            held[self.request["holder"]].kill()

    def close(self) -> None:
        """The pipe."""
        os.close(self.wake)


def clear(holder: int, over: int) -> NoReturn:
    """In a new process: SIGKILL to all in a sandbox but process 1, which the kernel keeps from it.

    One call is enough: who is in the middle of a fork is killed with its child. Making it takes a process in there, though, which has
    the function's user where the daemon has no privileges, and which the function may stop before it comes to it: then it is woken.
    """
    try:
        reset_signals()
        close_all_but({over})
        kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
        namespaces = kernel.opened(holder, ("user", "pid"))
        if "pid" not in dict(namespaces):  # whoever has that number now lives on the host, and "all" would be everybody
            os._exit(1)
        kernel.enter(namespaces)
        while not _killed_all():
            pass
        os.write(over, b"1")
    finally:
        os._exit(0)


def _killed_all() -> bool:
    """Whether the child got so far; else it was killed by a function that fights, and is followed by another."""
    killer = os.fork()  # the process namespace is that of our children
    if killer == 0:
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)
        os._exit(0)
    while True:  # waited for, or it might hit whoever is started next
        _, status = os.waitpid(killer, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            return os.WIFEXITED(status)
        os.kill(killer, signal.SIGCONT)
