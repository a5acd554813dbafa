"""Objects that calls made, and their rows in the state file."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import sqlite3
import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

from poller.control import store
from poller.control.store import StoreError

Kind = Literal["functions", "event_source_mappings"]
"""As the section of a configuration file is called."""
KINDS: tuple[Kind, ...] = get_args(Kind)
Key = tuple[Kind, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """One object that a call made.

    document: as in a configuration file; paths are relative to the folder of code copies. shown: what AWS keeps of such an object and
    nothing here acts on, by AWS's names. revision: another one after every change. modified: ISO 8601, UTC, milliseconds.
    """

    kind: Kind
    name: str
    document: Mapping[str, Any]
    shown: Mapping[str, Any] = field(default_factory=dict)
    revision: str = ""
    modified: str = ""

    @property
    def key(self) -> Key:
        """Unique among all."""
        return self.kind, self.name

    def stamped(self) -> Made:
        """The same as of now."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return dataclasses.replace(self, revision=str(uuid.uuid4()), modified=now)


def read(state: Path) -> dict[Key, Made]:
    """All there are; no file is made where there is none. Raises StoreError."""
    if not store.exists(state):
        return {}
    with store.explained(state), contextlib.closing(store.connect(state)) as connection:
        rows = connection.execute(
            "SELECT kind, name, document, shown, revision, modified FROM made ORDER BY kind, name"
        )
        found = [
            Made(
                kind=kind,
                name=name,
                document=json.loads(document),
                shown=json.loads(shown),
                revision=revision,
                modified=modified,
            )
            for kind, name, document, shown, revision, modified in rows
        ]
    return {made.key: made for made in found}


def write(state: Path, puts: Iterable[Made], gone: Collection[Key], expected: Mapping[Key, str]) -> None:
    """Make a change durable, all or nothing. expected: the revision that each object has, "" for one that is not there yet.

    The versions of a function go with it; their numbers stay used.
    Raises StoreError, also when another daemon with this state folder has changed one of them.
    """
    with store.explained(state), contextlib.closing(store.connect(state)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        try:
            _refuse_if_changed(connection, expected)
            connection.executemany("DELETE FROM made WHERE kind = ? AND name = ?", gone)
            functions = [(name,) for kind, name in gone if kind == "functions"]
            connection.executemany("DELETE FROM versions WHERE function = ?", functions)
            connection.executemany("INSERT OR REPLACE INTO made VALUES (?, ?, ?, ?, ?, ?)", map(_row, puts))
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")


def _refuse_if_changed(connection: sqlite3.Connection, expected: Mapping[Key, str]) -> None:
    for (kind, name), revision in expected.items():
        row = connection.execute("SELECT revision FROM made WHERE kind = ? AND name = ?", [kind, name]).fetchone()
        if (row[0] if row else "") != revision:
            raise StoreError(f"another daemon with this state folder has changed {name}; restart this one to see it")


def _row(made: Made) -> tuple[str, ...]:
    return made.kind, made.name, json.dumps(made.document), json.dumps(made.shown), made.revision, made.modified
