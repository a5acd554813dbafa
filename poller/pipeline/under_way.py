"""What is under way of one kind, and until when it should be: calls to a source, invocations, waits for a slot.

Kept for whoever asks why nothing moves; what is under way knows nothing of it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager

from poller.aio.clock import Clock


class UnderWay:
    """Length: how many are."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._numbers = itertools.count()
        self._due: dict[int, float] = {}

    def __len__(self) -> int:
        return len(self._due)

    @property
    def first(self) -> float | None:
        """When the first of them should end; monotonic seconds, None while there are none."""
        return min(self._due.values(), default=None)

    @property
    def last(self) -> float | None:
        """When the last of them should."""
        return max(self._due.values(), default=None)

    @contextmanager
    def one(self, seconds: float = 0.0) -> Iterator[None]:
        """While the block runs one more is. seconds: that it may take."""
        number = next(self._numbers)
        self._due[number] = self._clock.now() + seconds
        try:
            yield
        finally:
            del self._due[number]
