"""How many tasks poll a queue: the service's scaling rule as a pure decision.

Source: Lambda DG, Configuring scaling behavior for SQS event source mappings: 5 concurrent batches to begin with, 300 more
a minute while there is backlog, 1,250 at most; fewer as the queue empties and while the function fails. The service keeps 2 to 5
pollers on an idle queue; one is enough here, since a poll that comes back full starts the others at once.
"""

from __future__ import annotations

from dataclasses import dataclass

FIRST_STEP = 5
GROWTH_A_SECOND = 300 / 60
IDLE = 1


@dataclass(slots=True)
class Pollers:
    """The number wanted, between IDLE and the ceiling (source's, function's and mapping's limits, whichever is least)."""

    ceiling: int
    wanted: float = IDLE
    _grown: float = 0.0

    def full(self, now: float) -> None:
        """A poll returned all it could: there is backlog."""
        if self.wanted < FIRST_STEP:
            self.wanted = FIRST_STEP
        else:
            self.wanted += max(0.0, now - self._grown) * GROWTH_A_SECOND
        self._grown = now
        self.wanted = max(IDLE, min(self.wanted, self.ceiling))

    def empty(self, now: float) -> None:
        """A poll returned nothing: the queue is drained, one poller fewer is enough."""
        self._fewer(now)

    def failed(self, now: float) -> None:
        """A batch failed as a whole: the service backs off by polling less."""
        self._fewer(now)

    def surplus(self, running: int) -> bool:
        """Whether one of so many pollers may go."""
        return running > max(IDLE, int(self.wanted))

    def missing(self, running: int) -> int:
        """How many more should be started."""
        return max(0, int(self.wanted) - running)

    def _fewer(self, now: float) -> None:
        self.wanted = max(float(IDLE), min(self.wanted, self.ceiling) - 1)
        self._grown = now
