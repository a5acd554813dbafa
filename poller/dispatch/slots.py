"""Slots: who may run now. A permit is reserved before a fetch, used for an invocation, released after its answer.

Rules that hold here:

1. Permits held never exceed the limit of their pool: a function's reserved concurrency, or what all reservations leave of the total.
2. Who has records in hand goes before who only wants to poll; among pollers the mappings take turns.
3. A reservation that only waits in a long poll gives way: an invocation that would have to wait *revokes* it, and so does
   a mapping that has nothing at all outstanding. The poll itself goes on; should it bring records, ``use`` waits in line
   for a slot. So an idle mapping never keeps a function from anybody.

Everything here is synchronous but the waiting itself; one event loop, no locks.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass


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


@dataclass(slots=True, eq=False)
class _Waiter:
    claim: Claim
    future: asyncio.Future[Permit]


class Claim:
    """One mapping's (or one API's) way to slots of one function, under a limit of its own (``maximum_concurrency``)."""

    __slots__ = ("held", "limit", "name", "polls_revoked", "pool")

    def __init__(self, pool: _Pool, name: str, limit: int | None) -> None:
        self.pool = pool
        self.name = name
        self.limit = limit
        self.held = 0
        self.polls_revoked = 0

    @property
    def full(self) -> bool:
        """Whether the claim's own limit is reached."""
        return self.limit is not None and self.held >= self.limit

    @property
    def outstanding(self) -> int:
        """Permits held, and polls under way without one."""
        return self.held + self.polls_revoked

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


class _Pool:
    """Permits of one limit, and who waits for them."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0
        self._reserved: OrderedDict[Permit, Claim] = OrderedDict()  # oldest first
        self._to_run: deque[_Waiter] = deque()
        self._to_poll: OrderedDict[Claim, deque[_Waiter]] = OrderedDict()  # whose turn it is comes first

    @property
    def waiting(self) -> int:
        """Tasks that wait for a slot with records in hand or an event to run."""
        return len(self._to_run)

    @property
    def _movable(self) -> bool:
        """Whether anybody could be served: a slot is free, or an idle reservation could be revoked."""
        return self.held < self.limit or bool(self._reserved)

    async def wait(self, claim: Claim, *, poll: bool) -> Permit:
        """A permit, at once or in turn."""
        if permit := self.take_in_turn(claim, poll=poll):
            return permit
        waiter = _Waiter(claim, asyncio.get_running_loop().create_future())
        if poll:
            self._to_poll.setdefault(claim, deque()).append(waiter)
        else:
            self._to_run.append(waiter)
        self.grant()
        try:
            return await waiter.future
        except asyncio.CancelledError:
            self._forget(waiter, poll=poll)
            raise

    def take_in_turn(self, claim: Claim, *, poll: bool) -> Permit | None:
        """A permit now, unless others wait to poll and this is one more poll."""
        return None if poll and self._to_poll else self.take(claim, poll=poll)

    def take(self, claim: Claim, *, poll: bool) -> Permit | None:
        """A permit now, by a free slot or by revoking an idle reservation; None if neither is to be had."""
        if claim.full or (self.held >= self.limit and not self._make_room(claim, poll=poll)):
            return None
        permit = Permit(claim, _State.RESERVED if poll else _State.IN_USE)
        self.held += 1
        claim.held += 1
        if poll:
            self._reserved[permit] = claim
        return permit

    def begin(self, permit: Permit) -> None:
        """The permit's holder runs now: it can no longer be revoked."""
        del self._reserved[permit]

    def end(self, permit: Permit, claim: Claim) -> None:
        """The permit's slot is free."""
        self._reserved.pop(permit, None)
        self.held -= 1
        claim.held -= 1
        self.grant()

    def grant(self) -> None:
        """Hand out what is free, first to those with work in hand, then to pollers in turn."""
        skipped = []
        while self._to_run and self._movable:
            waiter = self._to_run.popleft()
            if not self._serve(waiter, poll=False):
                skipped.append(waiter)  # its claim's own limit is reached; those behind it need not suffer
        self._to_run.extendleft(reversed(skipped))
        for claim in list(self._to_poll) if self._movable else ():
            waiters = self._to_poll[claim]
            if not self._serve(waiters[0], poll=True):
                continue
            waiters.popleft()
            self._to_poll.pop(claim)
            if waiters:
                self._to_poll[claim] = waiters  # behind the others

    def _serve(self, waiter: _Waiter, *, poll: bool) -> bool:
        """Whether the waiter needs no place in line any more."""
        if waiter.future.done():
            return True
        permit = self.take(waiter.claim, poll=poll)
        if permit is not None:
            waiter.future.set_result(permit)
        return permit is not None

    def _make_room(self, claim: Claim, *, poll: bool) -> bool:
        """Revoke the oldest idle reservation, if this claim may: to run always, to poll only when it has nothing at all."""
        if poll and claim.outstanding:
            return False
        for permit, owner in self._reserved.items():
            if poll and (owner is claim or owner.polls_revoked):
                continue
            del self._reserved[permit]
            permit.revoke()
            self.held -= 1
            owner.held -= 1
            return True
        return False

    def _forget(self, waiter: _Waiter, *, poll: bool) -> None:
        """The waiter was cancelled; a permit that came in the same moment goes back."""
        if waiter.future.done() and not waiter.future.cancelled():
            waiter.future.result().release()
        line = self._to_poll.get(waiter.claim, deque()) if poll else self._to_run
        with contextlib.suppress(ValueError):  # already out of the line
            line.remove(waiter)
        if poll and not line:
            self._to_poll.pop(waiter.claim, None)


class Slots:
    """All pools: one a function with reserved concurrency, one for the rest.

    total: invocations at once over all functions. reserved: function -> its share, set aside even while it is idle; the sum is at
    most the total (checked with the settings). Source: Lambda DG, Configuring reserved concurrency.
    """

    def __init__(self, total: int, reserved: Mapping[str, int]) -> None:
        self._unreserved = _Pool(total - sum(reserved.values()))
        self._reserved = {function: _Pool(limit) for function, limit in reserved.items()}

    def claim(self, function: str, name: str, limit: int | None = None) -> Claim:
        """A way to the function's slots. name: for people. limit: of this claim alone; None: the pool's."""
        return Claim(self._pool(function), name, limit)

    def limit(self, function: str) -> int:
        """Invocations of the function at once, at most."""
        return self._pool(function).limit

    def in_use(self) -> dict[str, int]:
        """Slots held, idle reservations included, by pool; the shared pool's name is ""."""
        return {"": self._unreserved.held} | {function: pool.held for function, pool in self._reserved.items()}

    def waiting(self) -> dict[str, int]:
        """Invocations that wait for a slot, by pool; the shared pool's name is ""."""
        return {"": self._unreserved.waiting} | {function: pool.waiting for function, pool in self._reserved.items()}

    def _pool(self, function: str) -> _Pool:
        return self._reserved.get(function, self._unreserved)
