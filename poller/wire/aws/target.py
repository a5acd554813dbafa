"""What a request line asks for, as bytes that are signed and as values that are meant: one reading for both, so that they cannot differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, unquote

from poller.wire.aws.errors import ApiError


@dataclass(frozen=True, slots=True)
class Target:
    """path: percent signs and all, without dot segments and doubled slashes. query: decoded, in order."""

    path: str
    query: Sequence[tuple[str, str]]


def target(raw: str) -> Target:
    """Read the target of a request line: ``/path?query``.

    A plus sign stands for itself, as in signatures. Raises ApiError for what is no URL: bytes beyond ASCII, a query that is no UTF-8.
    """
    if not raw.isascii():
        raise ApiError("ValidationException", "The target of the request has characters that must be encoded")
    path, _, query = raw.partition("?")
    try:
        pairs = [pair.partition("=") for pair in query.split("&") if pair]
        return Target(_normal(path), [(_decoded(name), _decoded(value)) for name, _, value in pairs])
    except UnicodeDecodeError:
        raise ApiError("ValidationException", "The query of the request is not UTF-8") from None


def encoded(text: str) -> str:
    """As signatures encode names and values: everything but letters, digits and ``-_.~``."""
    return quote(text, safe="-_.~")


def _decoded(text: str) -> str:
    return unquote(text, errors="strict")


def _normal(path: str) -> str:
    """Without dot segments and doubled slashes, as signatures have it (Signature Version 4, canonical URI); one at the end stays."""
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in {"", "."}:
            kept.append(segment)
    return "/" + "/".join(kept) + ("/" if kept and path.endswith("/") else "")
