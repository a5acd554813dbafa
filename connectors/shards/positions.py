"""How far a shard is read: the words in which its checkpoint is kept, and their order. Pure.

The sequence number of the last settled record, ``SHARD_END`` when that was the last of all, or where to begin: ``TRIM_HORIZON``,
``LATEST``, ``AT_TIMESTAMP <epoch seconds>``. Where one record holds many, ``<sequence number>.<n>`` is in the middle of it: behind the
n-th, counted from 0. A shard without a position is either still to come, or older than reading itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

from connectors.contract import FINISHED

END = FINISHED
TRIM_HORIZON = "TRIM_HORIZON"
LATEST = "LATEST"
AT_TIMESTAMP = "AT_TIMESTAMP"


def since(moment: float) -> str:
    """Return the position of the first record at a moment or later. moment: epoch seconds."""
    return f"{AT_TIMESTAMP} {moment!r}"


def moment_of(position: str) -> float | None:
    """Return the moment of an ``AT_TIMESTAMP`` position; None for any other."""
    word, _, moment = position.partition(" ")
    return float(moment) if word == AT_TIMESTAMP else None


def is_sequence_number(position: str) -> bool:
    """Whether a position names a record."""
    return position.isdecimal()


def middle_of(position: str) -> str | None:
    """Return the sequence number of the record that a position is in the middle of; None for any other."""
    number, _, inner = position.partition(".")
    return number if number.isdecimal() and inner.isdecimal() else None


def is_later(position: str, than: str | None) -> bool:
    """Whether a shard's reading has come further at one position than at another. None: not begun."""
    return _order(position) > _order(than)


def furthest(positions: Iterable[str]) -> str:
    """Return the last of at least one position."""
    return max(positions, key=_order)


def _order(position: str | None) -> tuple[int, int, float]:
    if position is None:
        return (0, 0, 0)
    if position == END:
        return (3, 0, 0)
    if is_sequence_number(position):
        return (2, int(position), inf)  # numbers of up to 56 digits
    number = middle_of(position)
    return (1, 0, 0) if number is None else (2, int(number), int(position.partition(".")[2]))
