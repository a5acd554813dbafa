"""Slots: who may run now. A permit is reserved before a fetch, used for an invocation, released after its answer.

Rules that hold here:

1. Permits held never exceed the limit of their pool: a function's reserved concurrency, or what all reservations leave of the total.
2. Functions of one pool take turns. Within a function who has records in hand goes before who only wants to poll (line.py has the
   whole order); so a flood on one function, mapping or caller costs the others a turn, and no more.
3. A reservation that only waits in a long poll gives way: an invocation that would have to wait *revokes* it, and so does
   a mapping that has nothing at all outstanding. The poll itself goes on; should it bring records, ``use`` waits in line
   for a slot. So an idle mapping never keeps a function from anybody.

4. Limits may change at any time. What is held stays held and counts against the new limit; a function whose reservation comes or goes
   takes its permits, and whoever waits in its line, along to the other pool.

Everything here is synchronous but the waiting itself; one event loop, no locks.
"""

from __future__ import annotations

import asyncio
import enum
import itertools
from collections import OrderedDict, deque
from collections.abc import Mapping

from poller.dispatch.line import Line, Waiter


class _State(enum.Enum):
    RESERVED = enum.auto()
    REVOKED = enum.auto()
    IN_USE = enum.auto()
    RELEASED = enum.auto()


class Permit:
    """The right to run one invocation. Made by a ``Claim``; release it exactly when the answer is known."""

    __slots__ = ("_claim", "_state")

    def __init__(self, claim: Claim, state: _State) -> None:
        self._claim = claim
        self._state = state

    async def use(self) -> None:
        """Turn the reservation into a running invocation; waits only if the reservation was revoked. Cancellable."""
        if self._state is _State.RESERVED:
            self._claim.pool.begin(self)
            self._state = _State.IN_USE
        elif self._state is _State.REVOKED:
            (await self._claim.acquire()).hand_over(self)

    def hand_over(self, other: Permit) -> None:
        """The slot becomes the other's, whose own was revoked."""
        self._state, other._state = _State.RELEASED, _State.IN_USE
        self._claim.polls_revoked -= 1

    def release(self) -> None:
        """Give the slot to whoever waits. Idempotent."""
        state, self._state = self._state, _State.RELEASED
        if state is _State.REVOKED:
            self._claim.polls_revoked -= 1
            self._claim.pool.grant()
        elif state is not _State.RELEASED:
            self._claim.pool.end(self, self._claim)

    def revoke(self) -> None:
        """Called by the pool: the slot goes to somebody who can use it now."""
        self._state = _State.REVOKED
        self._claim.polls_revoked += 1


class Claim:
    """One mapping's (or one API's) way to slots of one function, under a limit of its own (``maximum_concurrency``)."""

    __slots__ = ("held", "limit", "line", "name", "polls_revoked", "waiting")

    def __init__(self, line: Line, name: str, limit: int | None) -> None:
        self.line = line
        self.name = name
        self.limit = limit
        self.held = 0
        self.polls_revoked = 0
        self.waiting = 0
        """Work in line; the line counts it."""

    @property
    def pool(self) -> SlotPool:
        """Where the function's slots come from now."""
        return self.line.pool

    @property
    def full(self) -> bool:
        """Whether the claim's own limit is reached."""
        return self.limit is not None and self.held >= self.limit

    @property
    def outstanding(self) -> int:
        """Permits held, polls under way without one, and work in line."""
        return self.held + self.polls_revoked + self.waiting

    async def reserve(self) -> Permit:
        """A permit to poll with; waits for a free slot, in turn with other mappings. Revocable until used."""
        return await self.pool.wait(self, poll=True)

    async def acquire(self) -> Permit:
        """A permit in use; waits in line, before all who only want to poll."""
        return await self.pool.wait(self, poll=False)

    def try_reserve(self) -> Permit | None:
        """A permit to poll with at once, or None when that takes waiting."""
        return self.pool.take_in_turn(self, poll=True)

    def try_acquire(self) -> Permit | None:
        """A permit in use at once, or None: the caller is throttled."""
        return self.pool.take(self, poll=False)


