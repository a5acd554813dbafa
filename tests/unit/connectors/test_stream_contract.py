"""The kit itself: a stream that does everything right passes, and of those with one defect each, the behaviour that is broken fails."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from connectors.contract import Capabilities, Identity, Outcome, Reader, Record, Settlement, Unreachable, Unsettled
from connectors.testing import Breakable, Message, OutageContract, StreamContract, StreamRig

STARTS = ("TRIM_HORIZON", "LATEST", "AT_TIMESTAMP")


@dataclass
class Entry:
    body: str
    key: str
    arrived: float


class Log:
    """Three partitions in memory."""

    def __init__(self) -> None:
        self.partitions: list[list[Entry]] = [[], [], []]
        self.is_cut = False


class LogStream:
    """A source over a log, as short as it can be: partition n is called p<n>, a position is the number of records up to it."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.is_open = False
        self.held: set[str] = set()
        self.next: dict[str, int] = {}

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            "kinesis", ordered=True, stream=True, max_fetch=100, starting_positions=STARTS, keyed=True, timed=True
        )

    def read_as(self, reader: Reader) -> None:
        self.reader = reader

    def hold(self, partitions: Collection[str]) -> None:
        self.held = set(partitions)

    async def open(self) -> Identity:
        if self.log.is_cut:
            raise Unreachable("cut off")
        kept = self.reader.checkpoints.positions()
        self.next = {f"p{n}": self.place(kept.get(f"p{n}", ""), n) for n in range(3)}
        if self.reader.start == "LATEST":
            await self.fix({name: str(at) for name, at in self.next.items() if name not in kept})
        self.is_open = True
        return Identity("arn:log", "", "log")

    def place(self, position: str, n: int) -> int:
        if position == "TRIM_HORIZON":
            return 0
        return int(position) if position else self.first(n)

    def first(self, n: int) -> int:
        entries = self.log.partitions[n]
        if self.reader.timestamp is not None:
            return sum(entry.arrived < self.reader.timestamp for entry in entries)
        return len(entries) if self.reader.start == "LATEST" else 0

    async def fix(self, positions: dict[str, str]) -> None:
        await self.reader.checkpoints.save(positions)

    async def fetch(self, room: int, wait_seconds: float) -> list[Record]:
        until = asyncio.get_running_loop().time() + wait_seconds
        while True:
            self.check()
            records = self.take(min(room, 100))
            if records or asyncio.get_running_loop().time() >= until:
                return records
            await asyncio.sleep(0.02)

    def take(self, room: int) -> list[Record]:
        records: list[Record] = []
        free = [name for name in self.next if name not in self.held]
        while room > len(records) and (ready := [name for name in free if self.next[name] < len(self.entries(name))]):
            for name in ready[: room - len(records)]:
                records.append(self.record(name, self.next[name]))
                self.next[name] += 1
        return records

    def entries(self, name: str) -> list[Entry]:
        return self.log.partitions[int(name[1:])]

    def record(self, name: str, at: int) -> Record:
        entry, position = self.entries(name)[at], str(at + 1)
        return Record(
            id=f"{name}:{position}",
            body=entry.body,
            lane=name,
            partition=name,
            position=position,
            key=entry.key,
            arrived=entry.arrived,
        )

    async def settle(self, settlements: Sequence[Settlement]) -> list[Unsettled]:
        self.check()
        for record in [settlement.record for settlement in settlements]:
            kept = self.reader.checkpoints.positions().get(record.partition, "")
            if int(record.position) > (int(kept) if kept.isdecimal() else 0):
                await self.reader.checkpoints.save({record.partition: record.position})
        return []

    async def close(self) -> None:
        self.is_open = False

    def check(self) -> None:
        if self.log.is_cut or not self.is_open:
            raise Unreachable("cut off or not open")


class LogRig(StreamRig, Breakable):
    tick_seconds = 0.002

    def __init__(self, kind: type[LogStream]) -> None:
        super().__init__()
        self.kind = kind
        self.log = Log()

    def stream(self) -> LogStream:
        return self.kind(self.log)

    async def send(self, messages: Sequence[Message]) -> None:
        for message in messages:
            entry = Entry(message.body, message.lane or "key", time.time())
            self.log.partitions[self.place(message)].append(entry)

    async def cut(self) -> None:
        self.log.is_cut = True

    async def mend(self) -> None:
        self.log.is_cut = False


class TestStreamWithoutDefect(StreamContract, OutageContract):
    kind: type[LogStream] = LogStream

    @contextlib.asynccontextmanager
    async def rig(self, lease_seconds: float) -> AsyncIterator[LogRig]:
        yield LogRig(self.kind)


class TakesMoreThanThereIsRoomFor(LogStream):
    def take(self, room: int) -> list[Record]:
        return super().take(room + 1)


class ForgetsWhatIsSettled(LogStream):
    async def settle(self, settlements: Sequence[Settlement]) -> list[Unsettled]:
        return []


