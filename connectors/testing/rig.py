"""What a connector's author writes for the kit: the rig, one queue as its producer sees it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from connectors.contract import Source


@dataclass(frozen=True)
class Message:
    """What the rig is to send."""

    body: str
    lane: str | None = None


class Rig(ABC):
    """One queue, empty at first and nobody else's, seen from its producer's side."""

    @abstractmethod
    def source(self) -> Source:
        """Return a new source over the queue, not yet open. Called several times: each is another consumer of the same group."""

    @abstractmethod
    async def send(self, messages: Sequence[Message]) -> None:
        """Append messages, in this order. Bodies are unique. Returns when the queue has them."""

    @abstractmethod
    async def count(self) -> int:
        """Messages in the queue, leased ones included; may lag behind."""


class Breakable(Rig):
    """A rig that can begin and end an outage between source and server; ``send`` and ``count`` work all the same."""

    @abstractmethod
    async def cut(self) -> None:
        """Break the connections there are, and refuse new ones."""

    @abstractmethod
    async def mend(self) -> None:
        """End the outage. What was in the queue is still there."""
