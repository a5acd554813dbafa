"""What a function said, as an HTTP answer (Lambda DG, Invoking Lambda function URLs; values without statusCode: recorded)."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\U0010ffff]*")
_STATUS = range(200, 600)
"""Nothing below is a final answer."""
_OURS = frozenset(
    {"connection", "content-length", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
)
"""Headers about the connection, which is not the function's."""

JSON = "application/json"


class Unusable(Exception):
    """What a function said is no HTTP answer. The message is a sentence for its author."""


@dataclass(frozen=True, slots=True)
class Head:
    """Status and headers of an answer; names as the function wrote them, ``set-cookie`` last, one for each cookie."""

    status: int
    headers: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A whole answer."""

    head: Head
    body: bytes


def answer(payload: bytes) -> HttpAnswer:
    """What a function's answer means. Raises Unusable."""
    try:
        said = json.loads(payload)
    except ValueError as error:
        raise Unusable(f"it is no JSON: {error}") from error
    if isinstance(said, str):
        return _plain(said.encode("utf-8", "replace"))
    if not isinstance(said, dict) or "statusCode" not in said:
        return _plain(json.dumps(said, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace"))
    return HttpAnswer(head(said, JSON), _body(said))


def head(said: Mapping[str, Any], content_type: str) -> Head:
    """Status, headers and cookies of an object that has them. content_type: where it says none. Raises Unusable."""
    status = said.get("statusCode", 200)
    if isinstance(status, str) and status.isascii() and status.isdigit():
        status = int(status)
    if isinstance(status, bool) or not isinstance(status, int) or status not in _STATUS:
        raise Unusable(f"statusCode is {status!r}, which is no status of an answer")
    headers = [pair for pair in _headers(said.get("headers")) if pair[0].lower() not in _OURS]
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.insert(0, ("content-type", content_type))
    return Head(status, [*headers, *(("set-cookie", cookie) for cookie in _cookies(said.get("cookies")))])


def _plain(body: bytes) -> HttpAnswer:
    return HttpAnswer(Head(200, [("content-type", JSON)]), body)


def _headers(given: Any) -> list[tuple[str, str]]:
    if given is None:
        return []
    if not isinstance(given, dict):
        raise Unusable("headers is no object")
    headers = [(name, _text(value)) for name, value in given.items() if value is not None]
    for name, value in headers:
        if not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
            raise Unusable(f"{name!r} is no header, or its value cannot be one")
    return headers


def _cookies(given: Any) -> list[str]:
    if given is None:
        return []
    if not isinstance(given, list) or not all(isinstance(cookie, str) and _VALUE.fullmatch(cookie) for cookie in given):
        raise Unusable("cookies is no list of texts")
    return given


def _text(value: Any) -> str:
    """A header's value: texts as they are, numbers and booleans as JSON has them."""
    if isinstance(value, dict | list):
        raise Unusable("a header's value is a list or an object")
    return value if isinstance(value, str) else json.dumps(value)


def _body(said: Mapping[str, Any]) -> bytes:
    body = said.get("body")
    if body is None:
        return b""
    if not isinstance(body, str):
        raise Unusable("body is no text")
    if said.get("isBase64Encoded") is not True:
        return body.encode("utf-8", "replace")
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Unusable(f"body is no base64: {error}") from error
