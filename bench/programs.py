"""Programs that a measurement starts, and their certain end. Not here: what they are for.

A program is stopped on every way out of its ``with`` block, Ctrl-C included, and whatever it started in its turn is stopped with it.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent
STOP_SECONDS = 15.0


class Failed(Exception):
    """A program did not do what the measurement needs. The message is a sentence for the table."""


class Program:
    """A running process. log: the file its output goes to."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process = process
        self._seen = psutil.Process(process.pid)
        self.log = log

    def check(self) -> None:
        """Raise Failed, with the log's end, if it is no longer there."""
        if (code := self._process.poll()) is not None:
            raise Failed(f"{self.log.stem} ended with {code}: {self.tail()}")

    def tail(self) -> str:
        """The log's last lines."""
        return " / ".join(self.log.read_text(errors="replace").strip().splitlines()[-3:])

    def cpu_seconds(self) -> float:
        """CPU time of the process itself so far, user and system; not of its children."""
        times = self._seen.cpu_times()
        return float(times.user + times.system)

    def resident_bytes(self) -> int:
        """Resident memory of the process itself."""
        return int(self._seen.memory_info().rss)

    def wait(self, seconds: float) -> str:
        """Wait for its end; returns its output. Raises Failed if it takes longer or exits with an error."""
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failed(f"{self.log.stem} did not end within {seconds:.0f} s: {self.tail()}") from None
        if code:
            raise Failed(f"{self.log.stem} ended with {code}: {self.tail()}")
        return self.log.read_text()

    def stop(self) -> None:
        """End it and all it started: politely, then for sure."""
        family = self._family()
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_SECONDS)
        for member in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()
        self._process.wait()

    def _family(self) -> list[psutil.Process]:
        try:
            return [self._seen, *self._seen.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []


@contextlib.contextmanager
def running(
    command: Sequence[str], *, log: Path, env: Mapping[str, str] | None = None, cwd: Path = ROOT
) -> Iterator[Program]:
    """Start a program, its output in ``log``; stop it at the end. Its own session, so that Ctrl-C reaches the measurement alone."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})},
            cwd=cwd,
            start_new_session=True,
        )
    program = Program(process, log)
    try:
        yield program
    finally:
        program.stop()


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(done: Callable[[], bool], what: str, *, seconds: float, program: Program, every: float = 0.02) -> float:
    """Wait until ``done``; returns the time it was seen, in seconds since the epoch. Raises Failed."""
    give_up = time.monotonic() + seconds
    while not done():
        program.check()
        if time.monotonic() > give_up:
            raise Failed(f"{what} took more than {seconds:.0f} s; {program.log.stem}: {program.tail()}")
        time.sleep(every)
    return time.time()


def listens(port: int) -> bool:
    """Whether somebody listens on a port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0
