"""What an extension subscribes to, read from its request with every rule of the two APIs. Pure.

Sources: Lambda DG, Lambda Telemetry API and Lambda Logs API; the schema in the runtime interface emulator. The words of refusals are
ours: the service's are not published.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import orjson

from poller.execution.telemetry.records import LOGS_SCHEMAS, TELEMETRY_SCHEMAS

CATEGORIES = ("platform", "function", "extension")
HOSTS = ("sandbox.localdomain", "sandbox")
RESERVED_PORT = 9001
"""The Runtime API's own."""
BUFFERING = {
    "maxItems": (1000, 10_000, 10_000),
    "maxBytes": (262_144, 1_048_576, 262_144),
    "timeoutMs": (25, 30_000, 1000),
}
"""Least, greatest, default."""


class Invalid(Exception):
    """The request breaks a rule; the message says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where payloads go, inside the environment. method: "" for TCP. host: as the extension wrote it, with the port."""

    port: int
    method: str = ""
    path: str = "/"
    host: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """One extension's wish. types: in its order. A payload leaves when it has max_items, max_bytes, or is timeout_seconds old."""

    schema: str
    types: tuple[str, ...]
    destination: Destination
    max_items: int
    max_bytes: int
    timeout_seconds: float


def read(body: bytes, *, logs: bool, schemas: tuple[str, ...] = TELEMETRY_SCHEMAS) -> Subscription:
    """The subscription in a request of the Telemetry API, under one of the schemas, or of the Logs API. Raises Invalid."""
    try:
        request = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Invalid(f"the body is no JSON: {error}") from error
    if not isinstance(request, dict):
        raise Invalid("the body must be a JSON object")
    schemas = LOGS_SCHEMAS if logs else schemas
    schema = request.get("schemaVersion", LOGS_SCHEMAS[0] if logs else "")
    if schema not in schemas:
        raise Invalid(f"schemaVersion must be one of {', '.join(schemas)}")
    types = request.get("types")
    if not isinstance(types, list) or not types or any(one not in CATEGORIES for one in types):
        raise Invalid(f"types must name at least one of {', '.join(CATEGORIES)}, and nothing else")
    limits = _buffering(request.get("buffering"))
    return Subscription(
        schema=schema,
        types=tuple(dict.fromkeys(types)),
        destination=_destination(request.get("destination"), logs=logs),
        max_items=limits["maxItems"],
        max_bytes=limits["maxBytes"],
        timeout_seconds=limits["timeoutMs"] / 1000,
    )


def _buffering(given: Any) -> dict[str, int]:
    if given is None:
        given = {}
    if not isinstance(given, dict):
        raise Invalid("buffering must be an object")
    found = {}
    for name, (least, greatest, default) in BUFFERING.items():
        value = given.get(name, default)
        if type(value) is not int or not least <= value <= greatest:
            raise Invalid(f"buffering.{name} must be an integer from {least} to {greatest}")
        found[name] = value
    return found


def _destination(given: Any, *, logs: bool) -> Destination:
    if not isinstance(given, dict):
        raise Invalid("destination must be an object")
    protocol = given.get("protocol")
    if protocol == "TCP":
        return Destination(port=_port(given.get("port"), "destination.port"))
    if protocol != "HTTP":
        raise Invalid("destination.protocol must be HTTP or TCP")
    uri = given.get("URI")
    if not isinstance(uri, str):
        raise Invalid("destination.URI must be a string")
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError as error:
        raise Invalid(f"destination.URI: {error}") from error
    if parts.scheme != "http" or parts.hostname not in HOSTS or any(character <= " " for character in uri):
        raise Invalid(f"destination.URI must be http://{HOSTS[0]}:PORT, with a path or without")
    method = given.get("method", "POST") if logs else "POST"
    if method not in {"POST", "PUT"}:
        raise Invalid("destination.method must be POST or PUT")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Destination(
        port=_port(80 if port is None else port, "the port of destination.URI"),
        method=method,
        path=path,
        host=parts.netloc,
    )


def _port(given: Any, what: str) -> int:
    if type(given) is not int or not 1 <= given <= 65535:  # noqa: PLR2004  # the range of ports
        raise Invalid(f"{what} must be an integer from 1 to 65535")
    if given == RESERVED_PORT:
        raise Invalid(f"{what} must not be {RESERVED_PORT}, which is reserved")
    return given
