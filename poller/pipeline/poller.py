"""One poller: receives until a batch is ready. The merging of receives and the batching window live here, its rules in batch.py.

While a window is open a source with whole seconds of waiting (SQS) is asked with what is left of it, rounded down; in the last second it is
asked a few times without waiting, so that a window of one second collects for one second.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable

from connectors.contract import Record
from poller.aio.clock import Clock
from poller.aio.stop import Stop
from poller.pipeline.batch import Batch, Batcher, Item
from poller.pipeline.lease import LeaseKeeper
from poller.pipeline.link import Link

LONG_POLL = 20.0
"""Seconds; the longest that SQS allows."""
NAP = 0.2
"""Seconds between receives that return nothing without having waited."""
MOST_AT_ONCE = 10
"""Receives of one poller under way together while it fills a large batch."""

SLOW = 1.0
"""Seconds for receives that found plenty: the server is at its limit, and more of them at once would time out, each with messages
leased to nobody. Seen: a server 25 times slower fell into handling the same messages again and again."""

Keep = Callable[[Iterable[Record]], list[Item]]
"""The records that pass the filters, encoded; the others are settled."""


class Poller:
    """Fetches for one batch at a time.

    full: the last round of receives returned all it asked for, so there is backlog. slow: it was full, and yet took long.
    """

    def __init__(
        self, link: Link, leases: LeaseKeeper, batcher: Batcher, *, keep: Keep, max_fetch: int, clock: Clock
    ) -> None:
        self._link = link
        self._leases = leases
        self._batcher = batcher
        self._keep = keep
        self._max_fetch = max_fetch
        self._clock = clock
        self._at_once = 1
        self._arrived: list[Record] = []
        self.full = False
        self.slow = False

    async def collect(self, stop: Stop) -> list[Batch]:
        """The next batches to run, or [] when a whole poll brought nothing, or on stop (then see ``rest``)."""
        while not stop.soft:
            if ready := self._batcher.cut(self._clock.now()):
                return ready
            await self._fetch(stop)
            if not self._arrived and self._batcher.due() is None:
                return []
            arrived, self._arrived = self._arrived, []
            if ready := self._batcher.offer(self._keep(arrived), self._clock.now()):
                return ready
        return []

    def rest(self) -> list[Record]:
        """Records in hand that belong to no batch that was returned; in order. They are forgotten here."""
        records, self._arrived = self._batcher.rest() + self._arrived, []
        return records

    async def _fetch(self, stop: Stop) -> None:
        """One round of receives, as many at once as the room and the backlog justify."""
        began = self._clock.now()
        due = self._batcher.due()
        wait = LONG_POLL if due is None else max(0.0, due - began)
        room = self._batcher.room
        at_once = min(self._at_once, math.ceil(room / self._max_fetch))
        if at_once == 1:
            await stop.or_stop(self._receive(room, wait))
        else:
            wait = 0.0  # a long poll among them would hold back what the others brought, past the window
            await stop.or_stop(self._receive_together(at_once, room, wait))
        asked = min(room, at_once * self._max_fetch)
        self.full = len(self._arrived) >= asked
        waited = self._clock.now() - began
        self.slow = self.full and waited > SLOW
        self._at_once = min(self._at_once * 2, MOST_AT_ONCE) if self.full and not self.slow else 1
        if not self._arrived and waited < wait and not stop.soft:
            await stop.or_stop(self._clock.sleep(min(NAP, wait - waited)))

    async def _receive(self, room: int, wait: float) -> None:
        """Keep what arrives at once, so that a cancelled round loses nothing that was already here."""
        records = await self._link.fetch(room, wait)
        self._leases.hold(records)
        self._arrived += records

    async def _receive_together(self, count: int, room: int, wait: float) -> None:
        async with asyncio.TaskGroup() as receives:
            for n in range(count):
                receives.create_task(self._receive(min(self._max_fetch, room - n * self._max_fetch), wait))