class AcknowledgesByFetching(LogStream):
    async def fetch(self, room: int, wait_seconds: float) -> list[Record]:
        records = await super().fetch(room, wait_seconds)
        await super().settle([Settlement(record, Outcome.DELIVERED) for record in records])
        return records


class GoesBackWhenToldTwice(LogStream):
    async def settle(self, settlements: Sequence[Settlement]) -> list[Unsettled]:
        for settlement in settlements:
            await self.reader.checkpoints.save({settlement.record.partition: settlement.record.position})
        return []


class KeepsOnePartitionOfACall(LogStream):
    async def settle(self, settlements: Sequence[Settlement]) -> list[Unsettled]:
        first = [s for s in settlements if s.record.partition == settlements[0].record.partition]
        return await super().settle(first)


class BeginsAtLatestAgain(LogStream):
    async def fix(self, positions: dict[str, str]) -> None:
        pass


class IgnoresTheMoment(LogStream):
    def first(self, n: int) -> int:
        return 0


class BeginsTooLate(LogStream):
    def first(self, n: int) -> int:
        return len(self.log.partitions[n])


class KnowsNoWordOfItsCheckpoints(LogStream):
    def place(self, position: str, n: int) -> int:
        return int(position) if position.isdecimal() else self.first(n)

    def first(self, n: int) -> int:
        return len(self.log.partitions[n]) if "p0" in self.reader.checkpoints.positions() else super().first(n)


class IgnoresWhereItIsSent(LogStream):
    def place(self, position: str, n: int) -> int:
        checkpoints: Any = self.reader.checkpoints
        return max([int(saved[f"p{n}"]) for saved in checkpoints.saves if f"p{n}" in saved], default=0)


class HoldsNothing(LogStream):
    def hold(self, partitions: Collection[str]) -> None:
        pass


class HoldsForEver(LogStream):
    def hold(self, partitions: Collection[str]) -> None:
        self.held |= set(partitions)


class ReadsOnePartitionToItsEnd(LogStream):
    def take(self, room: int) -> list[Record]:
        held, self.held = self.held, self.held | {"p1", "p2"}
        records = super().take(room)
        self.held = held
        return records or super().take(room)


class HasNoOrder(LogStream):
    def take(self, room: int) -> list[Record]:
        return super().take(room)[::-1]


class HasNoKeys(LogStream):
    def record(self, name: str, at: int) -> Record:
        record = super().record(name, at)
        record.key = None
        return record


class HasOnePosition(LogStream):
    def record(self, name: str, at: int) -> Record:
        record = super().record(name, at)
        record.position = "1"
        return record


class ForgetsWhatItFetchedBefore(LogStream):
    opened = 0

    async def open(self) -> Identity:
        self.opened += 1
        return await super().open()

    def record(self, name: str, at: int) -> Record:
        record = super().record(name, at)
        record.handle = self.opened
        return record

    async def settle(self, settlements: Sequence[Settlement]) -> list[Unsettled]:
        return await super().settle([s for s in settlements if s.record.handle == self.opened])


@pytest.mark.parametrize(
    ("kind", "behaviour"),
    [
        (TakesMoreThanThereIsRoomFor, "no_more_records_come_than_there_is_room_for"),
        (ForgetsWhatIsSettled, "reading_goes_on_after_the_last_settled_record"),
        (AcknowledgesByFetching, "what_was_only_fetched_comes_again"),
        (GoesBackWhenToldTwice, "settling_twice_never_moves_reading_back"),
        (KeepsOnePartitionOfACall, "records_are_settled_in_parts_across_partitions"),
        (BeginsAtLatestAgain, "what_comes_next_is_not_lost_by_a_restart_before_anything_is_settled"),
        (IgnoresTheMoment, "reading_may_begin_at_a_moment"),
        (IgnoresTheMoment, "reading_may_begin_at_what_comes_next"),
        (BeginsTooLate, "reading_may_begin_at_the_oldest_record"),
        (KnowsNoWordOfItsCheckpoints, "one_partition_is_sent_to_its_oldest_record"),
        (IgnoresWhereItIsSent, "sent_to_a_position_one_partition_goes_on_behind_it"),
        (HoldsNothing, "a_partition_on_hold_waits_and_goes_on_where_it_was"),
        (HoldsForEver, "partitions_on_hold_are_those_of_the_last_call"),
        (ReadsOnePartitionToItsEnd, "a_partition_that_never_ends_starves_no_other"),
        (HasNoOrder, "each_partition_comes_in_order_at_rising_positions"),
        (HasNoOrder, "many_records_all_come_once_in_order"),
        (HasNoKeys, "records_say_where_they_stand"),
        (HasOnePosition, "each_partition_comes_in_order_at_rising_positions"),
        (ForgetsWhatItFetchedBefore, "what_was_fetched_before_reopening_is_settled_after"),
    ],
)
async def test_a_defect_is_found_by_the_behaviour_it_breaks(kind: type[LogStream], behaviour: str) -> None:
    contract: Any = TestStreamWithoutDefect()
    contract.kind, contract.patience = kind, 5.0
    with pytest.raises((AssertionError, TypeError)):
        await getattr(contract, f"test_{behaviour}")()
