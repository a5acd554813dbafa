"""The pace of a streamed answer: a burst at once, then a steady rate. Pure; the time is an argument."""

from __future__ import annotations

import math

BURST = 6 * 1024 * 1024
"""Bytes (Lambda DG, Response streaming)."""
RATE = 2 * 1024 * 1024
"""Bytes a second after the burst."""
REFILL_SECONDS = 0.125
"""Tokens come in portions, as in the service's servers (runtime interface emulator, directinvoke)."""


class Bucket:
    """Tokens of one byte. now: seconds, any clock that does not go back."""

    def __init__(self, now: float, *, burst: int = BURST, rate: int = RATE) -> None:
        self._burst = burst
        self._portion = rate * REFILL_SECONDS
        self._tokens = float(burst)
        self._filled = now

    def take(self, size: int, now: float) -> float:
        """Take size tokens, on credit if need be. Returns the seconds after which they are paid for; 0.0 when they were there."""
        portions = math.floor((now - self._filled) / REFILL_SECONDS + 1e-9)
        self._filled += portions * REFILL_SECONDS
        self._tokens = min(self._burst, self._tokens + portions * self._portion) - size
        if self._tokens >= 0:
            return 0.0
        due = self._filled + math.ceil(-self._tokens / self._portion) * REFILL_SECONDS
        return max(0.0, due - now)
