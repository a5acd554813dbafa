"""A ledger in memory with the statements of the real one, and no thread: everything is done when it is told, in virtual time."""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import Callable, Mapping
from typing import TypeVar

from poller.control import events as rows
from poller.control import store
from poller.dispatch.backlog.event import Delivery, Event, Failure, Settlement
from poller.dispatch.backlog.ledger import Ledger, LedgerError, Page, Shelf, Wanted

T = TypeVar("T", Event, Delivery)


class FakeShelf(Shelf[T]):
    def __init__(self, ledger: FakeLedger, kind: rows.Read[T]) -> None:
        self._ledger = ledger
        self._kind: rows.Read[T] = kind

    async def lines(self) -> Mapping[str, float]:
        return rows.lines(self._ledger.file(), self._kind[0])

    async def counts(self) -> Mapping[str, int]:
        return rows.counts(self._ledger.file(), self._kind[0])

    async def page(self, wanted: Wanted) -> Page[T]:
        self._ledger.pages.append(wanted)
        return rows.page(self._ledger.file(), self._kind, wanted)


class FakeLedger(Ledger):
    """faults: as many of the next calls fail. pages: that were asked for. kept: failures, at most."""

    def __init__(self, kept: int = 100) -> None:
        self.connection = sqlite3.connect(":memory:", isolation_level=None)
        for statement in store._EVENTS.split(";\n"):
            self.connection.execute(statement)
        self.faults = 0
        self.pages: list[Wanted] = []
        self._kept = kept
        self._events = FakeShelf(self, rows.EVENTS)
        self._deliveries = FakeShelf(self, rows.DELIVERIES)

    @property
    def events(self) -> Shelf[Event]:
        return self._events

    @property
    def deliveries(self) -> Shelf[Delivery]:
        return self._deliveries

    def file(self) -> sqlite3.Connection:
        if self.faults:
            self.faults -= 1
            raise LedgerError("the disk is full")
        return self.connection

    async def append(self, event: Event, then: Callable[[Event], None]) -> None:
        then(dataclasses.replace(event, number=rows.append(self.file(), event)))

    async def reschedule(self, event: Event) -> None:
        rows.reschedule(self.file(), event)

    async def settle(self, event: Event, settlement: Settlement, then: Callable[[Settlement], None]) -> None:
        then(rows.settle(self.file(), event, settlement, self._kept)[0])

    async def delivered(self, delivery: Delivery) -> None:
        rows.delivered(self.file(), delivery)

    async def postpone(self, delivery: Delivery) -> None:
        rows.postpone(self.file(), delivery)

    async def give_up(self, delivery: Delivery, failure: Failure) -> None:
        rows.give_up(self.file(), delivery, failure, self._kept)

    def failures(self) -> list[Failure]:
        return list(rows.failures(self.connection))

    def rows(self, table: str) -> int:
        [count] = self.connection.execute(f"SELECT count(*) FROM {table}").fetchone()
        return int(count)
