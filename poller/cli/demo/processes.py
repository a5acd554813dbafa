"""The demo's two processes: a local SQS, and the daemon. Each ends with its block."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

START_SECONDS = 30.0


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class _Process:
    """A child process and its output file."""

    def __init__(self, command: list[str], log: Path, environment: dict[str, str], ready: Callable[[], bool]) -> None:
        self.log = log
        with log.open("wb") as output:
            self._child = subprocess.Popen(
                command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, env=os.environ | environment
            )
        give_up = time.monotonic() + START_SECONDS
        while not ready():
            if self._child.poll() is not None or time.monotonic() > give_up:
                self._end()
                raise SystemExit(f"{command[0]} did not start:\n{log.read_text()[-2000:]}")
            time.sleep(0.1)

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._child.poll() is None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        self._child.terminate()
        try:
            self._child.wait(40)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()


class Server(_Process):
    """MiniStack on a free port of the loopback address."""

    def __init__(self, folder: Path) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        environment = {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port), "LOG_LEVEL": "WARNING"}
        command = [str(Path(sys.executable).with_name("ministack"))]
        super().__init__(command, folder / "ministack.log", environment, lambda: answers(port, "/_ministack/health"))


class Daemon(_Process):
    """``pollerd run``, its JSON log in a file."""

    def __init__(self, config: Path, port: int) -> None:
        self.port = port
        command = [sys.executable, "-m", "poller", "run", str(config)]
        super().__init__(command, config.with_name("pollerd.log"), {}, lambda: answers(port, "/readyz"))


def answers(port: int, path: str) -> bool:
    """Whether that path answers 200."""
    return fetch(port, path) is not None


def fetch(port: int, path: str) -> str | None:
    """The page, or None when it is not there."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    with suppress(OSError, http.client.HTTPException):
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read().decode()
        return body if response.status == http.client.OK else None
    return None
