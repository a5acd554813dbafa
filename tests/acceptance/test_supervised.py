"""The daemon under a service manager that is played by the test: what it says when, and the ports that it is given."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.faults.daemon import PROGRAM

pytestmark = [pytest.mark.slow]

SECONDS = 60.0
START = 'exec 3<&"$HTTP" 4<&"$URLS"; LISTEN_PID=$$ LISTEN_FDS=2 exec "$@"'


class Manager:
    """Holds two listening sockets and reads what it is told."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._door = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._door.settimeout(SECONDS)
        self._door.bind(str(folder / "notify"))
        self.http = socket.create_server(("127.0.0.1", 0))
        self.urls = socket.create_server(("127.0.0.1", 0))
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, listen: str = "") -> subprocess.Popen[bytes]:
        """listen: what the configuration says when it is not where the socket is."""
        function = {
            "code": str(self._folder / "code"),
            "runtime": "provided.al2023",
            "handler": "any",
            "url": {"auth_type": "NONE"},
        }
        told = {
            "state": str(self._folder / "state"),
            "http": {"listen": listen or _address(self.http)},
            "function_urls": {"listen": _address(self.urls)},
            "functions": {"echo": function},
        }
        (self._folder / "code").mkdir(exist_ok=True)
        (self._folder / "code/bootstrap").write_text("#!/bin/sh\n")
        (self._folder / "code/bootstrap").chmod(0o755)
        config = self._folder / "pollerd.json"
        config.write_text(json.dumps(told))
        numbers = (self.http.fileno(), self.urls.fileno())
        variables = {
            "HTTP": str(numbers[0]),
            "URLS": str(numbers[1]),
            "LISTEN_FDNAMES": "http:urls",
            "NOTIFY_SOCKET": str(self._folder / "notify"),
            "WATCHDOG_USEC": "600000",
        }
        self.process = subprocess.Popen(
            ["bash", "-c", START, "bash", PROGRAM, "run", config],
            env=os.environ | variables,
            pass_fds=numbers,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        return self.process

    def hears(self, *wanted: str) -> list[str]:
        """The next message that has a line beginning with the first of these; it has one for each of them."""
        limit = time.monotonic() + SECONDS
        while time.monotonic() < limit:
            lines = self._door.recv(4096).decode().split("\n")
            if lines[0].startswith(wanted[0]):
                assert all(any(line.startswith(each) for line in lines) for each in wanted), lines
                return lines
        raise AssertionError(f"never heard {wanted}")

    def close(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            assert self.process.stderr is not None
            self.process.stderr.close()
        for each in (self._door, self.http, self.urls):
            each.close()


def _address(server: socket.socket) -> str:
    host, port = server.getsockname()
    return f"{host}:{port}"


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    with contextlib.closing(Manager(tmp_path)) as manager:
        yield manager


def test_a_life_is_told_and_the_ports_outlive_it(manager: Manager) -> None:
    process = manager.start()
    manager.hears("READY=1", "STATUS=0 of 0 mappings are ready")
    manager.hears("WATCHDOG=1")
    with urlopen(f"http://{_address(manager.http)}/healthz", timeout=SECONDS) as answer:
        assert answer.status == 200
    with socket.create_connection(manager.urls.getsockname()[:2], SECONDS) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: nobody\r\nConnection: close\r\n\r\n")
        assert client.recv(12) == b"HTTP/1.1 403"

    process.send_signal(signal.SIGHUP)
    manager.hears("RELOADING=1", "MONOTONIC_USEC=")
    manager.hears("READY=1")

    process.send_signal(signal.SIGTERM)
    manager.hears("STOPPING=1", "EXTEND_TIMEOUT_USEC=45000000", "STATUS=stopping (SIGTERM)")
    assert process.wait(SECONDS) == 0
    for server in (manager.http, manager.urls):
        socket.create_connection(server.getsockname()[:2], SECONDS).close()


def test_a_port_elsewhere_is_refused(manager: Manager) -> None:
    process = manager.start("127.0.0.1:1")

    assert process.wait(SECONDS) == 69
    assert process.stderr is not None
    assert b"http.listen says 127.0.0.1 port 1: change ListenStream= of the unit" in process.stderr.read()
