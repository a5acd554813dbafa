"""What a consumer holds, and how it comes by what others held: entries given and not acknowledged.

Knows which entries are in the engine's hands; all else that the group has pending for us was given to a process that is no more, or in an
answer that got lost. Time is the running loop's.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from connectors.contract import SourceError
from connectors.redis.group import RELEASED, Consumer, Entry, Group

LOOKS = 4
"""Looks at the other consumers within one lease: what a dead one held waits a quarter of a lease longer at most."""
KEEPS = 3
"""Times within one lease that what is in hand is kept: two may fail."""
AGES = 10.0 * 365 * 86400
"""Seconds that such an entry claims to have been idle."""


class Taken(NamedTuple):
    """entries: ours now, each with how often it was given out, this time included. lost: ids that were trimmed from the stream."""

    entries: list[tuple[Entry, int]]
    lost: list[str]


@dataclass(slots=True)
class _Sweep:
    """Entries of one consumer to be taken over, in order. idle: seconds each must have been at least. after: id of the last one seen."""

    consumer: str
    idle: float
    after: str = ""


class Holdings:
    """Of one consumer in one group. lease: seconds. retention: after which a consumer that holds nothing is forgotten."""

    def __init__(self, group: Group, *, lease: float, retention: float) -> None:
        self._group = group
        self._consumer = ""
        self._lease = lease
        self._retention = retention
        self._held: set[str] = set()  # in the engine's hands
        self._sweeps: deque[_Sweep] = deque()
        self._due = 0.0

    def begin(self, consumer: str) -> None:
        """We are this consumer from now on, and nothing is in hand: whatever it was given comes again."""
        self._consumer = consumer
        self._held.clear()
        self._sweeps.clear()
        self._due = 0.0
        self.doubt()

    def doubt(self) -> None:
        """Something may have been given to us that is not in hand: look through all that is ours before anything else."""
        all_of_ours = _Sweep(self._consumer, 0)
        if not self._sweeps or self._sweeps[0] != all_of_ours:  # one that has begun is another
            self._sweeps.appendleft(all_of_ours)

    def due_in(self) -> float:
        """Seconds until the next look at the others, 0 when it is due."""
        return max(0.0, self._due - _now())

    async def look(self) -> None:
        """Find who left something behind, and forget who has long been gone."""
        self._due = _now() + self._lease / LOOKS
        for each in await self._group.consumers():
            if self._is_left(each):
                self._sweeps.append(_Sweep(each.name, self._lease))
            elif not each.pending and each.idle >= self._retention and each.name not in {self._consumer, RELEASED}:
                await self._group.forget(each.name, self._retention)

    async def take_over(self, limit: int) -> Taken:
        """Up to ``limit`` entries that were left behind, the oldest of one consumer first; none when there are no more."""
        while self._sweeps:
            sweep = self._sweeps[0]
            rows = dict(await self._group.pending(sweep.consumer, sweep.after, limit, sweep.idle))
            taken = await self._claim([each for each in rows if each not in self._held], rows, sweep.idle)
            sweep.after = next(reversed(rows), sweep.after)
            if len(rows) < limit:
                self._sweeps.remove(sweep)
            if taken.entries or taken.lost:
                return taken
        return Taken([], [])

    def hold(self, ids: Iterable[str]) -> None:
        """These are in hand."""
        self._held.update(ids)

    def drop(self, ids: Iterable[str]) -> None:
        """These are not in hand any more."""
        self._held.difference_update(ids)

    async def release(self, ids: Sequence[str]) -> None:
        """For anybody to take, we too."""
        await self._group.hand(ids, self._consumer, RELEASED, AGES)
        self.drop(ids)

    async def keep(self) -> None:
        """Keep what is in hand, for ever: begin its idle time anew three times a lease, which is a sign of life, too.

        A task of its own, apart from fetching. What fails is tried again while the lease lasts; that the server is away the next fetch
        tells. What is somebody else's by then is theirs: we have been taken for dead, and it is handled twice.
        """
        while True:
            await asyncio.sleep(self._lease / KEEPS)
            asked = list(self._held)
            with contextlib.suppress(SourceError):
                kept = await self._group.hand(asked, self._consumer, self._consumer, 0)
                self.drop(set(asked) - kept)

    async def _claim(self, ids: Sequence[str], deliveries: Mapping[str, int], idle: float) -> Taken:
        if not ids:
            return Taken([], [])
        entries = await self._group.claim(self._consumer, ids, idle)
        claimed = [id_ for id_, _ in entries]
        self.hold(claimed)
        missing = set(ids).difference(claimed)
        lost = await self._group.trimmed([each for each in ids if each in missing])
        await self._group.acknowledge(lost, delete=False)
        return Taken([(entry, deliveries[entry[0]] + 1) for entry in entries], lost)

    def _is_left(self, consumer: Consumer) -> bool:
        if consumer.name == self._consumer:
            return consumer.pending > len(self._held)
        return consumer.pending > 0 and (consumer.name == RELEASED or consumer.idle >= self._lease)


def _now() -> float:
    return asyncio.get_running_loop().time()
