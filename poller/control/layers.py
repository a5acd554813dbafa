"""Layers: their versions in the state file, content on the shelf. A version never changes; only who may use it does."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from poller.control import store
from poller.control.packages import Package

_COLUMNS = "name, number, digest, size, unpacked, shown, created, policy, policy_revision"


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerVersion:
    """One version. shown: what is told of it and nothing acts on, by AWS's names. created: ISO 8601, UTC, milliseconds.

    policy: statements of its resource policy, in the order in which they came. policy_revision: another one after every change; "": none.
    """

    name: str
    number: int
    package: Package
    shown: Mapping[str, Any] = field(default_factory=dict)
    created: str = ""
    policy: Sequence[Mapping[str, Any]] = ()
    policy_revision: str = ""


class Layers:
    """The layers of one state folder. Synchronous; every call opens the file. Raises StoreError."""

    def __init__(self, state: Path) -> None:
        self._state = state

    def publish(self, name: str, package: Package, shown: Mapping[str, Any]) -> LayerVersion:
        """The next version: numbers begin at 1 and are never given twice, whatever is deleted."""
        with self._changing() as connection:
            [number] = connection.execute(
                "INSERT INTO layer_names VALUES (?, 1) "
                "ON CONFLICT DO UPDATE SET last_number = last_number + 1 RETURNING last_number",
                [name],
            ).fetchone()
            created = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            row = (name, number, package.digest, package.size, package.unpacked, json.dumps(shown), created, "[]", "")
            connection.execute(f"INSERT INTO layers ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)  # noqa: S608  # our own names
            return _version(*row)

    def all(self, name: str | None = None) -> list[LayerVersion]:
        """All versions there are, or those of one layer; by name, newest first."""
        if not store.exists(self._state):
            return []
        with self._opened() as connection:
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM layers WHERE ?1 IS NULL OR name = ?1 ORDER BY name, number DESC",  # noqa: S608 - constants of ours, no values
                [name],
            )
            return [_version(*row) for row in rows]

    def get(self, name: str, number: int) -> LayerVersion | None:
        """One version, if it is there."""
        return next((version for version in self.all(name) if version.number == number), None)

    def delete(self, name: str, number: int) -> None:
        """Forget a version; functions that use it keep its content."""
        with self._changing() as connection:
            connection.execute("DELETE FROM layers WHERE name = ? AND number = ?", [name, number])

    def permit(self, version: LayerVersion, policy: Sequence[Mapping[str, Any]]) -> str | None:
        """Give a version other statements; the new revision, or None if somebody was faster."""
        revision = str(uuid.uuid4()) if policy else ""
        with self._changing() as connection:
            done = connection.execute(
                "UPDATE layers SET policy = ?, policy_revision = ? WHERE name = ? AND number = ? AND policy_revision = ?",
                [json.dumps(policy), revision, version.name, version.number, version.policy_revision],
            )
            return revision if done.rowcount else None

    @contextlib.contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        with store.explained(self._state), contextlib.closing(store.connect(self._state)) as connection:
            yield connection

    @contextlib.contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        with self._opened() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")


def _version(*row: Any) -> LayerVersion:
    name, number, digest, size, unpacked, shown, created, policy, revision = row
    return LayerVersion(
        name=name,
        number=number,
        package=Package(digest=digest, size=size, unpacked=unpacked),
        shown=json.loads(shown),
        created=created,
        policy=tuple(json.loads(policy)),
        policy_revision=revision,
    )
