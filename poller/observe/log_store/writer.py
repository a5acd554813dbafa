"""What is written into a log store: events, groups, and what goes again. Synchronous, for one thread."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from poller.observe.log_store.chunks import Chunk, Told, encode, gathered
from poller.observe.log_store.file import change, connect, explained

DAY = 86_400_000
"""Milliseconds."""
TIDY = 600_000
"""Milliseconds between two looks for what is too old."""
ROOM = 0.9
"""What is kept of ``max_bytes`` when they are reached, so that not every batch has to make room for itself."""
CUT = 64
"""Chunks that are given up at a time: a few MB at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much a store keeps: of all groups together, the oldest go first; a group's own retention may be shorter."""

    days: float
    max_bytes: int


class Writer:
    """The writing side of one state folder's store. Opens it when first used, and anew after a failure. Raises LogStoreError."""

    def __init__(self, state: Path, bounds: Bounds) -> None:
        self._state = state
        self._bounds = bounds
        self._connection: sqlite3.Connection | None = None
        self._since = 0  # milliseconds: the newest event there is of this writer
        self._tidied = 0

    def append(self, told: Iterable[Told]) -> None:
        """Store all of it or nothing, and keep the bounds."""
        chunks = list(gathered(told, self._since))
        now = _now()
        with self._writing() as connection:
            with change(connection):
                for chunk in chunks:
                    _store(connection, chunk, now)
            self._since = max((chunk.last for chunk in chunks), default=self._since)
            self._tidy(connection, now)

    def create_group(self, name: str) -> bool:
        """Whether it is new."""
        return self._changed("INSERT OR IGNORE INTO log_groups (name, created) VALUES (?, ?)", name, _now())

    def retain(self, group: str, days: int | None) -> bool:
        """Keep a group's events for so many days, None: for as long as all. Whether there is such a group."""
        self._tidied = 0
        return self._changed("UPDATE log_groups SET retention_days = ? WHERE name = ?", days, group)

    def delete_group(self, name: str) -> bool:
        """Forget a group with all it holds. Whether there was one."""
        return self._changed("DELETE FROM log_groups WHERE name = ?", name)

    def delete_stream(self, group: str, name: str) -> bool:
        """Forget a stream with all it holds. Whether there was one."""
        of_group = "(SELECT id FROM log_groups WHERE name = ?)"
        return self._changed(f"DELETE FROM streams WHERE name = ? AND log_group = {of_group}", name, group)  # noqa: S608  # a constant

    def close(self) -> None:
        """Close the file. Idempotent."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _changed(self, statement: str, *values: str | int | None) -> bool:
        with self._writing() as connection, change(connection):
            return connection.execute(statement, values).rowcount > 0

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with explained(self._state):
            try:
                if self._connection is None:
                    self._connection = connect(self._state)
                yield self._connection
            except sqlite3.Error:
                self.close()
                raise

    def _tidy(self, connection: sqlite3.Connection, now: int) -> None:
        """Give up what is too old, now and then, and what is too much."""
        if now - self._tidied >= TIDY:
            self._tidied = now
            _expire(connection, self._bounds.days, now)
            connection.execute(f"PRAGMA incremental_vacuum({_spare(connection, self._bounds.max_bytes)})").fetchall()
        if _used(connection) > self._bounds.max_bytes:
            while _used(connection) > self._bounds.max_bytes * ROOM and _cut(connection):
                pass
            _forget_empty(connection)


def _store(connection: sqlite3.Connection, chunk: Chunk, now: int) -> None:
    connection.execute("INSERT OR IGNORE INTO log_groups (name, created) VALUES (?, ?)", [chunk.group, now])
    group, stream = connection.execute(
        "INSERT INTO streams (log_group, name, created, first, last, ingested)"
        " SELECT id, ?, ?, ?, ?, ? FROM log_groups WHERE name = ?"
        " ON CONFLICT DO UPDATE SET last = excluded.last, ingested = excluded.ingested RETURNING log_group, id",
        [chunk.stream, now, chunk.first, chunk.last, now, chunk.group],
    ).fetchone()
    connection.execute(
        "INSERT INTO chunks (log_group, stream, first, last, ingested, size, events) VALUES (?, ?, ?, ?, ?, ?, ?)",
        [group, stream, chunk.first, chunk.last, now, chunk.size, encode(chunk.events)],
    )


def _expire(connection: sqlite3.Connection, days: float, now: int) -> None:
    groups = connection.execute("SELECT id, retention_days FROM log_groups").fetchall()
    for group, own in groups:
        before = now - int(DAY * (days if own is None else min(days, own)))
        while _cut(connection, "WHERE log_group = ? AND first < ? AND last < ?", group, before, before):
            pass
    _forget_empty(connection)


def _cut(connection: sqlite3.Connection, which: str = "", *values: int) -> bool:
    """Delete some of the oldest chunks. Whether there were any. Other writers may come in between."""
    with change(connection):
        oldest = f"SELECT id FROM chunks {which} ORDER BY id LIMIT {CUT}"  # noqa: S608  # of constants
        return connection.execute(f"DELETE FROM chunks WHERE id IN ({oldest})", values).rowcount > 0  # noqa: S608 - constants of ours, no values


def _forget_empty(connection: sqlite3.Connection) -> None:
    with change(connection):
        connection.execute("DELETE FROM streams WHERE id NOT IN (SELECT stream FROM chunks)")


def _used(connection: sqlite3.Connection) -> int:
    """Bytes of the file that hold something."""
    [pages], [free], [size] = (connection.execute(f"PRAGMA {name}").fetchone() for name in _SIZES)
    return int((pages - free) * size)


def _spare(connection: sqlite3.Connection, max_bytes: int) -> int:
    """Free pages that the file has beyond what it may ever need."""
    [pages], [free], [size] = (connection.execute(f"PRAGMA {name}").fetchone() for name in _SIZES)
    return int(min(free, max(0, pages - max_bytes // size)))


_SIZES = ("page_count", "freelist_count", "page_size")


def _now() -> int:
    return time.time_ns() // 1_000_000
