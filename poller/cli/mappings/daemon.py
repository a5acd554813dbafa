"""The way to the daemon: its port, and the token of its state folder."""

from __future__ import annotations

import argparse
import http.client
import json
import ssl
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from poller.control.desired import whole
from poller.control.guard import Guard
from poller.control.store import StoreError
from poller.control.token import token
from poller.settings.listen import listen_address
from poller.settings.load import load
from poller.settings.model import MappingSettings, Settings
from poller.settings.problems import SettingsError, nearest

PATH = "/_pollerd/mappings"
UNUSABLE = 78
PATIENCE = 10.0
"""Seconds to wait for what only tells."""


class AwayError(Exception):
    """No daemon answers there. The message is a sentence."""


class DeniedError(Exception):
    """The daemon does not do it. The message is its sentence."""


class Daemon:
    """A daemon that may be running."""

    def __init__(self, settings: Settings, url: str) -> None:
        self._state = Path(settings.state)
        host, port = listen_address(settings.http.listen)
        self.address = urlsplit(url if "//" in url else f"//{url}").netloc if url else _joined(host, port)
        self._known = bool(url) or port != 0
        self._tls = settings.http.tls
        self._asks = Guard(settings.http, self._state).asks

    def mappings(self) -> list[dict[str, Any]]:
        """What it tells of its mappings. Raises AwayError."""
        found: list[dict[str, Any]] = self._ask("GET", PATH, None, PATIENCE)["mappings"]
        return found

    def metrics(self) -> str:
        """Its metrics page. Raises AwayError."""
        status, content = self._send("GET", "/metrics", None, PATIENCE)
        if status != http.HTTPStatus.OK:
            raise AwayError(f"what answers at {self.address} has no metrics page: {status}")
        return content.decode()

    def ask(self, mapping: str, verb: str, body: Mapping[str, Any], patience: float) -> dict[str, Any]:
        """Have it do something. patience: seconds that may take. Raises AwayError, DeniedError."""
        return self._ask("POST", f"{PATH}/{quote(mapping)}/{verb}", json.dumps(body), patience)

    def _ask(self, method: str, path: str, body: str | None, patience: float) -> dict[str, Any]:
        return self._read(*self._send(method, path, body, patience))

    def _send(self, method: str, path: str, body: str | None, patience: float) -> tuple[int, bytes]:
        if not self._known:
            raise AwayError("the configuration lets the daemon take a free port; name it with --url")
        connection = self._connection(patience)
        try:
            wanted = body is not None or self._asks
            headers = {"Authorization": f"Bearer {token(self._state)}"} if wanted else {}
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise AwayError(f"no daemon answers at {self.address}: {error}") from error
        finally:
            connection.close()
        return answer.status, content

    def _connection(self, patience: float) -> http.client.HTTPConnection:
        """Under TLS the daemon is known by its certificate, whatever name or root that has; the token stands in for one of ours."""
        if self._tls is None:
            return http.client.HTTPConnection(self.address, timeout=patience)
        context = ssl.create_default_context(cafile=self._tls.certificate)
        context.check_hostname = False
        context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
        return http.client.HTTPSConnection(self.address, timeout=patience, context=context)

    def _read(self, status: int, content: bytes) -> dict[str, Any]:
        try:
            value = json.loads(content)
        except ValueError:
            value = {}
        if status == http.HTTPStatus.OK and isinstance(value, dict):
            return value
        if isinstance(value, dict) and isinstance(value.get("message"), str):
            raise DeniedError(value["message"])
        raise AwayError(f"what answers at {self.address} is no daemon of this version: {status}")


def configuration(given: argparse.Namespace) -> Settings:
    """The configuration as it stands, and what calls made; whether this host can run its functions is no matter here.

    Else the program ends with 78.
    """
    try:
        return whole(load(given.config), str(given.config))
    except (SettingsError, StoreError) as error:
        print(error, file=sys.stderr)
        sys.exit(UNUSABLE)


def mapping(name: str, settings: Settings) -> MappingSettings | None:
    """The mapping that an argument names, else None: the reason is on standard error then."""
    found = settings.event_source_mappings.get(name)
    if found is None:
        hint = nearest(name, settings.event_source_mappings) or "there are none"
        print(f"there is no mapping {name!r}; {hint}", file=sys.stderr)
    return found


def _joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
