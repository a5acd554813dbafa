"""Provisioned concurrency of one function version as a pure decision: what to start ahead of traffic, what to stop, what to tell.

Source: Lambda DG, Configuring provisioned concurrency; ``Allocation`` has the API's words and numbers. An allocation that fails is tried
again, with delays: the service leaves that to the customer, but nothing here that could recover stays down.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from poller.aio.backoff import Backoff
from poller.execution.pool.idle import Member

RETRIES = Backoff(first=1.0, cap=60.0)
INIT_FAILED = "FUNCTION_ERROR_INIT_FAILURE"


@dataclass(frozen=True, slots=True)
class Allocation:
    """What the API tells of provisioned concurrency. available: idle of those that are initialised. status: READY, IN_PROGRESS, FAILED."""

    requested: int
    allocated: int
    available: int
    status: str
    status_reason: str = ""


@dataclass(slots=True)
class Provision:
    """Counts of environments. Times are seconds, monotonic.

    ready: initialised and not old; idle or running. old: kept until there are enough without. starting: in INIT.
    reason: why the last start failed, "" if it did not. complete: the target was reached once; what dies after that is replaced, and the
    allocation stays READY meanwhile.
    """

    target: int
    ready: int = 0
    old: int = 0
    starting: int = 0
    reason: str = ""
    complete: bool = False
    _failures: int = 0
    _retry_at: float = -math.inf

    def missing(self, now: float) -> int:
        """Environments to start now."""
        return 0 if now < self._retry_at else max(0, self.target - self.ready - self.starting)

    def began(self) -> None:
        """A start began."""
        self.starting += 1

    def started(self, member: Member) -> None:
        """It ended well."""
        self.starting -= 1
        self.ready += 1
        member.standing = "ready"
        self.reason, self._failures, self._retry_at = "", 0, -math.inf
        self.complete = self.complete or self.ready >= self.target

    def failed(self, now: float, reason: str) -> float:
        """It did not. Returns the seconds until the next attempt."""
        self.starting -= 1
        self.reason = reason
        self._failures += 1
        delay = RETRIES.delay(self._failures)
        self._retry_at = now + delay
        return delay

    def gone(self, member: Member) -> None:
        """The environment is no more. Idempotent."""
        self.ready -= member.standing == "ready"
        self.old -= member.standing == "old"
        member.standing = ""

    def unfit(self, member: Member) -> str:
        """Why a provisioned environment without work is to be stopped now; "" if it is not. An old one waits for its successor."""
        if not member.environment.warm:
            return "reset"
        return "recycle" if member.standing == "old" and self.ready + self.old > self.target else ""

    def look(self, idle: Iterable[Member], busy: Iterable[Member], now: float) -> Iterator[tuple[Member, str]]:
        """See who is old. Yields which of the idle is to be stopped, and why; it is ``gone`` before the next is asked for."""
        idle = list(idle)
        for member in (*idle, *busy):
            if member.standing == "ready" and now >= member.ends:
                member.standing = "old"
                self.ready -= 1
                self.old += 1
        for member in idle:
            if reason := self.unfit(member):
                yield member, reason

    def shown(self, available: int) -> Allocation:
        """The allocation; available: how many of its environments have no work."""
        status = "FAILED" if self.reason else "READY" if self.complete else "IN_PROGRESS"
        return Allocation(self.target, self.ready + self.starting, available, status, self.reason)
