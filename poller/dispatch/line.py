"""Who waits for slots of one function, and in which order they are to be served. Decides; hands nothing out itself.

Work goes first, in the order of arrival, whoever brought it; polls follow, the mappings in turn. But a mapping that has nothing outstanding
waits for its first poll as if it were work: else a flood of work would keep it from ever looking whether it has any.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from poller.dispatch.slots import Claim, Permit, SlotPool


@dataclass(slots=True, eq=False)
class Waiter:
    """A place in line. arrived: grows from one to the next."""

    claim: Claim
    poll: bool
    arrived: int
    future: asyncio.Future[Permit]


class Line:
    """One function's waiters, and how many slots it holds. pool: where they come from. floor: slots set aside for it there."""

    __slots__ = ("_polls", "_work", "floor", "held", "pool")

    def __init__(self, pool: SlotPool) -> None:
        self.pool = pool
        self.floor = 0
        self.held = 0
        self._work: deque[Waiter] = deque()
        self._polls: OrderedDict[Claim, deque[Waiter]] = OrderedDict()  # whose turn it is comes first

    def __bool__(self) -> bool:
        return bool(self._work or self._polls)

    @property
    def set_aside(self) -> int:
        """Slots of the floor that are not held."""
        return self.floor - self.held if self.held < self.floor else 0

    @property
    def working(self) -> int:
        """Waiters with work."""
        return len(self._work)

    @property
    def polling(self) -> bool:
        """Whether anybody waits to poll."""
        return bool(self._polls)

    def join(self, waiter: Waiter) -> None:
        """To the end of its kind."""
        if waiter.poll:
            self._polls.setdefault(waiter.claim, deque()).append(waiter)
        else:
            self._work.append(waiter)
            waiter.claim.waiting += 1

    def leave(self, waiter: Waiter, *, served: bool) -> None:
        """Out of line; a claim whose poll was served goes behind the others. Nothing happens if it is not in line any more."""
        if not waiter.poll:
            if waiter in self._work:
                self._work.remove(waiter)
                waiter.claim.waiting -= 1
        elif (waiters := self._polls.get(waiter.claim)) and waiter in waiters:
            waiters.remove(waiter)
            if not waiters:
                del self._polls[waiter.claim]
            elif served:
                self._polls.move_to_end(waiter.claim)

    def candidates(self) -> Iterator[Waiter]:
        """Those who may be served next; the first who can be is to be.

        Claims at their own limit are passed over: those behind need not suffer.
        """
        polls = (
            waiter
            for claim, waiters in self._polls.items()
            if not claim.full and (waiter := next((waiter for waiter in waiters if not waiter.future.done()), None))
        )
        work = next((waiter for waiter in self._work if not (waiter.claim.full or waiter.future.done())), None)
        if work is None:
            yield from polls
            return
        before = [poll for poll in polls if poll.arrived < work.arrived and not poll.claim.outstanding]
        yield from sorted(before, key=lambda poll: poll.arrived)
        yield work
