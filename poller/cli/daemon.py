"""The way to a running daemon: its port, by which it is asked what it tells and for operations of the Lambda API.

What is under ``/_pollerd`` takes the token of its state folder, operations a signature where the daemon has keys: that of
AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or of the configuration that this command can read.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from poller.control.assemble import region_of
from poller.control.guard import Guard
from poller.control.token import token
from poller.settings.listen import listen_address
from poller.settings.model import Settings
from poller.wire.aws import sigv4
from poller.wire.aws.sigv4_rules import STAMP, Scope
from poller.wire.aws.target import target

MAPPINGS = "/_pollerd/mappings"
STATUS = "/_pollerd/status"
ABOUT = "/_pollerd/daemon"
RELOAD = "/_pollerd/reload"
PATIENCE = 10.0
"""Seconds to wait for what only tells."""
RELOAD_PATIENCE = 300.0
"""Packages and images that are new are unpacked before the answer."""
URL_VARIABLE = "POLLERD_URL"
CERTIFICATE_VARIABLE = "POLLERD_CLIENT_CERTIFICATE"


class AwayError(Exception):
    """No daemon answers there. The message is a sentence."""


class DeniedError(Exception):
    """The daemon does not do it. The message is its sentence. code: the API's, "" of what is no operation."""

    def __init__(self, sentence: str, code: str = "") -> None:
        super().__init__(sentence)
        self.code = code


@dataclass(frozen=True, slots=True)
class Answer:
    """To one request. headers: names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Of an operation of the API. path: from the root, encoded. headers: beyond those that every request has."""

    method: str
    path: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def add_url(parser: argparse._ActionsContainer) -> None:
    """The option that names a daemon."""
    help_ = f"the daemon's port, as its log says; default: ${URL_VARIABLE}, else http.listen of the configuration"
    parser.add_argument("--url", default=os.environ.get(URL_VARIABLE, ""), metavar="URL", help=help_)


