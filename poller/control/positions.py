"""How far each mapping has come in its stream, in the state file; and the log of every jump. Statements and values, for one thread.

A *position* is the last record of a partition before which none is left to do. A *mark* is the last one that a lane has finished beyond
that. A *start* is where an operator has sent a mapping: it counts in place of the configuration's for partitions without a position.
Reading that goes on as it should is no jump and not logged.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from poller.control import store

EVERY = ""
"""In place of a partition in the log: all there will be, none being known."""

Statement = tuple[str, list[tuple[str | float | None, ...]]]
"""SQL, and the rows to execute it with."""


@dataclass(frozen=True, slots=True)
class Start:
    """One of a source's starting positions. timestamp: epoch seconds, with AT_TIMESTAMP."""

    position: str
    timestamp: float | None = None

    @property
    def word(self) -> str:
        """In place of a partition's position (connectors.contract, Checkpoints)."""
        return self.position if self.timestamp is None else f"{self.position} {self.timestamp!r}"

    def __str__(self) -> str:
        """As the log has it."""
        if self.timestamp is None:
            return self.position
        return f"{self.position} {datetime.fromtimestamp(self.timestamp, UTC).isoformat().replace('+00:00', 'Z')}"


@dataclass(slots=True)
class Held:
    """What is known of one mapping. positions: by partition. marks: by partition and lane."""

    positions: dict[str, str] = field(default_factory=dict)
    marks: dict[str, dict[str, str]] = field(default_factory=dict)
    start: Start | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Jump:
    """A line of the log. before, after: positions; None: there was or is none. moment: ISO 8601, UTC, milliseconds."""

    moment: str
    who: str
    mapping: str
    partition: str
    before: str | None
    after: str | None
    why: str


def read(connection: sqlite3.Connection, mapping: str) -> Held:
    """What is known of a mapping, at one moment."""
    held = Held()
    connection.execute("BEGIN")
    try:
        rows = connection.execute("SELECT partition, position FROM positions WHERE mapping = ?", [mapping])
        held.positions.update(rows)
        rows = connection.execute("SELECT partition, lane, position FROM marks WHERE mapping = ?", [mapping])
        for partition, lane, position in rows:
            held.marks.setdefault(partition, {})[lane] = position
        rows = connection.execute("SELECT position, timestamp FROM starts WHERE mapping = ?", [mapping])
        held.start = next((Start(*row) for row in rows), None)
    finally:
        connection.execute("COMMIT")
    return held


def saved(mapping: str, positions: Mapping[str, str]) -> list[Statement]:
    """Reading has come so far."""
    text = "INSERT INTO positions VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET position = excluded.position"
    return [(text, [(mapping, *row) for row in positions.items()])]


def marked(mapping: str, marks: Mapping[str, Mapping[str, str]]) -> list[Statement]:
    """The lanes of these partitions have come so far; what was marked there before is forgotten."""
    rows = [(mapping, partition, lane, at) for partition, lanes in marks.items() for lane, at in lanes.items()]
    gone = "DELETE FROM marks WHERE mapping = ? AND partition = ?"
    return [(gone, [(mapping, each) for each in marks]), ("INSERT INTO marks VALUES (?, ?, ?, ?)", list(rows))]


def noted(mapping: str, jumps: Mapping[str, str], partitions: Iterable[str], *, who: str, why: str) -> list[Statement]:
    """In a stream whose server keeps the positions: partition -> where reading goes on, for the log. partitions: lose their marks."""
    moment = _now()
    rows = [(moment, who, mapping, partition, after, why) for partition, after in jumps.items()]
    text = "INSERT INTO positions_log (moment, who, mapping, partition, after, why) VALUES (?, ?, ?, ?, ?, ?)"
    keys = [(mapping, partition) for partition in partitions]
    return [(text, list(rows)), ("DELETE FROM marks WHERE mapping = ? AND partition = ?", list(keys))]


def moved(
    mapping: str, partitions: Iterable[str], position: str | None, *, who: str, why: str, to: str | None = None
) -> list[Statement]:
    """A jump, logged; marks are forgotten, being beyond a place that is none any more.

    position: None: forget the partition's, so that it begins at a start. to: what the log says instead of it.
    """
    moment = _now()
    keys: list[tuple[str | float | None, ...]] = [(mapping, partition) for partition in partitions]
    logged = (
        "INSERT INTO positions_log (moment, who, mapping, partition, before, after, why) VALUES "
        "(?, ?, ?, ?, (SELECT position FROM positions WHERE mapping = ? AND partition = ?), ?, ?)"
    )
    return [
        (logged, [(moment, who, *key, *key, to or position, why) for key in keys]),
        ("DELETE FROM positions WHERE mapping = ? AND partition = ?", keys),
        ("DELETE FROM marks WHERE mapping = ? AND partition = ?", keys),
        *([] if position is None else saved(mapping, {str(key[1]): position for key in keys})),
    ]


def restarted(mapping: str, partitions: Collection[str], start: Start, *, who: str, why: str) -> list[Statement]:
    """All partitions, and those that nobody knows yet, begin at a start, logged. partitions: those that are known, or EVERY."""
    begin = "INSERT OR REPLACE INTO starts VALUES (?, ?, ?)"
    gone = moved(mapping, partitions, None, who=who, why=why, to=str(start))
    return [*gone, (begin, [(mapping, start.position, start.timestamp)])]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def write(connection: sqlite3.Connection, statements: Iterable[Statement]) -> None:
    """Execute them in order, within the caller's transaction."""
    for text, rows in statements:
        connection.executemany(text, rows)


def known(state: Path, mapping: str) -> Held:
    """What is known of a mapping, without making a file where there is none. Raises StoreError."""
    if not store.exists(state):
        return Held()
    with store.explained(state), closing(store.connect(state)) as connection:
        return read(connection, mapping)


def log(state: Path, mapping: str) -> list[Jump]:
    """Jumps of a mapping, oldest first. Raises StoreError."""
    if not store.exists(state):
        return []
    text = "SELECT moment, who, mapping, partition, before, after, why FROM positions_log WHERE mapping = ? ORDER BY number"
    with store.explained(state), closing(store.connect(state)) as connection:
        columns = ("moment", "who", "mapping", "partition", "before", "after", "why")
        return [Jump(**dict(zip(columns, row, strict=True))) for row in connection.execute(text, [mapping])]
