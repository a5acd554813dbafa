"""Fetched records -> lanes: filtered, encoded, sorted. Each record is looked at once, in one pass.

What no filter lets through is done, and so is what was done before a restart (marks.py); both only wait for their turn to be settled.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator
from itertools import groupby
from operator import attrgetter

from connectors.contract import Outcome, Record
from poller.observe.events import Emit, RecordsFiltered, RecordsResumed
from poller.pipeline.batch import Item
from poller.pipeline.stream.events import Events
from poller.pipeline.stream.marks import lane_of
from poller.pipeline.stream.partition import Partition
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
        items = list(self._items(home, records))
        home.add(items)
        waiting = [item for item in items if item.outcome is None]
        filtered = sum(item.outcome is Outcome.FILTERED for item in items)
        resumed = len(items) - len(waiting) - filtered
        if filtered:
            self._emit(RecordsFiltered(mapping=self._mapping, count=filtered))
        if resumed:
            self._emit(RecordsResumed(mapping=self._mapping, partition=home.name, count=resumed))
        if waiting:
            self._room.learn(len(waiting), sum(len(item.part) for item in waiting))
            _hand_over(home, waiting)

    def _items(self, home: Partition, records: list[Record]) -> Iterator[Item]:
        for record in records:
            if home.in_hand(record):
                continue
            if home.was_done(record):
                yield Item(record, b"", Outcome.DELIVERED)
            elif (part := self._events.part(record)) is None:
                yield Item(record, b"", Outcome.FILTERED)
            else:
                yield Item(record, part)


def _hand_over(home: Partition, items: list[Item]) -> None:
    """To the lanes they belong to."""
    if len(home.lanes) == 1:
        home.lanes[0].offer(items)
        return
    sorted_: list[list[Item]] = [[] for _ in home.lanes]
    for item in items:
        sorted_[lane_of(item.record, len(sorted_))].append(item)
    for lane, share in zip(home.lanes, sorted_, strict=True):
        if share:
            lane.offer(share)
