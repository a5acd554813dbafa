"""Records that wait for one subscriber, in order and bounded. Pure; the time is an argument."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from poller.execution.telemetry.subscription import Subscription

PAYLOADS = 2
"""Full payloads that may wait while one is on its way; what comes on top is dropped and counted. Ours: the service publishes no number."""


@dataclass(slots=True)
class Loss:
    """Records that were dropped."""

    records: int = 0
    size: int = 0

    def add(self, records: int, size: int) -> None:
        """Count some more."""
        self.records += records
        self.size += size


class Buffer:
    """What waits. Sizes are bytes of JSON."""

    def __init__(self, subscription: Subscription) -> None:
        self._subscription = subscription
        self._waiting: deque[tuple[float, bytes]] = deque()
        self._size = 0
        self.loss = Loss()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, event: bytes, now: float) -> None:
        """Append a record, or count it as lost if there is no room. now: seconds, monotonic."""
        limit = self._subscription
        if len(self) >= PAYLOADS * limit.max_items or self._size + len(event) > PAYLOADS * limit.max_bytes:
            self.loss.add(1, len(event))
            return
        self._waiting.append((now, event))
        self._size += len(event)

    def due(self) -> float | None:
        """When the next payload has to leave, in the time of ``add``: 0.0 when it is full, None when nothing waits."""
        limit = self._subscription
        if not self._waiting:
            return None
        if len(self) >= limit.max_items or self._size >= limit.max_bytes:
            return 0.0
        return self._waiting[0][0] + limit.timeout_seconds

    def take(self) -> list[bytes]:
        """The next payload: the oldest records, up to max_items of them and until max_bytes is reached or passed."""
        taken: list[bytes] = []
        size = 0
        while self._waiting and len(taken) < self._subscription.max_items and size < self._subscription.max_bytes:
            event = self._waiting.popleft()[1]
            taken.append(event)
            size += len(event)
        self._size -= size
        return taken

    def take_loss(self) -> Loss | None:
        """What was lost since the last call; None if nothing was."""
        loss, self.loss = self.loss, Loss()
        return loss if loss.records else None
