"""Delays between attempts, as numbers: exponential, capped, with jitter."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """first, first*2, first*4, ... up to cap, each shortened by up to a quarter at random so that crowds disperse.

    Seconds. No last attempt: giving up is the caller's business, and nothing that can recover gives up.
    """

    first: float
    cap: float

    def delay(self, failures: int) -> float:
        """Seconds to wait after so many failures in a row (1 or more)."""
        whole = min(self.cap, self.first * 2.0 ** min(failures - 1, 30))
        return whole * random.uniform(0.75, 1.0)  # noqa: S311  # jitter, not a secret
