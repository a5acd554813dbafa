"""The only door to time. Decisions take the time as an argument; loops read it here, so that a test can put its own in."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """Time, and waiting for it."""

    def now(self) -> float:
        """Seconds, monotonic; only differences mean anything."""
        ...

    def epoch(self) -> float:
        """Seconds since 1970, to compare with what others have written; may jump."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait; may be cancelled."""
        ...


class SystemClock(Clock):
    """The machine's time."""

    def now(self) -> float:
        """Seconds of the monotonic clock, the one asyncio uses."""
        return time.monotonic()

    def epoch(self) -> float:
        """Seconds of the clock on the wall."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Wait on the running loop."""
        await asyncio.sleep(seconds)
