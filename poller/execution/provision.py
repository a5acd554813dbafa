"""Provisioned concurrency of one function version as a pure decision: what to start ahead of traffic, what to stop, what to tell.

Source: Lambda DG, Configuring provisioned concurrency; words and numbers of ``shown`` are the API's. An allocation that fails is tried
again, with delays: the service leaves that to the customer, but nothing here that could recover stays down.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from poller.aio.backoff import Backoff
from poller.execution.idle import Member

RETRIES = Backoff(first=1.0, cap=60.0)
INIT_FAILED = "FUNCTION_ERROR_INIT_FAILURE"


@dataclass(slots=True)
class Provision:
    """Counts of environments. Times are seconds, monotonic.

    ready: initialised, and not to be replaced; idle or running. starting: in INIT. reason: why the last start failed, "" if it did not.
    complete: the target was reached once; what dies after that is replaced, and the allocation stays READY meanwhile.
    """

    target: int
    ready: int = 0
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
        member.counted = True
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

    def discount(self, member: Member) -> None:
        """The environment is gone, or is to be replaced: another is missing. Idempotent."""
        if member.counted:
            member.counted = False
            self.ready -= 1

    def unfit(self, member: Member) -> str:
        """Why a provisioned environment without work is to be stopped now; "" if it is not. An old one waits for its successor."""
        if not member.environment.warm:
            return "reset"
        return "recycle" if not member.counted and self.ready >= self.target else ""

    def look(self, idle: Iterable[Member], busy: Iterable[Member], now: float) -> Iterator[tuple[Member, str]]:
        """Have the old ones replaced. Returns which of the idle are to be stopped, and why."""
        idle = list(idle)
        for member in (*idle, *busy):
            if now >= member.ends:
                self.discount(member)
        return ((member, reason) for member in idle if (reason := self.unfit(member)))

    @property
    def status(self) -> str:
        """READY, IN_PROGRESS or FAILED."""
        if self.reason:
            return "FAILED"
        return "READY" if self.complete else "IN_PROGRESS"

    def shown(self, available: int) -> dict[str, int | str]:
        """The allocation in the API's terms. available: idle of those that are initialised."""
        numbers = {"requested": self.target, "allocated": self.ready + self.starting, "available": available}
        return numbers | {"status": self.status} | ({"status_reason": self.reason} if self.reason else {})
