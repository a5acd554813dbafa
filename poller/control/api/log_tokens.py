"""Tokens of CloudWatch Logs: where a reader goes on. Pure.

A token names a place, which is the id of an event; the events need not be there any more. GetLogEvents: ``f/`` and ``b/``, forward of it
and backward of it; who reaches an end gets the token back that they came with. FilterLogEvents: ``a/`` and ``d/``, ascending and
descending, after what was looked at. DescribeLogStreams: time and name of the last one told.
"""

from __future__ import annotations

from collections.abc import Sequence

from poller.control.api.contract import ApiError
from poller.observe.log_store import FIRST, LogEvent, LogStream, Position, Range, position


def view_token(token: str | None, *, newest_first: bool) -> tuple[Range, bool]:
    """What GetLogEvents reads next, and whether backward. newest_first: without a token."""
    if token is None:
        return Range(), newest_first
    direction, place = _read(token, "fb")
    return (Range(before=place), True) if direction == "b" else (Range(after=place), False)


def forward(events: Sequence[LogEvent], token: str | None) -> str:
    """The nextForwardToken behind a page of GetLogEvents. events: in the order of time. token: that it was asked with."""
    if events:
        return f"f/{events[-1].position.id}"
    return token if token is not None and token.startswith("f/") else f"f/{FIRST.id}"


def backward(events: Sequence[LogEvent], token: str | None) -> str:
    """The nextBackwardToken before it."""
    if events:
        return f"b/{events[0].position.id}"
    if token is None or token.startswith("b/"):
        return token or f"b/{FIRST.id}"
    at = _read(token, "f")[1]
    return (
        f"b/{Position(at.timestamp, at.chunk, at.offset + 1).id}"  # so that the one it stands at is among those before
    )


def searched(token: str | None, *, newest_first: bool) -> tuple[Range, bool]:
    """What FilterLogEvents looks at next, and whether the newest first. newest_first: without a token."""
    if token is None:
        return Range(), newest_first
    direction, place = _read(token, "ad")
    return (Range(before=place), True) if direction == "d" else (Range(after=place), False)


def stream_token(stream: LogStream) -> str:
    """Behind that stream in DescribeLogStreams."""
    return f"{stream.last}@{stream.name}"


def went_on(token: str) -> tuple[int, str]:
    """Time and name that a token of DescribeLogStreams has."""
    time, at, name = token.partition("@")
    if not (at and time.isascii() and time.isdigit()):
        raise _invalid()
    return int(time), name


def _read(token: str, directions: str) -> tuple[str, Position]:
    direction, _, digits = token.partition("/")
    try:
        place = position(digits)
    except ValueError:
        raise _invalid() from None
    if len(direction) != 1 or direction not in directions:
        raise _invalid()
    return direction, place


def _invalid() -> ApiError:
    return ApiError("InvalidParameterException", "The specified nextToken is invalid.")
