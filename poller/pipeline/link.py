"""The source plus reconnection: the same verbs, and no ``SourceError`` ever comes out.

A source that fails is asked again, for ever, with growing delays, and every failure is told. What every poller of a mapping
shares is here: one of them finds the source gone, one reopens it, all wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from connectors.contract import (
    Identity,
    Leased,
    Measurable,
    Record,
    Settlement,
    Source,
    SourceError,
    Standing,
    Surveyable,
    Unreachable,
    Unsettled,
)
from poller.aio.backoff import Backoff
from poller.aio.clock import Clock
from poller.observe.events import Emit, RecordsPolled, SourceFailedError, SourceOpened
from poller.pipeline.under_way import UnderWay

T = TypeVar("T")

DELAYS = Backoff(first=0.25, cap=30.0)


class Link:
    """One mapping's connection to its source. before_open: called each time before it is opened, while nothing else is asked of it."""

    def __init__(
        self,
        mapping: str,
        source: Source,
        clock: Clock,
        emit: Emit,
        *,
        before_open: Callable[[], None] = lambda: None,
    ) -> None:
        self._mapping = mapping
        self._before_open = before_open
        self._source = source
        self._clock = clock
        self._emit = emit
        self._identity: Identity | None = None
        self._lock = asyncio.Lock()
        self._failures = 0
        self._calls = UnderWay(clock)
        self.resume_at = 0.0
        """When the source is asked again after a failure; monotonic seconds."""
        self.trouble = ""
        """What the source said last, while it does not work; "" while it does."""
        self.failing_since: float | None = None
        """Since when it does not; monotonic seconds."""

    @property
    def identity(self) -> Identity | None:
        """Where the records come from; None until the source was open for the first time, and while it is not."""
        return self._identity

    @property
    def overdue_since(self) -> float | None:
        """Since when the source owes an answer, of all that it was asked the oldest; monotonic seconds. None while it owes none."""
        due = self._calls.first
        return due if due is not None and due < self._clock.now() else None

    async def open(self) -> Identity:
        """Open the source, however often that has to be tried."""
        while True:
            await self._pause()
            async with self._lock:  # one opens, the others find it open
                if self._identity is not None:
                    return self._identity
                self._before_open()
                try:
                    with self._calls.one():
                        self._identity = await self._source.open()
                except SourceError as error:
                    self._failed("open", error)
                    continue
                self._works()
                self._emit(SourceOpened(mapping=self._mapping, label=self._identity.label))
                return self._identity

    async def fetch(self, room: int, wait_seconds: float) -> list[Record]:
        """Records, or [] when none came; a failure of the source is waited out and then also answers []."""
        began = self._clock.now()
        fetched = await self._ask("fetch", lambda: self._source.fetch(room, wait_seconds), wait_seconds)
        if fetched is None:
            return []
        self._emit(RecordsPolled(mapping=self._mapping, count=len(fetched), seconds=self._clock.now() - began))
        return fetched

    async def settle(self, settlements: Sequence[Settlement]) -> list[Unsettled]:
        """Settle, however often that has to be tried until the source takes an answer."""
        while (unsettled := await self._ask("settle", lambda: self._source.settle(settlements))) is None:
            pass
        return unsettled

    async def extend(self, records: Sequence[Record], seconds: float) -> list[Record] | None:
        """Records whose lease is lost, or None when the source did not answer this time."""
        if not isinstance(self._source, Leased):
            return []
        source = self._source
        return await self._ask("extend", lambda: source.extend(records, seconds))

    async def backlog(self) -> int | None:
        """Records that wait in the source, about; None where it cannot tell, or does not answer now."""
        if self._identity is None or not isinstance(self._source, Measurable):
            return None
        try:
            return await self._source.backlog()
        except SourceError:  # who fetches hears of it, and waits
            return None

    async def survey(self) -> Mapping[str, Standing] | None:
        """How far reading has come by the source's server, by partition; None where it cannot tell, or does not answer now."""
        if self._identity is None or not isinstance(self._source, Surveyable):
            return None
        try:
            return await self._source.survey()
        except SourceError:
            return None

    async def close(self) -> None:
        """Disconnect for good."""
        self._identity = None
        await self._source.close()

    async def _ask(self, verb: str, call: Callable[[], Awaitable[T]], wait: float = 0.0) -> T | None:
        """The verb's answer, or None when the source failed; the delay it asks for is over on the next call.

        wait: seconds that the source may take, being asked to.
        """
        await self.open()
        try:
            with self._calls.one(wait):
                answer = await call()
        except SourceError as error:
            self._failed(verb, error)
            if isinstance(error, Unreachable) and self._identity is not None:
                self._identity = None
                await self._source.close()
            await self._pause()
            return None
        self._works()
        return answer

    def _failed(self, verb: str, error: SourceError) -> None:
        """Note the failure. Pollers that fail together count as one: only the first after the last delay makes it grow."""
        now = self._clock.now()
        if now < self.resume_at:
            return
        self._failures += 1
        self.failing_since = now if self.failing_since is None else self.failing_since
        delay = error.retry_after if error.retry_after is not None else DELAYS.delay(self._failures)
        self.resume_at = now + delay
        self.trouble = str(error)
        self._emit(
            SourceFailedError(
                mapping=self._mapping, verb=verb, kind=type(error).__name__, message=str(error), retry_seconds=delay
            )
        )

    def _works(self) -> None:
        if self._clock.now() >= self.resume_at:  # an answer that was under way when the source failed proves nothing
            self._failures = 0
            self.trouble = ""
            self.failing_since = None

    async def _pause(self) -> None:
        while (rest := self.resume_at - self._clock.now()) > 0:
            await self._clock.sleep(rest)
