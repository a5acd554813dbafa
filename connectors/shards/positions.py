"""How far a shard is read: the words in which its checkpoint is kept, and their order. Pure.

The sequence number of the last settled record, ``SHARD_END`` when that was the last of all, or where to begin: ``TRIM_HORIZON``,
``LATEST``, ``AT_TIMESTAMP <epoch seconds>``. A shard without a position is either still to come, or older than reading itself.
"""

from __future__ import annotations

from collections.abc import Iterable

END = "SHARD_END"
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


def is_later(position: str, than: str | None) -> bool:
    """Whether a shard's reading has come further at one position than at another. None: not begun."""
    return _order(position) > _order(than)


def furthest(positions: Iterable[str]) -> str:
    """Return the last of at least one position."""
    return max(positions, key=_order)


def _order(position: str | None) -> tuple[int, int]:
    if position is None:
        return (0, 0)
    if position == END:
        return (3, 0)
    return (2, int(position)) if is_sequence_number(position) else (1, 0)  # numbers of up to 56 digits
