"""The fault oracle: what was sent, what the handler noted, what the queues hold -> lost, duplicates, order. Pure but for the journal.

A message counts as handled once the handler noted its end. Lost: sent, and neither handled nor left in a queue nor dead-lettered.
Duplicates: ends noted beyond the first of a message. A bound is an argument in numbers, made by each test: how many records could
be handled but not yet deleted at the moment of a fault, times the faults.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Note:
    """One line of the handler (function/app.py). what: start or end. at: seconds since the epoch. pid: as the handler sees itself."""

    what: str
    n: int
    receives: int
    group: str
    pid: int
    at: float


class Journal:
    """The handler's notes, read as they are written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._notes: list[Note] = []
        self._read = 0

    def notes(self) -> list[Note]:
        """All so far, in the order they were written; a line that is half written is left for the next time."""
        if self.path.exists():
            with self.path.open("rb") as file:
                file.seek(self._read)
                new = file.read()
            whole = new[: new.rfind(b"\n") + 1]
            self._read += len(whole)
            self._notes += [Note(**json.loads(line)) for line in whole.splitlines()]
        return list(self._notes)


def ends(notes: Iterable[Note]) -> Counter[int]:
    """Message -> how often it was handled."""
    return Counter(note.n for note in notes if note.what == "end")


@dataclass(frozen=True, slots=True)
class Verdict:
    """sent: numbers. handled: number -> ends noted. left: numbers that some queue holds, dead-letter queues included."""

    sent: Collection[int]
    handled: Counter[int]
    left: Collection[int]

    @property
    def lost(self) -> list[int]:
        return sorted(set(self.sent) - set(self.handled) - set(self.left))

    @property
    def strangers(self) -> list[int]:
        """Handled and never sent."""
        return sorted(set(self.handled) - set(self.sent))

    @property
    def duplicates(self) -> int:
        return self.handled.total() - len(self.handled)


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table. why: the bound as an argument."""

    fault: str
    sent: int
    handled: int
    lost: int
    duplicates: int
    bound: int
    why: str
    seconds: float


ROW = "row of the fault table"


def travelling(row: Row) -> tuple[str, object]:
    """The row as a property of a test's report."""
    return ROW, asdict(row)


def arrived(properties: Iterable[tuple[str, object]]) -> list[Row]:
    """The rows among the properties of a report."""
    return [Row(**value) for name, value in properties if name == ROW and isinstance(value, dict)]


HEADINGS = ("fault", "sent", "handled", "lost", "duplicates", "bound", "seconds", "bound is")


def table(rows: Sequence[Row]) -> list[str]:
    """The rows as aligned lines, headings first."""
    cells = [HEADINGS] + [
        (r.fault, str(r.sent), str(r.handled), str(r.lost), str(r.duplicates), str(r.bound), f"{r.seconds:.1f}", r.why)
        for r in rows
    ]
    widths = [max(len(row[column]) for row in cells) for column in range(len(HEADINGS))]
    words = {0, len(HEADINGS) - 1}
    return [
        " | ".join(
            cell.ljust(width) if n in words else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in cells
    ]


def overtaken(notes: Iterable[Note]) -> list[str]:
    """Breaches of order within a group: a message started for the first time before all sent earlier to its group had ended.

    Numbers grow in the order of sending. Only for runs in which every message is handled in the end.
    """
    notes = list(notes)
    groups: defaultdict[str, set[int]] = defaultdict(set)
    for note in notes:
        groups[note.group].add(note.n)
    ended: set[int] = set()
    started: set[int] = set()
    breaches = []
    for note in notes:
        if note.what == "end":
            ended.add(note.n)
        elif note.n not in started:
            started.add(note.n)
            early = sorted(n for n in groups[note.group] if n < note.n and n not in ended)
            if early:
                breaches.append(f"group {note.group}: {note.n} started before {early[0]} had ended")
    return breaches
