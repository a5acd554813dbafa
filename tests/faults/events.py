"""Asynchronous invocations of a test: numbered messages that are sent to a function through the daemon's Lambda API."""

from __future__ import annotations

import contextlib
import http.client
import json
import sqlite3
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.faults.daemon import Daemon
from tests.faults.until import until

ANSWERS = (OSError, http.client.HTTPException)


class Events:
    """A ``Producer`` of events for one function. sent: those that were answered with 202, and of the others those that ran.

    handled: numbers that the function has noted. state: folder of the daemon. unsure: the daemon was gone before it answered.
    """

    def __init__(
        self, daemon: Daemon, function: str, numbers: Iterator[int], handled: Callable[[], set[int]], state: Path
    ) -> None:
        self.sent: list[int] = []
        self.unsure: list[int] = []
        self._daemon = daemon
        self._function = function
        self._numbers = numbers
        self._handled = handled
        self._state = state

    def send(self, count: int, **message: Any) -> list[int]:
        """Send so many alike, one after the other, to a daemon that may die or not be there; returns those that were accepted."""
        accepted = [number for number in (next(self._numbers) for _ in range(count)) if self._send(number, message)]
        self.sent += accepted
        return accepted

    def wait_empty(self) -> None:
        """Return when nothing waits any more."""
        until(lambda: self.waiting() == 0, "no asynchronous event waits", 90.0)
        self.sent += set(self.unsure) & self._handled()

    def waiting(self) -> int:
        """Events that wait or run."""
        with contextlib.closing(sqlite3.connect(self._state / "pollerd.sqlite3", timeout=30.0)) as connection:
            return int(connection.execute("SELECT count(*) FROM async_events").fetchone()[0])

    def dead(self) -> list[int]:
        """Numbers that are among the failures."""
        with contextlib.closing(sqlite3.connect(self._state / "pollerd.sqlite3", timeout=30.0)) as connection:
            rows = connection.execute("SELECT payload FROM async_failures").fetchall()
        return [int(json.loads(json.loads(payload)["Records"][0]["body"])["n"]) for (payload,) in rows]

    def _send(self, number: int, message: dict[str, Any]) -> bool:
        body = json.dumps({"n": number, **message})
        record = {"messageId": str(number), "body": body, "attributes": {"ApproximateReceiveCount": "1"}}
        url = next((line["url"] for line in self._daemon.lines() if line.get("event") == "port opened"), "")
        if not url:
            return False
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
        with contextlib.closing(connection):
            try:
                path = f"/2015-03-31/functions/{self._function}/invocations"
                headers = {"X-Amz-Invocation-Type": "Event"}
                connection.request("POST", path, json.dumps({"Records": [record]}), headers)
                status = connection.getresponse().status
            except ANSWERS:
                self.unsure.append(number)
                return False
        assert status == HTTPStatus.ACCEPTED, status
        return True
