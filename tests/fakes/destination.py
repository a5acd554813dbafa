"""A destination in a list."""

from __future__ import annotations

from connectors.contract import Destination, Discard, SourceError


class FakeDestination(Destination):
    """Fails as often as ``faults`` says."""

    def __init__(self) -> None:
        self.discards: list[Discard] = []
        self.faults: list[SourceError] = []
        self.closed = False

    async def deliver(self, discard: Discard) -> None:
        if self.faults:
            raise self.faults.pop(0)
        self.discards.append(discard)

    async def close(self) -> None:
        self.closed = True
