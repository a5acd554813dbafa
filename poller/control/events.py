"""Asynchronous events, what is to be told of them, and what became of the failed, in the state file. Statements and values, for one thread.

An outcome is JSON beside its payloads: nothing looks for what is in it. The order of a line is that of its index: by due time, then number.
"""

from __future__ import annotations

import dataclasses
import json
import math
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from poller.dispatch.backlog.event import Delivery, Event, Failure, Outcome, Settlement
from poller.dispatch.backlog.ledger import Page, Wanted
from poller.dispatch.invoker import new_request_id
from poller.envelope.invocation import SUCCESS

MOST_RESPONSE = 256 * 1024
"""Bytes of a response that are kept with a failure; a longer one is left out."""

T = TypeVar("T", Event, Delivery)


def lines(connection: sqlite3.Connection, table: str) -> dict[str, float]:
    """All lines of a table with the first due time, by two steps down the index for each."""
    text = f"""
        WITH RECURSIVE found (line) AS (
            SELECT min(line) FROM {table}
            UNION ALL SELECT (SELECT min(line) FROM {table} WHERE line > found.line) FROM found WHERE line IS NOT NULL
        )
        SELECT line, (SELECT min(due) FROM {table} WHERE line = found.line) FROM found WHERE line IS NOT NULL
    """  # noqa: S608  # ours
    return dict(connection.execute(text).fetchall())


def counts(connection: sqlite3.Connection, table: str) -> dict[str, int]:
    """How many wait in each line of a table."""
    return dict(connection.execute(f"SELECT line, count(*) FROM {table} GROUP BY line").fetchall())  # noqa: S608  # ours


def page(connection: sqlite3.Connection, read: Read[T], wanted: Wanted) -> Page[T]:
    """Items of a line that are due, by due time and number."""
    table, one = read
    text = f"SELECT number, due FROM {table} WHERE line = ? ORDER BY due, number LIMIT ?"  # noqa: S608  # ours
    items: list[T] = []
    room = wanted.size
    for number, due in connection.execute(text, [wanted.line, len(wanted.held) + wanted.count + 1]).fetchall():
        if number in wanted.held:
            continue
        item = one(connection, number) if due <= wanted.now and len(items) < wanted.count else None
        if item is None or (items and item.size > room):
            return Page(items, due)
        items.append(item)
        room -= item.size
    return Page(items, math.inf)


def event(connection: sqlite3.Connection, number: int) -> Event | None:
    """One of them; None: it is gone."""
    text = (
        "SELECT number, line, due, request_id, qualifier, payload, trace_id, accepted, attempts, refusals "
        "FROM async_events WHERE number = ?"
    )
    names = ("number", "function", "due", "request_id", "qualifier", "payload", "trace_id", "accepted")
    row = connection.execute(text, [number]).fetchone()
    return row and Event(**dict(zip((*names, "attempts", "refusals"), row, strict=True)))


def delivery(connection: sqlite3.Connection, number: int) -> Delivery | None:
    """One of them; None: it is gone."""
    text = "SELECT number, due, kind, target, tries, outcome, payload, response FROM async_deliveries WHERE number = ?"
    row = connection.execute(text, [number]).fetchone()
    if row is None:
        return None
    number, due, kind, target, tries, *outcome = row
    return Delivery(number=number, due=due, kind=kind, target=target, tries=tries, outcome=_outcome(*outcome))


Read = tuple[str, Callable[[sqlite3.Connection, int], T | None]]
"""A table with lines, and how one of its rows is read."""
EVENTS: Read[Event] = ("async_events", event)
DELIVERIES: Read[Delivery] = ("async_deliveries", delivery)


def append(connection: sqlite3.Connection, event: Event) -> int:
    """Keep a new event; returns its number."""
    text = (
        "INSERT INTO async_events (line, due, request_id, qualifier, payload, trace_id, accepted, attempts, refusals) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
    )
    row = (event.function, event.due, event.request_id, event.qualifier, event.payload, event.trace_id, event.accepted)
    return _number(connection.execute(text, (*row, event.attempts, event.refusals)))


def reschedule(connection: sqlite3.Connection, event: Event) -> None:
    """It waits for another time."""
    text = "UPDATE async_events SET due = ?, attempts = ?, refusals = ? WHERE number = ?"
    connection.execute(text, [event.due, event.attempts, event.refusals, event.number])


def settle(connection: sqlite3.Connection, event: Event, settlement: Settlement, kept: int) -> tuple[Settlement, int]:
    """The event makes way for what follows; returned with its numbers, and how many old failures went. kept: failures, at most."""
    connection.execute("DELETE FROM async_events WHERE number = ?", [event.number])
    followed = Settlement(
        events=tuple(dataclasses.replace(each, number=append(connection, each)) for each in settlement.events),
        deliveries=tuple(
            dataclasses.replace(each, number=_deliver(connection, each)) for each in settlement.deliveries
        ),
        failure=settlement.failure,
    )
    return followed, fail(connection, settlement.failure, kept) if settlement.failure else 0


