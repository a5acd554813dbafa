"""An event loop whose time stands still while work is done and jumps to the next timer when there is none.

Tests that wait for seconds or hours take milliseconds, and can assert how much time has passed, zero included.
"""

from __future__ import annotations

import asyncio
import selectors
from typing import Any

from poller.aio.clock import Clock

BEGINNING = 1_000_000.0


class VirtualLoop(asyncio.SelectorEventLoop):
    """Never sleeps: a select that would wait moves the clock instead."""

    def __init__(self) -> None:
        self._now = BEGINNING
        super().__init__(_Jumping(self))

    def time(self) -> float:
        return self._now

    def jump(self, seconds: float) -> None:
        self._now += seconds


class _Jumping(selectors.DefaultSelector):
    """A selector that hands the waiting over to the loop's clock when no file is ready."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready: list[Any] = super().select(0 if timeout is not None else None)
        if not ready and timeout:
            self._loop.jump(timeout)
        return ready


class LoopClock(Clock):
    """The running loop's time; virtual under a VirtualLoop."""

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def epoch(self) -> float:
        return self.now()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
