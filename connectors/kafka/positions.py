"""Where a member reads each of its partitions, and how far its group knows it has come. On the client's loop, like ``member.py``."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from kafka import OffsetAndMetadata, OffsetSpec, TopicPartition
from kafka import errors as client
from kafka.future import Future

REQUEST_SECONDS = 10.0  # for what is asked of the brokers besides reading

Offsets = dict[TopicPartition, int]


@dataclass(frozen=True, slots=True)
class Begin:
    """Where a partition begins that the group has no offset of. timestamp: epoch milliseconds, with AT_TIMESTAMP."""

    position: str
    timestamp: int = 0


@dataclass(frozen=True, slots=True)
class Move:
    """Reading goes on elsewhere than it would have."""

    partition: TopicPartition
    offset: int
    why: str


class Positions:
    """Positions of one member. done: offsets that the group has, of what is ours. moves: those that have not been told yet."""

    def __init__(self, group: Any, fetcher: Any, state: Any, begin: Begin) -> None:
        self._group = group
        self._fetcher = fetcher
        self._state = state
        self._begin = begin
        self._placing = Future().success(None)
        self.done: Offsets = {}
        self.moves: list[Move] = []

    def of(self, partition: TopicPartition) -> int:
        """The next offset to be read of one that has a place."""
        return int(self._state.position(partition).offset)

    def known(self, partition: TopicPartition) -> int:
        """Where a restart would go on with one that has a place. What is not there any more is no offset of the group's."""
        done = self.done.get(partition, -1)
        return done if done >= 0 else self.of(partition)

    async def place(self) -> None:
        """Find where to read partitions that are new to us. One at a time: two might find two ends of the same partition."""
        while not self._placing.is_done:
            await self._placing
        missing = self._state.missing_fetch_positions()
        if not missing:
            return
        self._placing = Future()
        try:
            places = await self._places(missing)
        finally:
            self._placing.success(None)
        for partition in places.keys() & self._state.missing_fetch_positions():  # some may have gone meanwhile
            self._state.seek(partition, places[partition])
            self.done[partition] = places[partition]

    async def _places(self, partitions: set[TopicPartition]) -> Offsets:
        """What the group knows, else where the mapping begins."""
        found = await self._group.fetch_committed_offsets_async(partitions, timeout_ms=REQUEST_SECONDS * 1000)
        known = {partition: int(offset.offset) for partition, offset in found.items()}
        fresh = partitions - known.keys()
        return known | await self._begun(fresh) if fresh else known

    async def _begun(self, partitions: Collection[TopicPartition]) -> Offsets:
        """Where partitions begin that the group knows nothing of; the end, once the group knows. {} while it is changing."""
        begun = await self._beginning(partitions)
        if self._begin.position != "TRIM_HORIZON":
            try:
                await self.commit(begun)
            except (client.RebalanceInProgressError, client.CommitFailedError):
                return {}
        return begun

    async def _beginning(self, partitions: Collection[TopicPartition]) -> Offsets:
        match self._begin.position:
            case "AT_TIMESTAMP":
                begun = await self.find(dict.fromkeys(partitions, self._begin.timestamp))
                rest = set(partitions) - begun.keys()  # nothing so late is there yet
                return begun | await self.find(dict.fromkeys(rest, OffsetSpec.LATEST))
            case "LATEST":
                return await self.find(dict.fromkeys(partitions, OffsetSpec.LATEST))
        return await self.find(dict.fromkeys(partitions, OffsetSpec.EARLIEST))

    async def go_back(self, lost: Mapping[TopicPartition, int | None]) -> None:
        """Go on where the log was cut, or at the oldest record there is: what was there is gone, what is there may never have been seen."""
        oldest = await self.find({partition: OffsetSpec.EARLIEST for partition, end in lost.items() if end is None})
        for partition, offset in ({p: end for p, end in lost.items() if end is not None} | oldest).items():
            if self._state.has_valid_position(partition):
                why = f"offset {self.of(partition)} is not there any more: reading goes on at {offset}"
                self._state.seek(partition, offset)
                self.done[partition] = -1
                self.moves.append(Move(partition, offset, why))

    async def find(self, wanted: Mapping[TopicPartition, int]) -> Offsets:
        """Ask the brokers: OffsetSpec, or epoch milliseconds. Partitions that have nothing so late are left out."""
        if not wanted:
            return {}
        found = await self._fetcher._fetch_offsets_by_times_async(dict(wanted), REQUEST_SECONDS * 1000)  # noqa: SLF001 - see member.py
        return {partition: offset.offset for partition, offset in found.items() if offset is not None}

    async def commit(self, offsets: Offsets) -> None:
        """Tell the group. Raises errors of the client."""
        if not offsets:
            return
        wanted = {partition: OffsetAndMetadata(offset, "", -1) for partition, offset in offsets.items()}
        await self._group._commit_offsets_sync_async(wanted, timeout_ms=REQUEST_SECONDS * 1000)  # noqa: SLF001 - see member.py
        self.done.update(offsets)


def name_of(partition: TopicPartition) -> str:
    """What the contract and AWS call it: topic-number."""
    return f"{partition.topic}-{partition.partition}"


def partition_of(name: str) -> TopicPartition:
    """The partition of a name."""
    topic, _, number = name.rpartition("-")
    return TopicPartition(topic, int(number))
