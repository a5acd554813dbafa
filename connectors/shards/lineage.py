"""Which shards of a stream may be read now, from their parents and positions. Pure.

A shard ends when it is split, merged or rolled over; its children hold what came after. So that order by key outlives that, a child is
read only when all that its parents held is settled.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from connectors.shards.positions import END, LATEST


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

    Those are the newest when nothing is known of any shard and ``start`` says LATEST; else those whose position says so. A shard is one of
    the newest while it is open, or closed without a child yet: some servers (dynoxide) call every shard closed that has a record.
    """
    if start == LATEST and not positions:
        parents = {parent for shard in shards for parent in shard.parents}
        return [shard.id for shard in shards if not shard.closed or shard.id not in parents]
    return [shard.id for shard in shards if positions.get(shard.id) == LATEST]


def forgotten(shards: Sequence[Shard], known: Iterable[str]) -> list[str]:
    """Ids that are known, and no longer listed."""
    return sorted(set(known) - {shard.id for shard in shards})


def expects_children(shards: Sequence[Shard], positions: Mapping[str, str]) -> bool:
    """Whether a shard was read to its end whose children the server does not list yet; it may never have any."""
    parents = {parent for shard in shards for parent in shard.parents}
    return any(positions.get(shard.id) == END and shard.id not in parents for shard in shards)


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