def delivered(connection: sqlite3.Connection, delivery: Delivery) -> None:
    """It is done."""
    connection.execute("DELETE FROM async_deliveries WHERE number = ?", [delivery.number])


def postpone(connection: sqlite3.Connection, delivery: Delivery) -> None:
    """It waits for another time."""
    text = "UPDATE async_deliveries SET due = ?, tries = ? WHERE number = ?"
    connection.execute(text, [delivery.due, delivery.tries, delivery.number])


def give_up(connection: sqlite3.Connection, delivery: Delivery, failure: Failure, kept: int) -> int:
    """The failure takes the delivery's place; how many old failures went."""
    delivered(connection, delivery)
    return fail(connection, failure, kept)


def fail(connection: sqlite3.Connection, failure: Failure, kept: int) -> int:
    """Keep a failure; how many old ones went for it. kept: at most so many, the newest."""
    outcome = failure.outcome
    text = (
        "INSERT INTO async_failures (moment, function, request_id, kind, target, why, outcome, payload, response) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
    )
    response = outcome.response if len(outcome.response or b"") <= MOST_RESPONSE else None
    row = (failure.moment, outcome.function, outcome.request_id, failure.kind, failure.target, failure.why)
    number = _number(connection.execute(text, (*row, _written(outcome), outcome.payload, response)))
    return connection.execute("DELETE FROM async_failures WHERE number <= ?", [number - kept]).rowcount


def failures(connection: sqlite3.Connection, function: str = "") -> Iterable[Failure]:
    """What is kept, oldest first, one at a time. function: of this one only; "": of all."""
    where = "WHERE function = ?" if function else ""
    text = f"SELECT {_FAILURE} FROM async_failures {where} ORDER BY number"  # noqa: S608  # ours
    return map(_failure, connection.execute(text, [function] if function else []))


def failure(connection: sqlite3.Connection, number: int) -> Failure | None:
    """One of them; None: there is none of that number."""
    text = f"SELECT {_FAILURE} FROM async_failures WHERE number = ?"  # noqa: S608  # ours
    row = connection.execute(text, [number]).fetchone()
    return row and _failure(row)


def redrive(connection: sqlite3.Connection, failure: Failure, now: float) -> str:
    """Try a failure again, and forget it. Returns what was made of it: the request id of a new event, or "" for a delivery.

    An event that failed is accepted anew, once, whoever else was not told of it. The record of one that succeeded is delivered again.
    """
    outcome = failure.outcome
    if outcome.condition == SUCCESS:
        again = dataclasses.replace(outcome, moment=now)
        _deliver(connection, Delivery(kind=failure.kind, target=failure.target, outcome=again, due=now))
        connection.execute("DELETE FROM async_failures WHERE number = ?", [failure.number])
        return ""
    event = Event(
        request_id=new_request_id(),
        function=outcome.function,
        qualifier=outcome.qualifier,
        payload=outcome.payload,
        trace_id="",
        accepted=now,
        due=now,
    )
    append(connection, event)
    connection.execute("DELETE FROM async_failures WHERE request_id = ?", [outcome.request_id])
    return event.request_id


_FAILURE = "number, moment, kind, target, why, outcome, payload, response"


def _failure(row: tuple[Any, ...]) -> Failure:
    number, moment, kind, target, why, *outcome = row
    return Failure(number=number, moment=moment, kind=kind, target=target, why=why, outcome=_outcome(*outcome))


def _deliver(connection: sqlite3.Connection, delivery: Delivery) -> int:
    outcome = delivery.outcome
    text = (
        "INSERT INTO async_deliveries (line, due, kind, target, tries, outcome, payload, response) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
    )
    row = (delivery.line, delivery.due, delivery.kind, delivery.target, delivery.tries, _written(outcome))
    return _number(connection.execute(text, (*row, outcome.payload, outcome.response)))


def _written(outcome: Outcome) -> str:
    about = {field.name: getattr(outcome, field.name) for field in dataclasses.fields(outcome)}
    return json.dumps({name: value for name, value in about.items() if name not in {"payload", "response"}})


def _outcome(about: str, payload: bytes, response: bytes | None) -> Outcome:
    found: Mapping[str, Any] = json.loads(about)
    return Outcome(**found, payload=payload, response=response)


def _number(cursor: sqlite3.Cursor) -> int:
    return int(cursor.lastrowid or 0)