class SlotPool:
    """Permits of one limit, and who waits for them."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0
        self._lines: dict[str, Line] = {}
        self._set_aside = 0
        self._floors = 0
        self._reserved: OrderedDict[Permit, Claim] = OrderedDict()  # oldest first
        self._turns: OrderedDict[Line, None] = OrderedDict()  # lines with waiters; whose turn it is comes first
        self._arrivals = itertools.count()

    def line(self, function: str) -> Line:
        """The function's line."""
        if function not in self._lines:
            self._lines[function] = Line(self)
        return self._lines[function]

    def keep(self, floors: Mapping[str, int]) -> None:
        """Slots that are kept for functions from now on; none for all others."""
        for function in floors:
            self.line(function)
        self._floors = sum(floors.values())
        for function, line in self._lines.items():
            self._set_aside -= line.set_aside
            line.floor = floors.get(function, 0)
            self._set_aside += line.set_aside

    def hand_over(self, function: str, other: SlotPool) -> None:
        """The function's line goes to another pool, with all that is held, reserved and waited for."""
        line = self._lines.pop(function, None)
        if line is None:
            return
        self.held -= line.held
        self._set_aside -= line.set_aside
        self._floors -= line.floor
        line.floor = 0
        for permit in [permit for permit, claim in self._reserved.items() if claim.line is line]:
            other._reserved[permit] = self._reserved.pop(permit)
        if line in self._turns:
            del self._turns[line]
            other._turns[line] = None
        other._lines[function] = line
        other.held += line.held
        line.pool = other

    def limit_of(self, function: str) -> int:
        """Slots that the function can have, when the others have none but what is set aside for them."""
        line = self._lines.get(function)
        return self.limit - self._floors + (line.floor if line is not None else 0)

    @property
    def waiting(self) -> int:
        """Tasks that wait for a slot with records in hand or an event to run."""
        return sum(line.working for line in self._turns)

    async def wait(self, claim: Claim, *, poll: bool) -> Permit:
        """A permit, at once or in turn."""
        if permit := self.take_in_turn(claim, poll=poll):
            return permit
        waiter = Waiter(claim, poll, next(self._arrivals), asyncio.get_running_loop().create_future())
        claim.line.join(waiter)
        self._turns.setdefault(claim.line)
        self.grant()
        try:
            return await waiter.future
        except asyncio.CancelledError:
            if waiter.future.done() and not waiter.future.cancelled():  # a permit came in the same moment
                waiter.future.result().release()
            claim.pool.leave(waiter, served=False)  # it may have been handed over meanwhile
            raise

    def take_in_turn(self, claim: Claim, *, poll: bool) -> Permit | None:
        """A permit now, unless others wait to poll and this is one more poll."""
        return None if poll and claim.line.polling else self.take(claim, poll=poll)

    def take(self, claim: Claim, *, poll: bool) -> Permit | None:
        """A permit now, by a free slot or by revoking an idle reservation; None if neither is to be had."""
        if claim.full or not (self._free_for(claim.line) or self._make_room(claim, poll=poll)):
            return None
        permit = Permit(claim, _State.RESERVED if poll else _State.IN_USE)
        self._hold(claim, 1)
        if poll:
            self._reserved[permit] = claim
        return permit

    def begin(self, permit: Permit) -> None:
        """The permit's holder runs now: it can no longer be revoked."""
        del self._reserved[permit]

    def end(self, permit: Permit, claim: Claim) -> None:
        """The permit's slot is free."""
        self._reserved.pop(permit, None)
        self._hold(claim, -1)
        self.grant()

    def grant(self) -> None:
        """Hand out what is free, a slot at a time, the functions in turn, until nobody can be served any more.

        A line that could not be served is not asked again: what the others get leaves it no more than before.
        """
        lines = deque(self._turns)
        while lines and (self.held < self.limit or self._reserved):
            line = lines.popleft()
            if self._serve(line) and line:
                lines.append(line)

    def _serve(self, line: Line) -> bool:
        """Whether somebody of this line was served; the line goes behind the others then."""
        for waiter in line.candidates():
            if permit := self.take(waiter.claim, poll=waiter.poll):
                self.leave(waiter, served=True)
                waiter.future.set_result(permit)
                return True
        return False

    def leave(self, waiter: Waiter, *, served: bool) -> None:
        """Out of its line."""
        line = waiter.claim.line
        line.leave(waiter, served=served)
        if not line:
            self._turns.pop(line, None)
        elif served:
            self._turns.move_to_end(line)

    def _free_for(self, line: Line) -> bool:
        """Whether a slot is free that is not set aside for another function."""
        return self.held + self._set_aside - line.set_aside < self.limit

    def _hold(self, claim: Claim, change: int) -> None:
        line = claim.line
        self.held += change
        claim.held += change
        self._set_aside -= line.set_aside
        line.held += change
        self._set_aside += line.set_aside

    def _make_room(self, claim: Claim, *, poll: bool) -> bool:
        """Revoke the oldest idle reservation, if this claim may: to run always, to poll only when it has nothing at all.

        A reservation on a slot that is set aside gives way to its own function only: to others the slot would not be free.
        """
        if poll and claim.outstanding:
            return False
        for permit, owner in self._reserved.items():
            if poll and (owner is claim or owner.polls_revoked):
                continue
            if owner.line is not claim.line and owner.line.held <= owner.line.floor:
                continue
            del self._reserved[permit]
            permit.revoke()
            self._hold(owner, -1)
            return True
        return False


