"""Until when an invocation may run, watched with one timer for all invocations of an environment."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

NEAR = 0.001
"""Seconds: no timer of the loop is more exact."""


class Deadline:
    """Calls ``passed`` when it has come, unless it was met before.

    The timer of one invocation stays for those after it, and looks when it rings whether theirs has come: hardly any ever does, and
    setting and cancelling a timer for each costs the loop a turn of its own.
    """

    def __init__(self, passed: Callable[[], None]) -> None:
        self._passed = passed
        self._loop = asyncio.get_running_loop()
        self._at = math.inf  # loop time
        self._rings = math.inf
        self._timer: asyncio.TimerHandle | None = None

    def set(self, seconds: float) -> None:
        """It comes so much later."""
        self._at = self._loop.time() + seconds
        if self._at < self._rings:
            self._wind(seconds)

    def met(self) -> None:
        """Nobody waits for it any more."""
        self._at = math.inf

    def close(self) -> None:
        """No more. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()

    def _wind(self, seconds: float) -> None:
        self.close()
        self._rings = self._at
        self._timer = self._loop.call_later(seconds, self._ring)

    def _ring(self) -> None:
        self._rings = math.inf
        left = self._at - self._loop.time()
        if left <= NEAR:
            self._at = math.inf
            self._passed()
        elif left < math.inf:
            self._wind(left)
