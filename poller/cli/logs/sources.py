"""Where events come from: a daemon's port, by FilterLogEvents, or a state folder."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from poller.cli.daemon import AwayError, Daemon, DeniedError, Request, json_object
from poller.observe.log_store import LogEvent, LogReader, MissingError, Range, position

PAGE = 10_000


class Logged(Protocol):
    """What can be read of one group."""

    def read(self, start: int) -> Iterator[LogEvent]:
        """Events from that moment on (milliseconds since 1970), oldest first. Raises MissingError, and what is the source's own."""
        ...


class Folder(Logged):
    """A state folder, whether a daemon writes to it or not."""

    def __init__(self, state: Path, group: str, matches: Callable[[str], bool]) -> None:
        self._state = state
        self._group = group
        self._matches = matches

    def read(self, start: int) -> Iterator[LogEvent]:
        """Raises LogStoreError."""
        wanted = Range(start=start)
        with contextlib.closing(LogReader(self._state)) as reader:
            while True:
                page = reader.events(self._group, wanted, matches=self._matches, limit=PAGE)
                yield from page.events
                if page.reached is None:
                    return
                wanted = Range(start=start, after=page.reached)


class Either(Logged):
    """The daemon, where one answers that tells, else its folder, which has the same but for the last quarter of a second."""

    def __init__(self, daemon: Logged, folder: Logged) -> None:
        self._daemon = daemon
        self._folder = folder

    def read(self, start: int) -> Iterator[LogEvent]:
        """Raises LogStoreError, and what a daemon raises that has begun to tell."""
        begun = False
        try:
            for event in self._daemon.read(start):
                begun = True
                yield event
        except (AwayError, DeniedError):
            if begun:
                raise
        else:
            return
        yield from self._folder.read(start)


class Port(Logged):
    """A daemon's port, that of the configuration or one elsewhere."""

    def __init__(self, daemon: Daemon, group: str, pattern: str) -> None:
        self._daemon = daemon
        self._asked = {"logGroupName": group, "filterPattern": pattern}

    def read(self, start: int) -> Iterator[LogEvent]:
        """Raises AwayError, DeniedError."""
        token: dict[str, str] = {}
        while True:
            answer = self._ask({**self._asked, "startTime": start, **token})
            for each in answer["events"]:
                place = position(each["eventId"])
                yield LogEvent(place, each["ingestionTime"], each["logStreamName"], each["message"])
            if not answer.get("nextToken"):
                return
            token = {"nextToken": answer["nextToken"]}

    def _ask(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        request = Request(
            method="POST",
            path="/",
            body=json.dumps(parameters).encode(),
            headers={"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "Logs_20140328.FilterLogEvents"},
            service="logs",
            function=self._asked["logGroupName"].rpartition("/")[2],
        )
        try:
            found = json_object(self._daemon.operation(request).body)
        except DeniedError as error:
            if error.code == "ResourceNotFoundException":
                raise MissingError("group") from error
            raise
        if "events" not in found:
            raise AwayError(f"what answers at {self._daemon.address} is no daemon of this version")
        return found
