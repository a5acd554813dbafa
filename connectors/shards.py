"""Which shards of a stream may be read now, and what is remembered of each. Pure; no I/O. Not a connector.

A shard ends when it is split, merged or rolled over; its children hold what came after. So that order by key outlives that, a child is
read only when all that its parents held is settled.

Of each shard one position is kept, in these words: the sequence number of the last settled record, ``SHARD_END`` when that was the
last of all, or where to begin: ``TRIM_HORIZON``, ``LATEST``, ``AT_TIMESTAMP <epoch seconds>``. A shard without one is either still to
come, or older than reading itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

END = "SHARD_END"
TRIM_HORIZON = "TRIM_HORIZON"
LATEST = "LATEST"
AT_TIMESTAMP = "AT_TIMESTAMP"


@dataclass(frozen=True, slots=True)
class Shard:
    """One shard as the server lists it.

    parents: none, one, or two after a merge; they may be gone from the list. closed: nothing is written to it any more.
    """

    id: str
    parents: tuple[str, ...] = ()
    closed: bool = False


def readable(shards: Sequence[Shard], positions: Mapping[str, str]) -> list[str]:
    """Ids of the shards that may be read now, in the order listed: begun or ready to begin, not at their end, no ancestor unfinished.

    A shard without a position is passed over when one of its descendants has one: reading began behind it. A parent that is no
    longer listed is finished, one way or another. Never raises.
    """
    listed = {shard.id: shard for shard in shards}
    begun = [shard for shard in shards if shard.id in positions]
    passed = {ancestor for shard in begun for ancestor in _ancestors(shard, listed)} - positions.keys()
    unfinished = {shard.id for shard in shards if positions.get(shard.id) != END and shard.id not in passed}
    return [shard.id for shard in shards if shard.id in unfinished and not unfinished & _ancestors(shard, listed)]


def beginning(shards: Sequence[Shard], positions: Mapping[str, str], start: str) -> list[str]:
    """Ids of the shards in which reading begins at LATEST, now.

    Those are the open ones when nothing is known of any shard and ``start`` says LATEST; else those whose position says so.
    """
    if start == LATEST and not positions:
        return [shard.id for shard in shards if not shard.closed]
    return [shard.id for shard in shards if positions.get(shard.id) == LATEST]


def forgotten(shards: Sequence[Shard], positions: Mapping[str, str]) -> list[str]:
    """Ids that have a position, and are no longer listed."""
    return sorted(positions.keys() - {shard.id for shard in shards})


def expects_children(shards: Sequence[Shard], positions: Mapping[str, str]) -> bool:
    """Whether a shard was read to its end whose children the server does not list yet; it may never have any."""
    parents = {parent for shard in shards for parent in shard.parents}
    return any(positions.get(shard.id) == END and shard.id not in parents for shard in shards)


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


def _ancestors(shard: Shard, listed: Mapping[str, Shard]) -> set[str]:
    """Those that are listed, of any generation."""
    found: set[str] = set()
    ahead = list(shard.parents)
    while ahead:
        parent = ahead.pop()
        if parent in listed and parent not in found:
            found.add(parent)
            ahead.extend(listed[parent].parents)
    return found
