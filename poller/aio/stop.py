"""Stopping in two levels.

*Soft* is an event that loops look at: begin nothing new, finish what runs. *Hard* is cancellation; it comes from whoever
owns the tasks, when the soft part of the deadline is over or somebody is in a hurry.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Stop:
    """One wish to stop, seen by every loop that was given it."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self._hurry = asyncio.Event()
        self._parts: weakref.WeakSet[Stop] = weakref.WeakSet()
        self.reason = ""

    @property
    def soft(self) -> bool:
        """Whether the wish has been uttered."""
        return self._event.is_set()

    def begin(self, reason: str) -> None:
        """Utter it. The first reason stays."""
        if not self.soft:
            self.reason = reason
            self._event.set()
            for part in self._parts:
                part.begin(reason)

    def part(self) -> Stop:
        """A stop of its own for some of what this one stops: it may begin earlier, and begins with this one at the latest."""
        part = Stop()
        self._parts.add(part)
        if self.soft:
            part.begin(self.reason)
        return part

    def hurry(self) -> None:
        """Whoever waits for work to finish shall wait no longer."""
        self._hurry.set()

    async def wait(self) -> None:
        """Return once the wish is uttered."""
        await self._event.wait()

    async def wait_hurry(self) -> None:
        """Return once there is a hurry."""
        await self._hurry.wait()

    async def or_stop(self, work: Coroutine[Any, Any, T], *, lost: Callable[[T], object] | None = None) -> T | None:
        """Result of the work, or None when the stop came first; the work is cancelled then, and has ended on return.

        A result that is there together with the stop is returned: nothing that was done is thrown away. lost: called with a result that
        is there together with the caller's cancellation, and so reaches nobody.
        """
        if self.soft:
            work.close()
            return None
        task = asyncio.ensure_future(work)
        stopped = asyncio.ensure_future(self._event.wait())
        try:
            await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            if lost is not None and task.done() and not task.cancelled() and task.exception() is None:
                lost(task.result())
            raise
        finally:
            stopped.cancel()
            if not task.done():
                task.cancel()
                await asyncio.wait({task})
        return None if task.cancelled() else task.result()
