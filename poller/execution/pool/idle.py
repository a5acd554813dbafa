"""Environments of a pool, and those of them with room for an invocation in the order in which they are used again."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from poller.execution.contract import Environment


@dataclass(slots=True, eq=False)
class Member:
    """An environment of a pool.

    ends, since: seconds of the clock, when it is old and when it became idle. standing: what provision.py counts it as.
    running: invocations that it was given and that are not over. leaving: why it takes no more and is stopped after the last, or "".
    """

    environment: Environment
    provisioned: bool
    ends: float = math.inf
    since: float = 0.0
    standing: Literal["", "ready", "old"] = ""
    running: int = 0
    leaving: str = ""

    @property
    def room(self) -> bool:
        """Whether it may run one more."""
        return self.running < self.environment.capacity


class Idle:
    """Used last, used next: so the others stay idle and can be stopped. One that was reset comes after all that are warm.

    An environment that runs several at once comes before those without work as long as it has room, the fullest first, for the same reason:
    what there is of work stands in as few environments as can be. (The host's processors are shared by all of them, so spreading would gain
    nothing but more of them to start, to keep and to stop.)
    """

    def __init__(self) -> None:
        self._members: list[Member] = []  # without work; used last is last
        self._shared: dict[Member, None] = {}  # with work, and room

    def __len__(self) -> int:
        """Those without work."""
        return len(self._members)

    def __iter__(self) -> Iterator[Member]:
        """Those without work; over a copy: members may leave meanwhile."""
        return iter(self._members.copy())

    def take(self) -> Member | None:
        """The next to be used, which is here no more until it is put or shared again."""
        members = self._members
        if self._shared and (member := self._fullest()) and (member.environment.warm or not self._warm):
            del self._shared[member]
            return member
        if not members:
            return None
        if members[-1].environment.warm:
            return members.pop()
        warm = (n for n in range(len(members) - 1, -1, -1) if members[n].environment.warm)
        return members.pop(next(warm, -1))

    def put(self, member: Member, now: float) -> None:
        """It has no work from now on."""
        if self._shared:
            self._shared.pop(member, None)
        member.since = now
        self._members.append(member)

    def share(self, member: Member) -> None:
        """It has work, and perhaps room for more. It may be known already."""
        if member.room:
            self._shared[member] = None
        else:
            self._shared.pop(member, None)

    def remove(self, member: Member) -> None:
        """It is to be stopped, or to be used no more. With work, it may be unknown."""
        if member.running:
            self._shared.pop(member, None)
        else:
            self._members.remove(member)

    @property
    def longest(self) -> Member | None:
        """The one that is idle for the longest time."""
        return self._members[0] if self._members else None

    @property
    def places(self) -> int:
        """Invocations that they could take."""
        return sum(member.environment.capacity - member.running for member in (*self._members, *self._shared))

    @property
    def _warm(self) -> bool:
        return any(member.environment.warm for member in self._members)

    def _fullest(self) -> Member | None:
        """Of those with room, warm ones first. Room may have gone since they were put here: an environment may lose some on its own."""
        with_room = [member for member in self._shared if member.room]
        return max(with_room, key=lambda member: (member.environment.warm, member.running), default=None)
