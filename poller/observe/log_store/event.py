"""An event of a log as the store has it, and its place among the others. Pure."""

from __future__ import annotations

from typing import NamedTuple

_DIGITS = (20, 20, 16)
"""Of timestamp, chunk and offset in an event's id: 56 digits together, as the service's ids have."""


class Position(NamedTuple):
    """Where an event stands; positions order as events do. timestamp: milliseconds since 1970. chunk: the number of the one it is in."""

    timestamp: int
    chunk: int
    offset: int

    @property
    def id(self) -> str:
        """56 digits, unique in the store, in the order of events."""
        return "".join(f"{part:0{width}}" for part, width in zip(self, _DIGITS, strict=True))


FIRST = Position(0, 0, 0)
"""Before every event: chunks count from 1."""


def position(digits: str) -> Position:
    """What an id says. Raises ValueError for what is none."""
    if len(digits) != sum(_DIGITS) or not (digits.isascii() and digits.isdigit()):
        raise ValueError(f"{digits!r} is not an event's id")
    parts, at = [], 0
    for width in _DIGITS:
        parts.append(int(digits[at : at + width]))
        at += width
    return Position(*parts)


class LogEvent(NamedTuple):
    """ingested: when it was stored, milliseconds since 1970. message: as Lambda hands it to CloudWatch Logs, newline included."""

    position: Position
    ingested: int
    stream: str
    message: str
