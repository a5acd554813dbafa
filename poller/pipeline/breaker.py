"""A circuit breaker: closed, open, probing, closed again or open for longer. Pure; the time is an argument, monotonic seconds.

Failures are batches of which nothing was delivered, in a row. While it is open nothing is run, so what ends then was begun before, and
changes nothing: only the probe does.
"""

from __future__ import annotations

from dataclasses import dataclass

from poller.aio.backoff import Backoff

DEPENDENCY_SECONDS = 5.0
"""Until a dependency that did not answer is asked again: asking costs no record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """failures: that open it. first, longest: seconds that it stays open, doubled from probe to probe. dependencies: URLs."""

    failures: int
    first: float
    longest: float
    dependencies: tuple[str, ...] = ()


class Breaker:
    """state: closed, open or probing. until: when the next probe may begin. opened_at: when it ceased to be closed; cause: why."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._delays = Backoff(first=terms.first, cap=terms.longest)
        self._probes = 0
        self.state = "closed"
        self.failures = 0
        self.until = 0.0
        self.opened_at = 0.0
        self.cause = ""

    def judged(self, now: float, *, failed: bool, probe: bool, cause: str) -> None:
        """A batch has its verdict. probe: it was the one that was let through."""
        if self.state == "closed":
            self.failures = self.failures + 1 if failed else 0
            if self.failures >= self._terms.failures:
                self._open(now, cause)
        elif probe and failed:
            self.failures += 1
            self._open(now, cause)
        elif probe:
            self.state, self.failures, self._probes, self.cause = "closed", 0, 0, ""

    def unavailable(self, now: float, cause: str) -> None:
        """A dependency does not answer."""
        if self.state == "closed":
            self.opened_at = now
        self.state, self.until, self.cause = "open", now + DEPENDENCY_SECONDS, cause

    def probe(self, now: float) -> bool:
        """Whether the caller may let one batch through: nobody else does, and it was open for long enough."""
        if self.state != "open" or now < self.until:
            return False
        self.state = "probing"
        return True

    def give_back(self, now: float) -> None:
        """The probe came to no verdict; somebody else may begin one."""
        if self.state == "probing":
            self.state, self.until = "open", now

    def _open(self, now: float, cause: str) -> None:
        if self.state == "closed":
            self.opened_at = now
        self._probes += 1
        self.state, self.cause = "open", cause
        self.until = now + self._delays.delay(self._probes)
