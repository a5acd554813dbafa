"""Chunks -> pages of events. Pure.

A page is full when it has as many events or as much text as were asked for, or when so many were looked at that whoever asks should be told
of what there is: it then ends early and says where to go on, as the service does.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from poller.observe.log_store.chunks import SPAN, decode
from poller.observe.log_store.event import FIRST, LogEvent, Position

PAGE_BYTES = 1024 * 1024
"""Text in a page, UTF-8 (CloudWatch Logs quotas: 1 MB). A single event may be no longer than 256 KB."""
LOOKED_AT = 100_000
"""Events that a page looks at: a tenth of a second's work, so that who asks is told something."""
FOREVER = 2**62

Matches = Callable[[str], bool]


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

    def narrowed_by(self, edge: int, *, newest_first: bool) -> bool:
        """Whether less is left when all events before that millisecond (newest first: from it on) are done with."""
        if newest_first:
            return edge < min(self.end, FOREVER if self.before is None else self.before.timestamp)
        return edge > max(self.start, self.after.timestamp)


@dataclass(frozen=True, slots=True)
class Page:
    """events: in the order of the direction that was asked for. reached: the last place looked at; None: there is nothing beyond."""

    events: list[LogEvent]
    reached: Position | None


class Stored(NamedTuple):
    """A chunk as it lies in the file."""

    number: int
    first: int
    ingested: int
    stream: str
    events: bytes


def in_turn(chunks: Iterable[Stored], wanted: Range, *, newest_first: bool) -> Iterator[LogEvent]:
    """The events of one stream, whose chunks do not overlap."""
    for chunk in chunks:
        events = [
            LogEvent(place, chunk.ingested, chunk.stream, message)
            for index, (at, message) in enumerate(decode(chunk.events))
            if wanted.holds(place := Position(at, chunk.number, index))
        ]
        yield from reversed(events) if newest_first else events


class Passed(NamedTuple):
    """All events on this side of a place have been looked at. looked: events since the last such word."""

    place: Position
    looked: int


def merged(
    chunks: Iterable[Stored], wanted: Range, matches: Matches, *, newest_first: bool
) -> Iterator[LogEvent | Passed]:
    """The events of many streams in the order of time. In memory is what begins before chunks that are yet to come may have begun."""
    sign = -1 if newest_first else 1
    waiting: list[tuple[tuple[int, ...], LogEvent]] = []
    looked = 0
    for chunk in chunks:
        edge = chunk.first + SPAN if newest_first else chunk.first
        settled = 1 - edge if newest_first else edge
        while waiting and waiting[0][0][0] < settled:
            yield heapq.heappop(waiting)[1]
        if wanted.narrowed_by(edge, newest_first=newest_first):
            yield Passed(Position(edge, 0, 0), looked)
            looked = 0
        for index, (at, message) in enumerate(decode(chunk.events)):
            looked += 1
            if matches(message) and wanted.holds(place := Position(at, chunk.number, index)):
                event = LogEvent(place, chunk.ingested, chunk.stream, message)
                heapq.heappush(waiting, (tuple(sign * part for part in place), event))
    while waiting:
        yield heapq.heappop(waiting)[1]


def page(events: Iterator[LogEvent | Passed], limit: int) -> Page:
    """The first of them, until the page is full."""
    found: list[LogEvent] = []
    size, looked = 0, 0
    for event in events:
        if isinstance(event, Passed):
            looked += event.looked
            if looked >= LOOKED_AT:
                return Page(found, event.place)
            continue
        size += len(event.message.encode())
        if found and (len(found) >= limit or size > PAGE_BYTES):
            return Page(found, found[-1].position)
        found.append(event)
    return Page(found, None)


def everything(_: str) -> bool:
    """Matches any message."""
    return True
