"""A source that does what a test tells it, and remembers what it was asked."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from connectors.contract import Capabilities, Identity, Outcome, Record, Settlement, Source, SourceError, Unsettled


class FakeSource(Source):
    """A queue in a list. Each verb first does what ``faults`` holds for it: an exception is raised, a number is waited."""

    def __init__(self, *, ordered: bool = False, max_fetch: int = 10, lease_seconds: float | None = 30.0) -> None:
        self._capabilities = Capabilities("sqs", ordered=ordered, parallel_fetches=100, max_fetch=max_fetch)
        self._lease_seconds = lease_seconds
        self.waiting: deque[Record] = deque()
        self.settled: list[tuple[str, Outcome]] = []
        self.extended: list[tuple[float, list[str]]] = []
        self.fetches: list[tuple[int, float]] = []
        self.faults: dict[str, list[SourceError | float]] = {"open": [], "fetch": [], "settle": [], "extend": []}
        self.unsettled: Callable[[Settlement], Unsettled | None] = lambda settlement: None
        self.lost: set[str] = set()
        self.is_open = False
        self._arrived = asyncio.Event()

    def send(self, *ids: str, body: str = "{}", lane: str | None = None) -> None:
        for name in ids:
            metadata = {"MessageId": name, "ReceiptHandle": name, "MD5OfBody": "", "Body": body, "Attributes": {}}
            self.waiting.append(Record(id=name, body=body, lane=lane, handle=name, metadata=metadata))
        self._arrived.set()

    @property
    def capabilities(self) -> Capabilities:
        return self._capabilities

    async def open(self) -> Identity:
        await self._fault("open")
        self.is_open = True
        return Identity("arn:aws:sqs:us-east-1:000000000000:q", "us-east-1", "queue q", self._lease_seconds)

    async def fetch(self, room: int, wait_seconds: float) -> list[Record]:
        self.fetches.append((room, wait_seconds))
        await self._fault("fetch")
        if not self.waiting and wait_seconds > 0:
            self._arrived.clear()
            try:
                async with asyncio.timeout(wait_seconds):
                    await self._arrived.wait()
            except TimeoutError:
                return []
        return [self.waiting.popleft() for _ in range(min(room, self.capabilities.max_fetch, len(self.waiting)))]

    async def settle(self, settlements: Sequence[Settlement]) -> list[Unsettled]:
        await self._fault("settle")
        refused = [unsettled for settlement in settlements if (unsettled := self.unsettled(settlement))]
        for settlement in settlements:
            if settlement not in [unsettled.settlement for unsettled in refused]:
                self.settled.append((settlement.record.id, settlement.outcome))
        return refused

    async def extend(self, records: Sequence[Record], seconds: float) -> list[Record]:
        await self._fault("extend")
        self.extended.append((asyncio.get_running_loop().time(), [record.id for record in records]))
        return [record for record in records if record.id in self.lost]

    async def close(self) -> None:
        self.is_open = False

    def outcomes(self) -> dict[str, Outcome]:
        """What became of each record; fails if any was settled twice."""
        assert len(dict(self.settled)) == len(self.settled), self.settled
        return dict(self.settled)

    async def _fault(self, verb: str) -> None:
        if self.faults[verb]:
            fault = self.faults[verb].pop(0)
            if isinstance(fault, SourceError):
                raise fault
            await asyncio.sleep(fault)
