"""Environments of a pool, and those of them without work in the order in which they are used again."""

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
    """

    environment: Environment
    provisioned: bool
    ends: float = math.inf
    since: float = 0.0
    standing: Literal["", "ready", "old"] = ""


class Idle:
    """Used last, used next: so the others stay idle and can be stopped. One that was reset comes after all that are warm."""

    def __init__(self) -> None:
        self._members: list[Member] = []  # used last is last

    def __len__(self) -> int:
        return len(self._members)

    def __iter__(self) -> Iterator[Member]:
        """Over a copy: members may leave meanwhile."""
        return iter(self._members.copy())

    def take(self) -> Member | None:
        """The next to be used, which is idle no more."""
        members = self._members
        if not members:
            return None
        if members[-1].environment.warm:
            return members.pop()
        warm = (n for n in range(len(members) - 1, -1, -1) if members[n].environment.warm)
        return members.pop(next(warm, -1))

    def put(self, member: Member, now: float) -> None:
        """It has no work from now on."""
        member.since = now
        self._members.append(member)

    def remove(self, member: Member) -> None:
        """It is to be stopped."""
        self._members.remove(member)

    @property
    def longest(self) -> Member | None:
        """The one that is idle for the longest time."""
        return self._members[0] if self._members else None
