"""The persisted form of what outlives the daemon: one SQLite file in the state folder. Whoever opens it comes through here.

What holds here:

1. A change is one transaction, on the disk when the call returns (positions of streams: checkpoints.py says when). A kill or a power
   failure at any instant leaves it whole or not made.
2. One writer at a time, of any process; others wait for it. Readers wait for nobody (write-ahead log).
3. The file holds the variables of functions, so it is for its owner only.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from poller.aio.owned_file import make
from poller.control.state import Published, Version

FILE = "pollerd.sqlite3"
PATIENCE = 30.0
"""Seconds to wait for another writer."""

_VERSIONS = """
CREATE TABLE functions (name TEXT PRIMARY KEY, last_number INTEGER NOT NULL) STRICT;
CREATE TABLE versions (
    function TEXT NOT NULL REFERENCES functions (name),
    number INTEGER NOT NULL,
    configuration TEXT NOT NULL,
    description TEXT NOT NULL,
    created TEXT NOT NULL,
    PRIMARY KEY (function, number)
) STRICT;
"""
_POSITIONS = """
CREATE TABLE positions (
    mapping TEXT NOT NULL,
    partition TEXT NOT NULL,
    position TEXT NOT NULL,
    PRIMARY KEY (mapping, partition)
) STRICT, WITHOUT ROWID;
CREATE TABLE marks (
    mapping TEXT NOT NULL,
    partition TEXT NOT NULL,
    lane TEXT NOT NULL,
    position TEXT NOT NULL,
    PRIMARY KEY (mapping, partition, lane)
) STRICT, WITHOUT ROWID;
CREATE TABLE starts (mapping TEXT PRIMARY KEY, position TEXT NOT NULL, timestamp REAL) STRICT;
CREATE TABLE positions_log (
    number INTEGER PRIMARY KEY,
    moment TEXT NOT NULL,
    who TEXT NOT NULL,
    mapping TEXT NOT NULL,
    partition TEXT NOT NULL,
    before TEXT,
    after TEXT,
    why TEXT NOT NULL
) STRICT;
"""
_MADE = """
CREATE TABLE made (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    document TEXT NOT NULL,
    shown TEXT NOT NULL,
    revision TEXT NOT NULL,
    modified TEXT NOT NULL,
    PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;
"""
_EVENTS = """
CREATE TABLE async_events (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    line TEXT NOT NULL,
    due REAL NOT NULL,
    request_id TEXT NOT NULL,
    qualifier TEXT NOT NULL,
    payload BLOB NOT NULL,
    trace_id TEXT NOT NULL,
    accepted REAL NOT NULL,
    attempts INTEGER NOT NULL,
    refusals INTEGER NOT NULL
) STRICT;
CREATE INDEX async_events_due ON async_events (line, due);
CREATE TABLE async_deliveries (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    line TEXT NOT NULL,
    due REAL NOT NULL,
    kind TEXT NOT NULL,
    target TEXT NOT NULL,
    tries INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    payload BLOB NOT NULL,
    response BLOB
) STRICT;
CREATE INDEX async_deliveries_due ON async_deliveries (line, due);
CREATE TABLE async_failures (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    moment REAL NOT NULL,
    function TEXT NOT NULL,
    request_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    target TEXT NOT NULL,
    why TEXT NOT NULL,
    outcome TEXT NOT NULL,
    payload BLOB NOT NULL,
    response BLOB
) STRICT;
CREATE INDEX async_failures_request ON async_failures (request_id);
"""
_LAYERS = """
ALTER TABLE versions ADD COLUMN shown TEXT NOT NULL DEFAULT '{}';
CREATE TABLE layer_names (name TEXT PRIMARY KEY, last_number INTEGER NOT NULL) STRICT;
CREATE TABLE layers (
    name TEXT NOT NULL REFERENCES layer_names (name),
    number INTEGER NOT NULL,
    digest TEXT NOT NULL,
    size INTEGER NOT NULL,
    unpacked INTEGER NOT NULL,
    shown TEXT NOT NULL,
    created TEXT NOT NULL,
    policy TEXT NOT NULL,
    policy_revision TEXT NOT NULL,
    PRIMARY KEY (name, number)
) STRICT;
"""
_HISTORY = """
CREATE TABLE mapping_history (
    number INTEGER PRIMARY KEY,
    mapping TEXT NOT NULL,
    epoch REAL NOT NULL,
    who TEXT NOT NULL,
    what TEXT NOT NULL,
    keys TEXT NOT NULL,
    why TEXT NOT NULL
) STRICT;
CREATE INDEX mapping_history_mapping ON mapping_history (mapping, number);
CREATE TABLE mapping_keys (mapping TEXT PRIMARY KEY, keys TEXT NOT NULL) STRICT, WITHOUT ROWID;
"""
_LAYOUTS = (_VERSIONS, _POSITIONS, _MADE, _EVENTS, _LAYERS, _HISTORY)
"""What each layout has that the one before had not. A file is brought up to the last one when it is opened; there is no way back."""
LAYOUT = len(_LAYOUTS)
"""Of the tables; stands in the file as user_version. A file of a newer layout is refused."""


class StoreError(Exception):
    """The state file cannot serve. The message is a sentence for the operator."""


class Store:
    """An open state file. Synchronous, for one thread."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def published(self, only: Collection[str] | None = None) -> Published:
        """All versions there are; or those of some functions."""
        rows = self._connection.execute(
            "SELECT function, number, configuration, description, created, shown FROM versions "
            "WHERE ?1 IS NULL OR function IN (SELECT value FROM json_each(?1)) ORDER BY function, number",
            [None if only is None else json.dumps(list(only))],
        )
        return Published(tuple(_version(*row) for row in rows))

    def publish(
        self,
        function: str,
        configuration: Mapping[str, Any],
        description: str,
        unchanged: Callable[[Version], bool],
        shown: Mapping[str, Any] | None = None,
    ) -> tuple[Version, bool]:
        """The newest version if ``unchanged`` says so of it, else a new one under the next number; and whether it is new.

        Numbers begin at 1 and are never given twice, whatever is deleted (Lambda DG, Lambda function versions).
        """
        with self._change() as connection:
            newest = list(self.published().of(function).values())[-1:]
            if newest and unchanged(newest[0]):
                return newest[0], False
            [number] = connection.execute(
                "INSERT INTO functions VALUES (?, 1) ON CONFLICT DO UPDATE SET last_number = last_number + 1 RETURNING last_number",
                [function],
            ).fetchone()
            created = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            row = (function, number, json.dumps(configuration), description, created, json.dumps(shown or {}))
            connection.execute("INSERT INTO versions VALUES (?, ?, ?, ?, ?, ?)", row)
            return _version(*row), True

    def delete(self, function: str, number: int) -> bool:
        """Forget a version; its number stays used. Whether there was one."""
        with self._change() as connection:
            done = connection.execute("DELETE FROM versions WHERE function = ? AND number = ?", [function, number])
            return done.rowcount > 0

    @contextlib.contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        """One transaction that writes; the lock is taken at its beginning, so what it reads stays true."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield self._connection
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")


@contextlib.contextmanager
def opened(state: Path) -> Iterator[Store]:
    """The state file, made if there is none. Raises StoreError."""
    with explained(state), contextlib.closing(connect(state)) as connection:
        yield Store(connection)


def published(state: Path, only: Collection[str] | None = None) -> Published:
    """All versions there are, or those of some functions, without making a file where there is none. Raises StoreError."""
    if not exists(state):
        return Published()
    with opened(state) as store:
        return store.published(only)


def exists(state: Path) -> bool:
    """Whether there is a state file. Raises StoreError."""
    with explained(state):
        return (state / FILE).exists()


def connect(state: Path, patience: float = PATIENCE) -> sqlite3.Connection:
    """The state file, made if there is none, in the newest layout. Raises what SQLite and the file system do; see ``explained``.

    patience: seconds to wait for another writer. For the calling thread; closed by the caller.
    """
    state.mkdir(parents=True, exist_ok=True)
    make(state / FILE)
    connection = sqlite3.connect(state / FILE, timeout=patience, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        _lay_out(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _lay_out(connection: sqlite3.Connection) -> None:
    if _layout(connection) < LAYOUT:
        connection.execute("BEGIN IMMEDIATE")
        missing = _LAYOUTS[_layout(connection) :]  # none, if another process was faster
        for tables in missing:
            for statement in tables.split(";\n"):
                connection.execute(statement)
        if missing:
            connection.execute(f"PRAGMA user_version = {LAYOUT}")
        connection.execute("COMMIT")
    if (found := _layout(connection)) > LAYOUT:
        raise StoreError(f"it was written by a newer pollerd (layout {found}; this one knows {LAYOUT})")


def _layout(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _version(*row: Any) -> Version:
    function, number, configuration, description, created, shown = row
    return Version(
        function=function,
        number=number,
        configuration=json.loads(configuration),
        description=description,
        created=created,
        shown=json.loads(shown),
    )


@contextlib.contextmanager
def explained(state: Path) -> Iterator[None]:
    """Whatever the file system or SQLite has against the file becomes a sentence that names it."""
    try:
        yield
    except (OSError, sqlite3.Error, StoreError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise StoreError(f"the state file {state / FILE} cannot be used: {reason}") from error
