"""What the backlog asks of whoever keeps it on the disk.

Everything may raise ``LedgerError`` and has changed nothing then. What was told is written in the order it was told, also when the caller
is cancelled meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from poller.dispatch.backlog.event import Delivery, Event, Failure, Settlement

T = TypeVar("T")


class LedgerError(Exception):
    """The state file cannot serve for now. The message is a sentence for the operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A page of a line. held: numbers to be passed over. count, size: items and bytes, at most; one item, if there is any, however big."""

    line: str
    now: float
    held: Collection[int]
    count: int
    size: int


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Items that are due, the earliest first. due: of the first that is not among them; infinity: there is none."""

    items: list[T]
    due: float


class Shelf(Protocol[T]):
    """Where items of one kind wait, in lines."""

    async def lines(self) -> Mapping[str, float]:
        """All lines in which somebody waits, by name: when the first is due. Takes no longer however many wait."""
        ...

    async def counts(self) -> Mapping[str, int]:
        """How many wait in them, those that are being dealt with included. Takes longer the more there are."""
        ...

    async def page(self, wanted: Wanted) -> Page[T]:
        """Items of a line that are due, by due time and number."""
        ...


class Ledger(Protocol):
    """The backlog on the disk."""

    @property
    def events(self) -> Shelf[Event]:
        """Events that wait to be run, a line a function."""
        ...

    @property
    def deliveries(self) -> Shelf[Delivery]:
        """Deliveries that wait to be made, a line a target."""
        ...

    async def append(self, event: Event, then: Callable[[Event], None]) -> None:
        """Keep a new event; it outlives a power failure when this returns. then: called at once with its number in it."""
        ...

    async def reschedule(self, event: Event) -> None:
        """It has this due time, and these attempts and refusals from now on."""
        ...

    async def settle(self, event: Event, settlement: Settlement, then: Callable[[Settlement], None]) -> None:
        """The event is gone, and what follows is there. then: called at once with the numbers of all that follows."""
        ...

    async def delivered(self, delivery: Delivery) -> None:
        """It is done."""
        ...

    async def postpone(self, delivery: Delivery) -> None:
        """It has this due time and these tries from now on."""
        ...

    async def give_up(self, delivery: Delivery, failure: Failure) -> None:
        """The delivery is gone, and the failure kept in its place."""
        ...
