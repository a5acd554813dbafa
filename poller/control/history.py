"""The record of what became of each mapping, in the state file: its keys, its pauses, its circuit breaker. For one thread.

Beside it stands each mapping as it was recorded last, without secrets, so that what changed in the files while no daemon ran is told at the
next start; of a secret it is not. Jumps in a stream are positions.py's.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from poller.control import store
from poller.control.differences import Differences, beyond_defaults, differences, shown
from poller.settings.model import MappingSettings

KEPT = 1_000
"""Lines of a mapping: the newest."""
KEPT_OF_GONE = 10_000
"""Lines of all mappings that are there no more: those among so many newest ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class By:
    """Whose doing it is, at epoch seconds. why: how it came to that, "" when nobody says."""

    epoch: float
    who: str
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What became of a mapping. what: created, changed, enabled, disabled, removed, or a word of audit.py's. keys: with the first four."""

    mapping: str
    what: str
    by: By
    keys: Differences = field(default_factory=dict)

    @property
    def moment(self) -> str:
        """ISO 8601, UTC, milliseconds."""
        return datetime.fromtimestamp(self.by.epoch, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Other mappings are in force. concerned: by name, with the keys of secrets that differ; None: any may have changed."""

    after: Mapping[str, MappingSettings]
    by: By
    concerned: Mapping[str, Iterable[str]] | None = None


def write(connection: sqlite3.Connection, lines: Iterable[Line]) -> None:
    """Record what happened, and forget the oldest, within the caller's transaction."""
    for line in lines:
        row = (line.mapping, line.by.epoch, line.by.who, line.what, json.dumps(line.keys), line.by.why)
        connection.execute(
            "INSERT INTO mapping_history (mapping, epoch, who, what, keys, why) VALUES (?, ?, ?, ?, ?, ?)", row
        )
        connection.execute(
            "DELETE FROM mapping_history WHERE mapping = ?1 AND number <= "
            "(SELECT number FROM mapping_history WHERE mapping = ?1 ORDER BY number DESC LIMIT 1 OFFSET ?2)",
            [line.mapping, KEPT],
        )


def follow(connection: sqlite3.Connection, turn: Turn) -> None:
    """Record how mappings differ from what was recorded last, within the caller's transaction."""
    concerned = None if turn.concerned is None else json.dumps(list(turn.concerned))
    rows = connection.execute(
        "SELECT mapping, keys FROM mapping_keys WHERE ?1 IS NULL OR mapping IN (SELECT value FROM json_each(?1))",
        [concerned],
    )
    before = {name: json.loads(keys) for name, keys in rows}
    names = turn.concerned or {}
    after = {name: shown(turn.after[name]) for name in turn.after if turn.concerned is None or name in names}
    lines = [_line(name, before.get(name), after.get(name), turn) for name in sorted(before.keys() | after.keys())]
    write(connection, [line for line in lines if line is not None])
    gone = [(name,) for name in before.keys() - after.keys()]
    connection.executemany("DELETE FROM mapping_keys WHERE mapping = ?", gone)
    kept = [(name, json.dumps(keys)) for name, keys in after.items() if before.get(name) != keys]
    connection.executemany("INSERT OR REPLACE INTO mapping_keys VALUES (?, ?)", kept)
    if gone:
        connection.execute(
            "DELETE FROM mapping_history WHERE number <= (SELECT max(number) - ? FROM mapping_history) "
            "AND mapping NOT IN (SELECT mapping FROM mapping_keys)",
            [KEPT_OF_GONE],
        )


def log(state: Path, mapping: str) -> list[Line]:
    """What became of a mapping, oldest first; without making a file where there is none. Raises StoreError."""
    if not store.exists(state):
        return []
    text = "SELECT epoch, who, why, what, keys FROM mapping_history WHERE mapping = ? ORDER BY number"
    with store.explained(state), closing(store.connect(state)) as connection:
        return [
            Line(mapping=mapping, what=what, by=By(epoch=epoch, who=who, why=why), keys=_differences(keys))
            for epoch, who, why, what, keys in connection.execute(text, [mapping])
        ]


def _line(name: str, before: dict[str, object] | None, after: dict[str, object] | None, turn: Turn) -> Line | None:
    """None: nothing differs."""
    if after is None:
        return Line(mapping=name, what="removed", by=turn.by)
    if before is None:
        return Line(mapping=name, what="created", by=turn.by, keys=differences({}, beyond_defaults(after)))
    keys = differences(before, after, (turn.concerned or {}).get(name, ()))
    if not keys:
        return None
    what = ("enabled" if after["enabled"] else "disabled") if keys.keys() == {"enabled"} else "changed"
    return Line(mapping=name, what=what, by=turn.by, keys=keys)


def _differences(text: str) -> Differences:
    return {key: (before, after) for key, (before, after) in json.loads(text).items()}
