"""The file of a log store: one SQLite database in the state folder, apart from the state file. Whoever opens it comes through here.

What holds here:

1. Events are for reading, not for keeping: what is written is the kernel's at once, and on the disk some time later. A kill loses what
   was not written yet; a power failure the newest transactions, whole ones. A transaction that was cut short is not there.
2. One writer at a time, of any process; others wait for it. Readers wait for nobody (write-ahead log).
3. It holds what functions print, so it is for its owner only.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from poller.aio.owned_file import make

FILE = "logs.sqlite3"
LAYOUT = 1
"""Of the tables; stands in the file as user_version. A file of another layout is refused."""
PATIENCE = 5.0
"""Seconds to wait for another writer."""

_TABLES = """
CREATE TABLE log_groups (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created INTEGER NOT NULL,
    retention_days INTEGER
) STRICT;
CREATE TABLE streams (
    id INTEGER PRIMARY KEY,
    log_group INTEGER NOT NULL REFERENCES log_groups (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    created INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    ingested INTEGER NOT NULL,
    UNIQUE (log_group, name)
) STRICT;
CREATE INDEX streams_by_time ON streams (log_group, last, name);
CREATE TABLE chunks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    log_group INTEGER NOT NULL,
    stream INTEGER NOT NULL REFERENCES streams (id) ON DELETE CASCADE,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    ingested INTEGER NOT NULL,
    size INTEGER NOT NULL,
    events BLOB NOT NULL
) STRICT;
CREATE INDEX chunks_by_time ON chunks (log_group, first);
CREATE INDEX chunks_by_stream ON chunks (stream);
CREATE INDEX chunks_by_size ON chunks (log_group, size)
"""


class LogStoreError(Exception):
    """The log store cannot serve. The message is a sentence for the operator."""


def exists(state: Path) -> bool:
    """Whether there is a log store in that state folder."""
    return (state / FILE).exists()


def connect(state: Path, patience: float = PATIENCE) -> sqlite3.Connection:
    """The store, made if there is none. For the calling thread; closed by the caller. Raises LogStoreError."""
    with explained(state):
        state.mkdir(parents=True, exist_ok=True)
        make(state / FILE)
        connection = sqlite3.connect(state / FILE, timeout=patience, isolation_level=None)
        try:
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # of no effect but on an empty file
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA journal_size_limit = 4000000")
            connection.execute("PRAGMA foreign_keys = ON")
            _lay_out(connection)
        except BaseException:
            connection.close()
            raise
        return connection


@contextlib.contextmanager
def change(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """One transaction that writes; the lock is taken at its beginning, so what it reads stays true."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


@contextlib.contextmanager
def explained(state: Path) -> Iterator[None]:
    """Whatever the file system or SQLite has against the file becomes a sentence that names it."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise LogStoreError(f"the log store {state / FILE} cannot be used: {reason}") from error


def _lay_out(connection: sqlite3.Connection) -> None:
    if _layout(connection) == 0:
        with change(connection):
            if _layout(connection) == 0:  # unless another process was faster
                for statement in _TABLES.split(";\n"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {LAYOUT}")
    if (found := _layout(connection)) != LAYOUT:
        raise sqlite3.DatabaseError(f"it is of layout {found}, and this pollerd knows {LAYOUT}; it may be deleted")


def _layout(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
