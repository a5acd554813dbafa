"""Two small APIs that a function's process may ask: about where it runs, and for its credentials.

Metadata: Lambda DG, Using the Lambda metadata endpoint (2026). Credentials: the runtime interface emulator (SnapStart).
An environment serves them only if it has told its processes the token, in AWS_LAMBDA_METADATA_TOKEN or AWS_CONTAINER_AUTHORIZATION_TOKEN.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass

import orjson

from poller.execution.listener.replies import JSON, not_found, refuse
from poller.wire.http import Exchange, Request, response


class MetadataApi:
    """Where the environment is. token: per environment. zone: e.g. ``use1-az1``."""

    prefix = b"/2026-01-15/metadata/execution-environment"

    def __init__(self, token: str, zone: str) -> None:
        self._authorization = f"Bearer {token}".encode()
        cached = (b"Cache-Control", b"private, max-age=43200, immutable")
        self._answer = response(200, [JSON, cached], orjson.dumps({"AvailabilityZoneID": zone}))

    def on_call(self, request: Request, exchange: Exchange) -> None:
        """Tell it to who knows the token."""
        if request.path != self.prefix:
            not_found(exchange)
        elif request.method != b"GET":
            refuse(exchange, 405, "MethodNotAllowed", "Only GET is allowed")
        elif not hmac.compare_digest(request.header(b"authorization"), self._authorization):
            refuse(exchange, 401, "Unauthorized", "The token is missing or wrong")
        else:
            exchange.send(self._answer)

    def runtime_ready(self) -> None:
        """Nothing follows."""

    def reset(self) -> None:
        """Nothing is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Of the function's role. expiration: RFC 3339."""

    access_key_id: str
    secret_access_key: str
    session_token: str
    expiration: str


class CredentialsApi:
    """The credentials endpoint. token: what Authorization must be, word for word. current: called for each request."""

    prefix = b"/2021-04-23/credentials"

    def __init__(self, token: str, current: Callable[[], Credentials]) -> None:
        self._token = token.encode()
        self._current = current

    def on_call(self, request: Request, exchange: Exchange) -> None:
        """Tell them to who knows the token; anybody else is told that there are none."""
        authorised = hmac.compare_digest(request.header(b"authorization"), self._token)
        if request.path != self.prefix or request.method != b"GET" or not authorised:
            refuse(exchange, 404, "NotFound", "cannot get credentials for the provided token")
            return
        now = self._current()
        body = {
            "AccessKeyId": now.access_key_id,
            "SecretAccessKey": now.secret_access_key,
            "Token": now.session_token,
            "Expiration": now.expiration,
        }
        exchange.respond(200, [JSON], orjson.dumps(body))

    def runtime_ready(self) -> None:
        """Nothing follows."""

    def reset(self) -> None:
        """Nothing is kept."""
