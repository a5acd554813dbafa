"""Health is progress: every mapping is looked at now and then, one that stands still is told of, and begun anew once.

The decision is progress.py's, the sight look.py's. A source is asked how much waits in it only while nothing moves, and seldom. What hangs
in a client library is found by the answer that is owed; a blocked event loop is not, that is for the service manager's watchdog.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from poller.aio.clock import Clock
from poller.aio.stop import Stop
from poller.control.configured import Configured
from poller.control.look import Look, look
from poller.control.progress import Act, Progress
from poller.control.reasons import why_still
from poller.control.surveys import PATIENCE, Survey
from poller.observe.courses import Courses
from poller.observe.events import Emit, MappingRebuilt, MappingRecovered, MappingStalledError
from poller.pipeline.link import Link

LOOKS = 10
"""In the shortest limit there is."""
OFTEN, SELDOM = 0.5, 10.0
"""Seconds between two looks: no more often, and no more seldom. A look costs some microseconds a mapping."""


class Health:
    """Of all mappings of a configuration, which may change."""

    def __init__(
        self, configured: Configured, courses: Courses, stopping: Callable[[], bool], *, clock: Clock, emit: Emit
    ) -> None:
        self._configured = configured
        self._courses = courses
        self._stopping = stopping
        self._clock = clock
        self._emit = emit
        self._progress: dict[str, Progress] = {}
        self._lags: dict[str, tuple[float, int | None]] = {}  # when the source was asked last, and its answer
        self._rebuilding: dict[str, asyncio.Task[None]] = {}

    async def run(self, stop: Stop) -> None:
        """Look after all of them until the stop."""
        try:
            while not stop.soft:
                await stop.or_stop(self._clock.sleep(self._pause()))
                if not stop.soft:
                    await self.see()
        finally:
            for task in self._rebuilding.values():
                task.cancel()
            await asyncio.gather(*self._rebuilding.values(), return_exceptions=True)

    async def see(self) -> None:
        """One look at each."""
        names = list(self._configured.mappings)
        for gone in self._progress.keys() - set(names):
            del self._progress[gone]
            self._lags.pop(gone, None)
        await asyncio.gather(*(self._measure(name) for name in names))
        for name in names:
            if name in self._configured.mappings and name not in self._rebuilding:
                self._act(name)

    def look(self, name: str, lag: int | None = None) -> Look:
        """At one mapping. lag: as it was asked just now; None: as it was asked last."""
        known = self._lags.get(name, (0.0, None))[1] if lag is None else lag
        running = self._configured.mappings.get(name)
        return look(running, self._courses.of(name), self._clock, stopping=self._stopping(), lag=known)

    def stalled_since(self, name: str) -> float | None:
        """Since when it is known to stand still; epoch seconds, None while it does not."""
        found = self._progress.get(name)
        if found is None or found.stalled_since is None:
            return None
        return self._clock.epoch() - (self._clock.now() - found.stalled_since)

    def rebuilt(self, name: str) -> bool:
        """Whether it was begun anew for that."""
        found = self._progress.get(name)
        return found is not None and found.rebuilt

    def healthy(self) -> dict[str, float]:
        """1 or 0, by mapping."""
        return {name: float(self.stalled_since(name) is None) for name in self._configured.mappings}

    def _pause(self) -> float:
        settings = self._configured.settings.event_source_mappings.values()
        shortest = min((each.unhealthy_after_seconds for each in settings), default=SELDOM * LOOKS)
        return min(max(shortest / LOOKS, OFTEN), SELDOM)

    def _of(self, name: str) -> Progress:
        """limit: what a batch may take to fill comes on top; what its invocation may take is seen while it runs."""
        settings = self._configured.settings.event_source_mappings[name]
        limit = settings.unhealthy_after_seconds + settings.maximum_batching_window_seconds
        found = self._progress.setdefault(name, Progress(limit))
        found.limit = limit
        return found

    async def _measure(self, name: str) -> None:
        """Ask the source what waits in it, if that is worth knowing."""
        mapping = self._configured.mappings[name].mapping
        now = self._clock.now()
        asked, _ = self._lags.get(name, (float("-inf"), None))
        if mapping is not None and not mapping.link.trouble and self._of(name).wants_lag(now, asked):
            self._lags[name] = now, await _waiting(mapping.link)

    def _act(self, name: str) -> None:
        progress, sight, now = self._of(name), self.look(name), self._clock.now()
        stalled = progress.stalled_since
        match progress.see(sight, now):
            case Act.TELL | Act.REBUILD as act:
                seconds = now - (progress.since or now)
                self._emit(MappingStalledError(mapping=name, seconds=seconds, reason=why_still(sight)))
                if act is Act.REBUILD:
                    self._rebuild(name)
            case Act.RECOVERED if stalled is not None:
                self._emit(MappingRecovered(mapping=name, seconds=now - stalled))

    def _rebuild(self, name: str) -> None:
        async def rebuild() -> None:
            running = self._configured.mappings.get(name)
            if running is not None and await running.rebuild():
                self._emit(MappingRebuilt(mapping=name))

        task = self._rebuilding[name] = asyncio.create_task(rebuild(), name=f"rebuild {name}")
        task.add_done_callback(lambda done: self._rebuilding.pop(name) if self._rebuilding.get(name) is done else None)


async def _waiting(link: Link) -> int | None:
    """Records that wait, about: unread ones where the source tells, else those behind its group; None where it tells neither."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            if (unread := await link.backlog()) is not None:
                return unread
    return (await Survey.of(link)).lag
