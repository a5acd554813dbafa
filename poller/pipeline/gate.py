"""A mapping's circuit breaker in front of its batches: who waits, who probes, and what is told. Without terms it is open to all, always.

Whoever is about to run a batch asks ``closed``; while it is not, ``turn`` lets one of all who wait through as the probe. Dependencies are
asked while the breaker is closed, and before a probe, so a probe costs no record as long as one of them is away.
"""

from __future__ import annotations

import asyncio
import contextlib

from poller.aio.clock import Clock
from poller.aio.stop import Stop
from poller.observe.events import BreakerClosed, BreakerOpened, BreakerProbed, Emit
from poller.pipeline.breaker import DEPENDENCY_SECONDS, Breaker, Terms
from poller.pipeline.dependencies import problem


class Gate:
    """breaker: None where the mapping has none."""

    def __init__(self, mapping: str, terms: Terms | None, clock: Clock, emit: Emit) -> None:
        self._mapping = mapping
        self._dependencies = terms.dependencies if terms else ()
        self._clock = clock
        self._emit = emit
        self._changed = asyncio.Event()
        self.breaker = Breaker(terms) if terms else None
        self._stop = Stop()
        self.fetching = Stop()
        """Uttered when it ceases to be closed: polls under way end then, and bring nothing that may not run."""

    def begin(self, stop: Stop) -> None:
        """The mapping runs until this stop; ``fetching`` ends with it at the latest."""
        self._stop, self.fetching = stop, stop.part()

    @property
    def closed(self) -> bool:
        """Whether batches may run."""
        return self.breaker is None or self.breaker.state == "closed"

    def judged(self, *, failed: bool, probe: bool, cause: str) -> None:
        """A batch has its verdict. failed: nothing of it was delivered."""
        if self.breaker is None:
            return
        was, opened_at = self.breaker.state, self.breaker.opened_at
        self.breaker.judged(self._clock.now(), failed=failed, probe=probe, cause=cause)
        if self.breaker.state == was:
            return
        if self.closed:
            self._emit(BreakerClosed(mapping=self._mapping, seconds=self._clock.now() - opened_at))
            self.fetching = self._stop.part()
        else:
            self._opened()
        self._tell()

    async def turn(self) -> bool:
        """Return True to who is to run one batch as the probe (``judged``, or ``give_back``), False once everybody may."""
        while self.breaker is not None and not self.closed:
            if self.breaker.probe(self._clock.now()):
                try:
                    why = await self._problem()
                except BaseException:
                    self.give_back()
                    raise
                if not why:
                    self._emit(BreakerProbed(mapping=self._mapping))
                    return True
                self.breaker.unavailable(self._clock.now(), why)
            await self._wait(self.breaker)
        return False

    def give_back(self) -> None:
        """Who was to probe does not."""
        if self.breaker is not None:
            self.breaker.give_back(self._clock.now())
            self._tell()

    async def watch(self) -> None:
        """Ask the dependencies for ever; one that twice in a row does not answer opens the breaker."""
        before = ""
        while self.breaker is not None and self._dependencies:
            await self._clock.sleep(DEPENDENCY_SECONDS)
            why = await self._problem() if self.closed else ""
            if why and before and self.closed:
                self.breaker.unavailable(self._clock.now(), why)
                self._opened()
                self._tell()
            before = why

    async def _problem(self) -> str:
        found = await asyncio.gather(*map(problem, self._dependencies))
        return next(filter(None, found), "")

    async def _wait(self, breaker: Breaker) -> None:
        """Until something has changed, or a probe may begin."""
        seconds = breaker.until - self._clock.now() if breaker.state == "open" else None
        changed = self._changed
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await changed.wait()

    def _opened(self) -> None:
        if self.breaker is not None:
            self._emit(
                BreakerOpened(
                    mapping=self._mapping,
                    cause=self.breaker.cause,
                    failures=self.breaker.failures,
                    seconds=self.breaker.until - self._clock.now(),
                )
            )
        self.fetching.begin("the circuit breaker is open")

    def _tell(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
