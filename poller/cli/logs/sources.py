"""Where events come from: a daemon's port, by FilterLogEvents, or a state folder."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from poller.cli.daemon import AwayError, DeniedError
from poller.control.assemble import region_of
from poller.execution.contract import Elsewhere
from poller.observe.log_store import LogEvent, LogReader, MissingError, Range, position
from poller.settings.listen import listen_address
from poller.settings.model import Settings

PATIENCE = 10.0
"""Seconds to wait for an answer."""
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


class Daemon(Logged):
    """A daemon that may be running. url: "" for the one of the configuration."""

    def __init__(self, settings: Settings, url: str, group: str, pattern: str) -> None:
        host, port = listen_address(settings.http.listen)
        self._own = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._address = urlsplit(url if "//" in url else f"//{url}").netloc if url else self._own
        self._settings = settings
        self._asked = {"logGroupName": group, "filterPattern": pattern}
        self._reached = bool(url) or (port != 0 and settings.http.tls is None)  # with TLS the folder is the shorter way

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
        if not self._reached:
            raise AwayError("the daemon of this configuration is not asked through its port")
        body = json.dumps(parameters).encode()
        headers = {
            "Content-Type": "application/x-amz-json-1.1",
            "Host": self._address,
            "X-Amz-Target": "Logs_20140328.FilterLogEvents",
        }
        connection = http.client.HTTPConnection(self._address, timeout=PATIENCE)
        try:
            connection.request("POST", "/", body, self._signed(headers, body))
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise AwayError(f"no daemon answers at {self._address}: {error}") from error
        finally:
            connection.close()
        return self._answered(answer.status, content)

    def _answered(self, status: int, content: bytes) -> dict[str, Any]:
        try:
            value = json.loads(content)
        except ValueError:
            value = None
        if not isinstance(value, dict) or not {"events", "__type"} & set(value):
            raise AwayError(f"what answers at {self._address} is no daemon of this version: {status}")
        if value.get("__type") == "ResourceNotFoundException":
            raise MissingError("group")
        if "__type" in value:
            raise DeniedError(str(value.get("message") or value["__type"]))
        return value

    def _signed(self, headers: dict[str, str], body: bytes) -> dict[str, str]:
        """With a signature, where the configuration has keys that such a daemon will ask for."""
        function = self._asked["logGroupName"].rpartition("/")[2]
        keys = {
            name: key
            for name, key in self._settings.http.keys.items()
            if not key.functions or function in key.functions
        }
        if not keys:
            return headers
        from poller.execution.remote.signature import Signer  # noqa: PLC0415  # takes megabytes

        name, key = next(iter(keys.items()))
        where = Elsewhere(
            url="",
            function="",
            region=region_of(self._settings.aws),
            access_key_id=name,
            secret_access_key=key.secret_access_key,
        )
        return asyncio.run(Signer(where, "logs").sign(f"http://{self._address}/", headers, body))
