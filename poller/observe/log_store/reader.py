"""What is read from a log store: groups, streams, events. Synchronous, for one thread; a reader waits for no writer.

Events come in pages (pages.py).
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from poller.observe.log_store.chunks import SPAN
from poller.observe.log_store.file import connect, exists, explained
from poller.observe.log_store.pages import FOREVER, Matches, Page, Range, Stored, everything, in_turn, merged, page


@dataclass(frozen=True, slots=True)
class LogGroup:
    """created: milliseconds since 1970. retention_days: None: as long as all. stored: bytes of text, roughly."""

    name: str
    created: int
    retention_days: int | None
    stored: int


@dataclass(frozen=True, slots=True)
class LogStream:
    """Milliseconds since 1970: created, of the first and the last event, of the last time that some were stored."""

    name: str
    created: int
    first: int
    last: int
    ingested: int


class MissingError(LookupError):
    """There is no such group or stream. what: which of both, in the service's words."""

    def __init__(self, what: str) -> None:
        super().__init__(f"The specified log {what} does not exist.")


class LogReader:
    """The reading side of one state folder's store. Where there is none, it is empty. Raises LogStoreError."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._connection: sqlite3.Connection | None = None

    def groups(self, *, prefix: str = "", infix: str = "", after: str = "", limit: int = 50) -> list[LogGroup]:
        """Groups by name. prefix: that they begin with; infix: that they contain. after: a name that comes before all of them."""
        rows = self._rows(
            "SELECT name, created, retention_days, (SELECT coalesce(sum(size), 0) FROM chunks WHERE log_group = g.id)"
            " FROM log_groups AS g WHERE name > ? AND substr(name, 1, length(?)) = ? AND instr(name, ?) > 0"
            " ORDER BY name LIMIT ?",
            after, prefix, prefix, infix, limit,
        )  # fmt: skip
        return [LogGroup(*row) for row in rows]

    def streams(
        self,
        group: str,
        *,
        prefix: str = "",
        by_time: bool = False,
        descending: bool = False,
        after: tuple[int, str] | None = None,
        limit: int = 50,
    ) -> list[LogStream]:
        """Streams of a group by name, or by the time of their last event. after: last time and name of one that stands before all of them.

        Raises MissingError.
        """
        key, marks = ("last, name", "?, ?") if by_time else ("name", "?")
        beyond, values = "", list[str | int]()
        if after is not None:
            beyond = f"AND ({key}) {'<' if descending else '>'} ({marks})"
            values = list(after) if by_time else [after[1]]
        order = ", ".join(f"{each} DESC" for each in key.split(", ")) if descending else key
        which = f"log_group = ? AND substr(name, 1, length(?)) = ? {beyond} ORDER BY {order} LIMIT ?"
        query = f"SELECT name, created, first, last, ingested FROM streams WHERE {which}"  # noqa: S608  # of constants
        rows = self._rows(query, self._group(group), prefix, prefix, *values, limit)
        return [LogStream(*row) for row in rows]

    def stream_events(self, group: str, stream: str, wanted: Range, *, newest_first: bool, limit: int) -> Page:
        """Events of one stream. Raises MissingError."""
        number = self._stream(self._group(group), stream)
        order = "c.id DESC" if newest_first else "c.id"
        chunks = self._chunks("c.stream = ?", [number], order, wanted)
        return page(in_turn(chunks, wanted, newest_first=newest_first), limit)

    def events(
        self,
        group: str,
        wanted: Range,
        *,
        streams: Sequence[str] = (),
        prefix: str = "",
        matches: Matches | None = None,
        newest_first: bool = False,
        limit: int,
    ) -> Page:
        """Events of a group, of all its streams in the order of time. streams: only of these; prefix: only of those that begin with it.

        Raises MissingError, for one of ``streams`` too.
        """
        of_group = self._group(group)
        which, values = "c.log_group = ?", list[str | int]([of_group])
        if streams:
            numbers = [self._stream(of_group, name) for name in streams]
            which = f"{which} AND +c.stream IN ({', '.join('?' * len(numbers))})"  # +: by the index of time, which needs no sorting
            values += numbers
        elif prefix:
            which = f"{which} AND substr(s.name, 1, length(?)) = ?"
            values += [prefix, prefix]
        order = "c.first DESC, c.id DESC" if newest_first else "c.first, c.id"
        chunks = self._chunks(which, values, order, wanted)
        return page(merged(chunks, wanted, matches or everything, newest_first=newest_first), limit)

    def close(self) -> None:
        """Close the file. Idempotent."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _group(self, name: str) -> int:
        for [number] in self._rows("SELECT id FROM log_groups WHERE name = ?", name):
            return int(number)
        raise MissingError("group")

    def _stream(self, group: int, name: str) -> int:
        for [number] in self._rows("SELECT id FROM streams WHERE log_group = ? AND name = ?", group, name):
            return int(number)
        raise MissingError("stream")

    def _chunks(self, which: str, values: Iterable[str | int], order: str, wanted: Range) -> Iterator[Stored]:
        """Chunks that may hold some of the events."""
        start = max(wanted.start, wanted.after.timestamp)
        end = min(wanted.end, FOREVER if wanted.before is None else wanted.before.timestamp + 1)
        what = "c.id, c.first, c.ingested, s.name, c.events FROM chunks AS c JOIN streams AS s ON s.id = c.stream"
        which = f"{which} AND c.first > ? AND c.first < ? AND c.last >= ? ORDER BY {order}"
        rows = self._rows(f"SELECT {what} WHERE {which}", *values, start - SPAN, end, start)
        return (Stored(*row) for row in rows)

    def _rows(self, query: str, *values: str | int) -> Iterator[Any]:
        """What a query finds, read as it is asked for."""
        with explained(self._state):
            if self._connection is None:
                if not exists(self._state):
                    return
                self._connection = connect(self._state)
            with contextlib.closing(self._connection.execute(query, values)) as cursor:
                yield from cursor
