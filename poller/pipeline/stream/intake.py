"""Fetched records -> lanes: filtered, encoded, sorted. Each record is looked at once, in one pass.

What no filter lets through is done, and so is what was done before a restart (marks.py); both only wait for their turn to be settled.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from itertools import groupby
from operator import attrgetter

from connectors.contract import Outcome, Record
from poller.observe.events import Emit, RecordsFiltered, RecordsResumed
from poller.pipeline.batch import Item
from poller.pipeline.stream.events import Events
from poller.pipeline.stream.marks import lane_of
from poller.pipeline.stream.partition import Partition, size_of
from poller.pipeline.stream.room import Room

AT_ONCE = 250
"""Records that are sorted before others may run: about two milliseconds."""

Open = Callable[[Record], Partition]
"""The partition of a record; one that is new begins with it."""


class Intake:
    """Sorts what one mapping fetches."""

    def __init__(self, mapping: str, events: Events, room: Room, emit: Emit) -> None:
        self._mapping = mapping
        self._events = events
        self._room = room
        self._emit = emit
        self._arriving: list[Record] = []

    def arrived(self, records: list[Record]) -> None:
        """These were fetched, behind all before them."""
        self._arriving += records

    def forget(self, partitions: Collection[str]) -> None:
        """What has not been sorted yet of these is nobody's business any more."""
        self._arriving = [record for record in self._arriving if record.partition not in partitions]

    def clear(self) -> None:
        """What has not been sorted yet comes again."""
        self._arriving = []

    async def sort(self, partition: Open) -> list[Partition]:
        """All that arrived into their lanes; returns partitions that have got something. Others run between portions."""
        touched: dict[Partition, None] = {}
        while self._arriving:
            portion, self._arriving = self._arriving[:AT_ONCE], self._arriving[AT_ONCE:]
            for _, records in groupby(portion, key=attrgetter("partition")):
                run = list(records)
                home = partition(run[0])
                self._sort(home, run)
                touched[home] = None
            if self._arriving:
                await asyncio.sleep(0)
        return list(touched)

    def _sort(self, home: Partition, records: list[Record]) -> None:
        items = self._items(home, records)
        waiting = [item for item in items if item.outcome is None]
        size = size_of(waiting)
        home.add(items, size)
        if len(waiting) < len(items):
            self._tell(home, items)
        if waiting:
            self._room.learn(len(waiting), size)
            _hand_over(home, waiting, size)

    def _items(self, home: Partition, records: list[Record]) -> list[Item]:
        if home.all_new:
            return self._encoded(records)
        fresh = [record for record in records if not home.in_hand(record)]
        return [
            item
            for done, run in groupby(fresh, key=home.was_done)
            for item in ([Item(each, b"", Outcome.DELIVERED) for each in run] if done else self._encoded([*run]))
        ]

    def _encoded(self, records: list[Record]) -> list[Item]:
        parts = zip(records, self._events.parts(records), strict=True)
        return [Item(each, b"", Outcome.FILTERED) if part is None else Item(each, part) for each, part in parts]

    def _tell(self, home: Partition, items: list[Item]) -> None:
        """Of those that are done already."""
        outcomes = [item.outcome for item in items]
        if filtered := outcomes.count(Outcome.FILTERED):
            self._emit(RecordsFiltered(mapping=self._mapping, count=filtered))
        if resumed := outcomes.count(Outcome.DELIVERED):
            self._emit(RecordsResumed(mapping=self._mapping, partition=home.name, count=resumed))


def _hand_over(home: Partition, items: list[Item], size: int) -> None:
    """To the lanes they belong to. size: of their shares, bytes."""
    if len(home.lanes) == 1:
        home.lanes[0].offer(items, size)
        return
    portions: list[list[Item]] = [[] for _ in home.lanes]
    for item in items:
        portions[lane_of(item.record, len(portions))].append(item)
    for lane, portion in zip(home.lanes, portions, strict=True):
        if portion:
            lane.offer(portion, size_of(portion))