class Slots:
    """All pools: one a function with reserved concurrency, one for the rest.

    total: invocations at once over all functions. reserved: function -> its share, set aside even while it is idle; the sum is at
    most the total (checked with the settings). provisioned: function -> environments started ahead; where it has no reservation, so
    many slots are set aside for it in the shared pool, and beyond them it takes what is free like the others.
    caps: function -> what the server that runs it bears; a limit of every claim by itself, and what all of them together exceed it by waits
    at the server's door. Source: Lambda DG, Configuring reserved concurrency; Configuring provisioned concurrency.
    """

    def __init__(
        self,
        total: int,
        reserved: Mapping[str, int],
        provisioned: Mapping[str, int] | None = None,
        caps: Mapping[str, int] | None = None,
    ) -> None:
        self._caps: dict[str, int] = {}
        self._unreserved = SlotPool(total)
        self._reserved: dict[str, SlotPool] = {}
        self.limit_to(total, reserved, provisioned, caps)

    def limit_to(
        self,
        total: int,
        reserved: Mapping[str, int],
        provisioned: Mapping[str, int] | None = None,
        caps: Mapping[str, int] | None = None,
    ) -> None:
        """Other limits from now on. Claims stay good; one with a cap keeps that until it is made anew."""
        self._caps = dict(caps or {})
        for function in self._reserved.keys() - reserved.keys():
            self._reserved.pop(function).hand_over(function, self._unreserved)
        for function, limit in reserved.items():
            if function not in self._reserved:
                self._reserved[function] = SlotPool(limit)
                self._unreserved.hand_over(function, self._reserved[function])
            self._reserved[function].limit = limit
        self._unreserved.limit = total - sum(reserved.values())
        self._unreserved.keep({name: count for name, count in (provisioned or {}).items() if name not in reserved})
        for pool in (self._unreserved, *self._reserved.values()):
            pool.grant()

    def claim(self, function: str, name: str, limit: int | None = None) -> Claim:
        """A way to the function's slots. name: for people. limit: of this claim alone; None: the pool's."""
        limits = [most for most in (limit, self._caps.get(function)) if most is not None]
        return Claim(self._pool(function).line(function), name, min(limits, default=None))

    def limit(self, function: str) -> int:
        """Invocations of the function at once, at most: what is set aside for others is not for it."""
        limit = self._pool(function).limit_of(function)
        return min(limit, self._caps.get(function, limit))

    def standing(self, function: str) -> tuple[int, int]:
        """Slots that one function holds, idle reservations included, and invocations of it that wait for one."""
        line = self._pool(function).line(function)
        return line.held, line.working

    def in_use(self) -> dict[str, int]:
        """Slots held, idle reservations included, by pool; the shared pool's name is ""."""
        return {"": self._unreserved.held} | {function: pool.held for function, pool in self._reserved.items()}

    def limits(self) -> dict[str, int]:
        """Slots that there are, by pool; the shared pool's name is ""."""
        return {"": self._unreserved.limit} | {function: pool.limit for function, pool in self._reserved.items()}

    def waiting(self) -> dict[str, int]:
        """Invocations that wait for a slot, by pool; the shared pool's name is ""."""
        return {"": self._unreserved.waiting} | {function: pool.waiting for function, pool in self._reserved.items()}

    def _pool(self, function: str) -> SlotPool:
        return self._reserved.get(function, self._unreserved)
