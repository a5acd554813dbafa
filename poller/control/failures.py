"""Failures of asynchronous events in the state file, for operators: what is there, and trying it again. Works beside a running daemon.

What is tried again is found by the daemon that runs the state folder's events within seconds, or when one starts.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from poller.control import events, store, writer
from poller.dispatch.backlog.event import Failure


@dataclass(frozen=True, slots=True)
class Redriven:
    """What was made of a failure. request_id: of the new event; "": its record is delivered again."""

    failure: Failure
    request_id: str


def listed(state: Path, function: str = "") -> list[Failure]:
    """What is kept, oldest first. function: of this one only; "": of all. Raises StoreError."""
    if not store.exists(state):
        return []
    with _opened(state) as connection:
        return list(events.failures(connection, function))


def found(state: Path, number: int) -> Failure | None:
    """One of them; None: there is none of that number. Raises StoreError."""
    if not store.exists(state):
        return None
    with _opened(state) as connection:
        return events.failure(connection, number)


def redriven(state: Path, numbers: Sequence[int]) -> list[Redriven]:
    """Try these again, each in a step of its own; what is gone by then is left out, as of one event with several. Raises StoreError."""
    done = []
    with _opened(state) as connection:
        for number in numbers:
            [one] = writer.transaction(connection, [partial(_redriven, number=number)])
            if one is not None:
                done.append(one)
    return done


def _redriven(connection: sqlite3.Connection, number: int) -> Redriven | None:
    failure = events.failure(connection, number)
    return None if failure is None else Redriven(failure, events.redrive(connection, failure, time.time()))


@contextlib.contextmanager
def _opened(state: Path) -> Iterator[sqlite3.Connection]:
    with store.explained(state), contextlib.closing(store.connect(state)) as connection:
        yield connection
