"""Waiting for a condition: tests wait for what must come to pass, under a generous limit, and never for time to go by."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

INTERVAL = 0.05


def until(condition: Callable[[], T], what: str, seconds: float = 60.0) -> T:
    """Return the condition's first true value. what: for the message of the failure, as in "all are handled"."""
    limit = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < limit, f"not within {seconds:g} s: {what}"
        time.sleep(INTERVAL)
    return value
