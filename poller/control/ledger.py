"""The ledger of asynchronous invocations over the state file (poller/dispatch/backlog/ledger.py): what is in events.py, by writer.py.

Accepting is forced onto the disk. What comes after it is not: what a power failure takes back is a step as a whole, so an event is run
again or a destination told again, and none is lost.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TypeVar

from poller.control import events as rows
from poller.control.store import StoreError
from poller.control.writer import Writer
from poller.dispatch.backlog.event import Delivery, Event, Failure, Settlement
from poller.dispatch.backlog.ledger import Ledger, LedgerError, Page, Shelf, Wanted
from poller.observe.events import Emit, FailuresForgotten

T = TypeVar("T", Event, Delivery)


class StoredShelf(Shelf[T]):
    """One of the two tables with lines."""

    def __init__(self, writer: Writer, read: rows.Read[T]) -> None:
        self._writer = writer
        self._kind: rows.Read[T] = read

    async def lines(self) -> Mapping[str, float]:
        """All lines in which somebody waits."""
        with _explained():
            return await self._writer.read(partial(rows.lines, table=self._kind[0]))

    async def counts(self) -> Mapping[str, int]:
        """How many wait in them."""
        with _explained():
            return await self._writer.read(partial(rows.counts, table=self._kind[0]))

    async def page(self, wanted: Wanted) -> Page[T]:
        """Items of a line that are due."""
        with _explained():
            return await self._writer.read(partial(rows.page, read=self._kind, wanted=wanted))


class StoredLedger(Ledger):
    """The backlog of a state folder. kept: failures, at most; the newest."""

    def __init__(self, writer: Writer, kept: int, emit: Emit) -> None:
        self._writer = writer
        self._kept = kept
        self._emit = emit
        self._events = StoredShelf(writer, rows.EVENTS)
        self._deliveries = StoredShelf(writer, rows.DELIVERIES)

    @property
    def events(self) -> Shelf[Event]:
        """Events that wait to be run."""
        return self._events

    @property
    def deliveries(self) -> Shelf[Delivery]:
        """Deliveries that wait to be made."""
        return self._deliveries

    async def append(self, event: Event, then: Callable[[Event], None]) -> None:
        """Keep a new event."""

        def numbered(number: int) -> None:
            then(dataclasses.replace(event, number=number))

        with _explained():
            await self._writer.write(partial(rows.append, event=event), numbered, forced=True)

    async def reschedule(self, event: Event) -> None:
        """It waits for another time."""
        with _explained():
            await self._writer.write(partial(rows.reschedule, event=event))

    async def settle(self, event: Event, settlement: Settlement, then: Callable[[Settlement], None]) -> None:
        """The event makes way for what follows."""
        with _explained():
            step = partial(rows.settle, event=event, settlement=settlement, kept=self._kept)
            _, forgotten = await self._writer.write(step, lambda found: then(found[0]))
        self._forgot(forgotten)

    async def delivered(self, delivery: Delivery) -> None:
        """It is done."""
        with _explained():
            await self._writer.write(partial(rows.delivered, delivery=delivery))

    async def postpone(self, delivery: Delivery) -> None:
        """It waits for another time."""
        with _explained():
            await self._writer.write(partial(rows.postpone, delivery=delivery))

    async def give_up(self, delivery: Delivery, failure: Failure) -> None:
        """The failure takes the delivery's place."""
        with _explained():
            step = partial(rows.give_up, delivery=delivery, failure=failure, kept=self._kept)
            forgotten = await self._writer.write(step)
        self._forgot(forgotten)

    def _forgot(self, count: int) -> None:
        if count:
            self._emit(FailuresForgotten(count=count))


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except StoreError as error:
        raise LedgerError(str(error)) from error
