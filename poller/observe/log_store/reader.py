"""What is read from a log store: groups, streams, events. Synchronous, for one thread; a reader waits for no writer.

Events come in pages. A page is full when it has as many events or as much text as were asked for, or when it has looked at so many that
whoever asks should be told of what there is: it then ends early and says where to go on, as the service does.
"""

from __future__ import annotations

import contextlib
import heapq
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from poller.observe.log_store.chunks import SPAN, decode
from poller.observe.log_store.event import FIRST, LogEvent, Position
from poller.observe.log_store.file import connect, exists, explained

PAGE_BYTES = 1024 * 1024
"""Text in a page, UTF-8 (CloudWatch Logs quotas: 1 MB). A single event may be no longer than 256 KB."""
LOOKED_AT = 100_000
"""Events that a page looks at: a tenth of a second's work."""
FOREVER = 2**62


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Which events: start <= timestamp < end, milliseconds since 1970; after or before a place, which is not among them."""

    start: int = 0
    end: int = FOREVER
    after: Position = FIRST
    before: Position | None = None

    def holds(self, place: Position) -> bool:
        """Whether the event at that place is one of them."""
        inside = self.start <= place.timestamp < self.end and place > self.after
        return inside and (self.before is None or place < self.before)


@dataclass(frozen=True, slots=True)
class Page:
    """events: in the order of the direction that was asked for. reached: the last place looked at; None: there is nothing beyond."""

    events: list[LogEvent]
    reached: Position | None


class MissingError(LookupError):
    """There is no such group or stream. what: which of both, in the service's words."""

    def __init__(self, what: str) -> None:
        super().__init__(f"The specified log {what} does not exist.")


Matches = Callable[[str], bool]


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
        return _page(_in_turn(chunks, wanted, newest_first=newest_first), _everything, limit)

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
        return _page(_merged(chunks, wanted, newest_first=newest_first), matches or _everything, limit)

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

    def _chunks(self, which: str, values: Iterable[str | int], order: str, wanted: Range) -> Iterator[_Stored]:
        """Chunks that may hold some of the events."""
        start = max(wanted.start, wanted.after.timestamp)
        end = min(wanted.end, FOREVER if wanted.before is None else wanted.before.timestamp + 1)
        what = "c.id, c.first, c.ingested, s.name, c.events FROM chunks AS c JOIN streams AS s ON s.id = c.stream"
        which = f"{which} AND c.first > ? AND c.first < ? AND c.last >= ? ORDER BY {order}"
        rows = self._rows(f"SELECT {what} WHERE {which}", *values, start - SPAN, end, start)
        return (_Stored(*row) for row in rows)

    def _rows(self, query: str, *values: str | int) -> Iterator[Any]:
        """What a query finds, read as it is asked for."""
        with explained(self._state):
            if self._connection is None:
                if not exists(self._state):
                    return
                self._connection = connect(self._state)
            with contextlib.closing(self._connection.execute(query, values)) as cursor:
                yield from cursor


class _Stored(NamedTuple):
    """A chunk as it lies in the file."""

    number: int
    first: int
    ingested: int
    stream: str
    events: bytes


def _in_turn(chunks: Iterable[_Stored], wanted: Range, *, newest_first: bool) -> Iterator[LogEvent]:
    """The events of one stream, whose chunks do not overlap."""
    for chunk in chunks:
        events = list(_events(chunk, wanted))
        yield from reversed(events) if newest_first else events


def _merged(chunks: Iterable[_Stored], wanted: Range, *, newest_first: bool) -> Iterator[LogEvent]:
    """The events of many streams in the order of time. In memory is what begins before chunks that are yet to come may have begun."""
    sign = -1 if newest_first else 1
    waiting: list[tuple[tuple[int, ...], LogEvent]] = []
    for chunk in chunks:
        settled = -(chunk.first + SPAN) + 1 if newest_first else chunk.first
        while waiting and waiting[0][0][0] < settled:
            yield heapq.heappop(waiting)[1]
        for event in _events(chunk, wanted):
            heapq.heappush(waiting, (tuple(sign * part for part in event.position), event))
    while waiting:
        yield heapq.heappop(waiting)[1]


def _events(chunk: _Stored, wanted: Range) -> Iterator[LogEvent]:
    for index, (at, message) in enumerate(decode(chunk.events)):
        place = Position(at, chunk.number, index)
        if wanted.holds(place):
            yield LogEvent(place, chunk.ingested, chunk.stream, message)


def _page(events: Iterator[LogEvent], matches: Matches, limit: int) -> Page:
    found: list[LogEvent] = []
    reached, size = None, 0
    for looked, event in enumerate(events, 1):
        if matches(event.message):
            size += len(event.message.encode())
            if found and size > PAGE_BYTES:
                break
            found.append(event)
        reached = event.position
        if len(found) >= limit or looked >= LOOKED_AT:
            break
    else:
        return Page(found, None)
    return Page(found, reached)


def _everything(_: str) -> bool:
    return True