class Daemon:
    """A daemon that may be running. url: "" for the one of the configuration."""

    def __init__(self, settings: Settings, url: str = "") -> None:
        self._state = Path(settings.state)
        host, port = listen_address(settings.http.listen)
        parts = urlsplit(url if "//" in url else f"//{url}")
        self.address = parts.netloc if url else _joined(host, port)
        self._known = bool(url) or port != 0
        self._named = bool(url)
        self._tls = parts.scheme == "https" or settings.http.tls is not None
        self._settings = settings
        self._asks = Guard(settings.http, self._state).asks

    def greet(self) -> None:
        """Whether it is there. Raises AwayError when nothing answers, or something else than a daemon that knows us."""
        answer = self._exchange("GET", "/healthz", None, self._bearer() if self._asks else {}, PATIENCE)
        if answer.status != http.HTTPStatus.OK:
            raise AwayError(f"what answers at {self.address} is not the daemon of this configuration: {answer.status}")

    def metrics(self) -> str:
        """Its metrics page. Raises AwayError, DeniedError."""
        answer = self._exchange("GET", "/metrics", None, self._bearer() if self._asks else {}, PATIENCE)
        if answer.status != http.HTTPStatus.OK:
            raise AwayError(f"what answers at {self.address} has no metrics page for us: {answer.status}")
        return answer.body.decode()

    def reload(self) -> dict[str, Any]:
        """Have it read its configuration again; what that concerned (control/reload.py). Raises AwayError, DeniedError."""
        return self._told("POST", RELOAD, b"", RELOAD_PATIENCE)

    def status(self) -> dict[str, Any]:
        """All that it has and does (control/status.py). Raises AwayError, DeniedError."""
        return self._told("GET", STATUS, None, PATIENCE)

    def refuse_others(self) -> None:
        """Raises AwayError also when the daemon that answers is that of another configuration, with another state folder."""
        folder = self._told("GET", ABOUT, None, PATIENCE)["state_folder"]
        if Path(folder) != self._state:
            raise AwayError(
                f"the daemon at {self.address} is not that of this configuration: its state folder is {folder}"
            )

    def mappings(self) -> list[dict[str, Any]]:
        """What it tells of its mappings. Raises AwayError, DeniedError."""
        found: list[dict[str, Any]] = self._told("GET", MAPPINGS, None, PATIENCE)["mappings"]
        return found

    def ask(self, mapping: str, verb: str, body: Mapping[str, Any], patience: float) -> dict[str, Any]:
        """Have it do something. patience: seconds that may take. Raises AwayError, DeniedError."""
        return self._told("POST", f"{MAPPINGS}/{quote(mapping)}/{verb}", json.dumps(body).encode(), patience)

    def operation(self, request: Request, patience: float = PATIENCE) -> Answer:
        """Ask for an operation of the Lambda API. Raises AwayError; DeniedError for what it refuses, with the API's code."""
        answer = self._exchange(request.method, request.path, request.body, self._signed(request), patience)
        if answer.status < http.HTTPStatus.BAD_REQUEST:
            if "x-amzn-requestid" not in answer.headers:
                raise self._stranger(answer.status)
            return answer
        said = _object(answer.body)
        code = answer.headers.get("x-amzn-errortype", "").partition(":")[0]
        if not code:
            raise self._stranger(answer.status)
        raise DeniedError(str(said.get("message") or said.get("Message") or code), code)

    def json(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The output of an operation whose input is a path and, where it has one, a JSON object. Raises as ``operation`` does."""
        written = b"" if body is None else json.dumps(body).encode()
        return _object(self.operation(Request(method=method, path=path, body=written)).body)

    def _told(self, method: str, path: str, body: bytes | None, patience: float) -> dict[str, Any]:
        wanted = body is not None or self._asks
        headers = self._bearer() if wanted else {}
        answer = self._exchange(method, path, body, headers, patience)
        value = _object(answer.body)
        if answer.status == http.HTTPStatus.OK and value:
            return value
        if isinstance(value.get("message"), str) and "x-amzn-errortype" not in answer.headers:
            raise DeniedError(value["message"])
        raise self._stranger(answer.status)

    def _bearer(self) -> dict[str, str]:
        try:
            return {"Authorization": f"Bearer {token(self._state)}"}
        except OSError as error:
            raise DeniedError(f"the token of the state folder cannot be read: {error}") from error

    def _exchange(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], patience: float
    ) -> Answer:
        if not self._known:
            raise AwayError("the configuration lets the daemon take a free port; name it with --url")
        with self._connected(patience) as connection:
            connection.request(method, path, body, dict(headers))
            found = connection.getresponse()
            return Answer(found.status, {name.lower(): value for name, value in found.getheaders()}, found.read())

    @contextmanager
    def _connected(self, patience: float) -> Iterator[http.client.HTTPConnection]:
        connection: http.client.HTTPConnection | None = None
        try:
            connection = self._connection(patience)
            yield connection
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise AwayError(f"no daemon answers at {self.address}: {error}") from error
        finally:
            if connection is not None:
                connection.close()

    def _connection(self, patience: float) -> http.client.HTTPConnection:
        """Under TLS a daemon is known by the certificate that the configuration has, whatever name or root that has.

        Without a configuration it is known as any server is, and SSL_CERT_FILE names roots of one's own.
        """
        if not self._tls:
            return http.client.HTTPConnection(self.address, timeout=patience)
        own = self._settings.http.tls
        context = ssl.create_default_context(cafile=own.certificate if own else None)
        if own:
            context.check_hostname = False
            context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
        if certificate := os.environ.get(CERTIFICATE_VARIABLE):
            context.load_cert_chain(certificate)
        return http.client.HTTPSConnection(self.address, timeout=patience, context=context)

    def _signed(self, request: Request) -> dict[str, str]:
        headers = {"Host": self.address, **request.headers}
        if request.body:
            headers.setdefault("Content-Type", "application/json")
        key = self._key()
        if key is None:
            return headers
        headers["X-Amz-Date"] = datetime.now(UTC).strftime(STAMP)
        listed = [(name.lower(), value) for name, value in headers.items()]
        asked = sigv4.Request(method=request.method, target=target(request.path), headers=listed)
        scope = Scope(region=region_of(self._settings.aws), service="lambda")
        return headers | {"Authorization": sigv4.authorization(asked, *key, scope, request.body)}

    def _key(self) -> tuple[str, str] | None:
        """An access key that the daemon will know: of the environment, unless this configuration has keys and it is none of them."""
        own, keys = os.environ.get("AWS_ACCESS_KEY_ID", ""), self._settings.http.keys
        secret = os.environ.get("AWS_SECRET_ACCESS_KEY", "")
        if own and secret and (self._named or not keys or own in keys):
            return own, secret
        most = sorted(keys.items(), key=lambda item: (item[1].read_only, bool(item[1].functions)))
        return next(((name, key.secret_access_key) for name, key in most), None)

    def _stranger(self, status: int) -> AwayError:
        return AwayError(f"what answers at {self.address} is no daemon of this version: {status}")


def _object(content: bytes) -> dict[str, Any]:
    try:
        value = json.loads(content)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
