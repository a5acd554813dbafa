"""How fast a function may grow: the service's scaling rate as a pure decision.

Source: Lambda DG, Understanding Lambda function scaling: each function may add up to 1,000 environments every 10 s; what was used comes
back continuously, and what is not used is not saved up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

BURST = 1000
A_SECOND = 100.0
WHOLE = 1 - 1e-6
"""As good as one: who waits until one is due shall find it, however the sum was rounded."""


@dataclass(slots=True)
class Growth:
    """Environments that may be added now. Times are seconds, monotonic, and never go back."""

    burst: int = BURST
    a_second: float = A_SECOND
    _left: float = math.inf
    _at: float = 0.0

    def take(self, now: float) -> bool:
        """Whether one more may be added; if so it counts."""
        self._refill(now)
        if self._left < WHOLE:
            return False
        self._left -= 1
        return True

    def due(self, now: float) -> float:
        """Seconds until one more may be added; 0 when it may now."""
        self._refill(now)
        return max(0.0, (1 - self._left) / self.a_second)

    def _refill(self, now: float) -> None:
        self._left = min(self.burst, self._left + (now - self._at) * self.a_second)
        self._at = now
