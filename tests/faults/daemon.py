"""The daemon as an operator has it: a process with a configuration file, signals, a port and a log. For fault and acceptance tests.

Every process it starts carries a marker in its environment, given to the daemon and to its functions alike, so that what is left
after a SIGKILL is found however it was orphaned.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.faults.until import until

PROGRAM = Path(sys.executable).parent / "pollerd"
MARKER = "SCENE"
"""Variable that marks the processes; its value is a path of the test's own."""


class Daemon:
    """``pollerd run`` on one configuration file; started and ended any number of times."""

    def __init__(self, config: Path, mark: str, *options: str) -> None:
        self.config = config
        self._options = options
        self.log = config.with_suffix(".log")
        self._mark = mark
        self._process: subprocess.Popen[bytes] | None = None
        self._log_from = 0

    @property
    def pid(self) -> int:
        assert self._process is not None, "the daemon was not started"
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def spawn(self) -> None:
        """Start it and return at once."""
        assert not self.running, "the daemon runs already"
        self._log_from = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [PROGRAM, "run", *self._options, self.config],
                env={**os.environ, MARKER: self._mark},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def start(self) -> None:
        """Start it and return when it is ready."""
        self.spawn()
        self.wait_ready()

    def wait_ready(self, seconds: float = 60.0) -> None:
        until(lambda: self.get("/readyz")[0] == http.HTTPStatus.OK, "the daemon is ready", seconds)

    def kill(self) -> None:
        """SIGKILL. Idempotent."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def signal(self, number: signal.Signals = signal.SIGTERM) -> None:
        assert self._process is not None, "the daemon was not started"
        self._process.send_signal(number)

    def wait(self, seconds: float = 60.0) -> int:
        """Return its exit code once it has ended."""
        assert self._process is not None, "the daemon was not started"
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the daemon did not end within {seconds:g} s; its log ends\n{self.tail()}") from None

    def stop(self, seconds: float = 60.0) -> float:
        """SIGTERM, and seconds until the end; the exit code has to be 0."""
        began = time.monotonic()
        self.signal(signal.SIGTERM)
        code = self.wait(seconds)
        assert code == 0, f"exit code {code}; its log ends\n{self.tail()}"
        return time.monotonic() - began

    @property
    def url(self) -> str:
        """Of its port; "" while that is not open."""
        return next((str(line["url"]) for line in self.lines() if line.get("event") == "port opened"), "")

    def get(self, path: str) -> tuple[int, str]:
        """Status and body from its port; status 0 while there is none to ask."""
        if self._process is not None and (code := self._process.poll()) is not None:
            raise AssertionError(f"the daemon ended with exit code {code}; its log ends\n{self.tail()}")
        url = urlsplit(self.url)
        if not url.netloc:
            return 0, ""
        with contextlib.closing(http.client.HTTPConnection(url.netloc, timeout=10)) as connection:
            try:
                connection.request("GET", path)
                answer = connection.getresponse()
                return answer.status, answer.read().decode()
            except (OSError, http.client.HTTPException):
                return 0, ""

    def readiness(self, mapping: str) -> dict[str, Any]:
        """What /readyz tells of one mapping; {} while there is nobody to ask."""
        _, body = self.get("/readyz")
        mappings: list[dict[str, Any]] = json.loads(body)["mappings"] if body else []
        return next((shown for shown in mappings if shown["mapping"] == mapping), {})

    def lines(self) -> list[dict[str, Any]]:
        """The log of this start, as JSON; text of any other kind stands under "event"."""
        if not self.log.exists():
            return []
        with self.log.open("rb") as log:
            log.seek(self._log_from)
            whole = [line for line in log.read().splitlines(keepends=True) if line.endswith(b"\n")]
        return [_line(line) for line in whole]

    def logged(self, event: str, **fields: Any) -> list[dict[str, Any]]:
        """Lines of one event with these fields."""
        return [
            line
            for line in self.lines()
            if line.get("event") == event and all(line.get(field) == value for field, value in fields.items())
        ]

    def tail(self) -> str:
        return self.log.read_text(errors="replace")[-3000:] if self.log.exists() else ""

    def processes(self) -> set[int]:
        """Processes that carry the marker: the daemon, and all it has started."""
        wanted = f"{MARKER}={self._mark}".encode()
        found = set()
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):  # gone, or not ours to look at
                if entry.name.isdigit() and wanted in (entry / "environ").read_bytes().split(b"\0"):
                    found.add(int(entry.name))
        return found

    def wait_gone(self, seconds: float = 30.0) -> None:
        """Return when neither the daemon nor anything it has started is left."""
        until(lambda: not self.processes(), f"no process is left of {self.config}", seconds)

    def end_strays(self) -> None:
        """SIGKILL to every process with the marker."""
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _line(text: bytes) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    return value if isinstance(value, dict) else {"event": text.decode(errors="replace").rstrip()}
