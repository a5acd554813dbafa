"""Behaviours of every stream."""

from __future__ import annotations

import re
import time
from abc import abstractmethod
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from unittest import SkipTest

from connectors.contract import Leased, Outcome, Record, Settlement, Source, Stream
from connectors.testing.lanes import LaneContract
from connectors.testing.outages import OutageContract
from connectors.testing.rig import Breakable, Message, StreamRig
from connectors.testing.seeks import SeekContract
from connectors.testing.source import SourceContract
from connectors.testing.starts import StartContract
from connectors.testing.steps import (
    LONG,
    POLL_SECONDS,
    expect,
    now,
    opened,
    receive,
    require,
    settled,
    spread,
    unsettled,
)
from connectors.testing.surveys import SurveyContract

ROUNDS = 100
"""Fetches of 20 records after which the others' turn must have come, even where no time passes; a client may well read 500 ahead."""


class StreamContract(StartContract, SeekContract, SurveyContract, SourceContract):
    """Holds for every stream, whoever keeps its checkpoints. Reopening in these tests is what a restart does."""

    volume = 500
    """Records of the test that reads many."""

    @abstractmethod
    def rig(self, lease_seconds: float) -> AbstractAsyncContextManager[StreamRig]:
        """Return a stream of its own for one test."""

    def order(self, position: str) -> object:
        """Return what positions of a partition are compared by: the numbers that they are made of."""
        return tuple(int(number) for number in re.findall(r"\d+", position))

    async def test_no_behaviour_that_the_capabilities_promise_goes_untested(self) -> None:
        """Streams inherit OutageContract when the rig is breakable; what is for queues is not for them."""
        async with self.rig(LONG) as rig:
            source = rig.source()
            able = source.capabilities
            require(able.stream and isinstance(source, Stream), "it is a stream by its capabilities and by its verbs")
            require(able.starting_positions, "it tells where reading may begin")
            expect(able.parallel_fetches, 1, "fetches at once")
            expect(isinstance(self, LaneContract) or isinstance(source, Leased), False, "it is a queue too")
            expect(isinstance(self, OutageContract), isinstance(rig, Breakable), "OutageContract is inherited")

    async def test_records_say_where_they_stand(self) -> None:
        """Partition, position, and, as the capabilities say, key and arrival."""
        async with self.rig(LONG) as rig:
            await rig.send(spread(12, lanes=4))
            async with opened(rig) as source:
                records = await receive(source, 12, self.patience)
                able = source.capabilities
                require(
                    all(r.partition and r.position and r.lane == r.partition for r in records), "a place of its own"
                )
                expect(len({record.id for record in records}), 12, "different ids")
                expect({record.key is not None for record in records}, {able.keyed}, "records have a key")
                expect({record.arrived is not None for record in records}, {able.timed}, "records tell their arrival")
                if able.keyed:
                    self._expect_keys(rig, records)
                require(all(abs((r.arrived or time.time()) - time.time()) < 3600 for r in records), "arrived just now")  # noqa: PLR2004  # an hour

    async def test_each_partition_comes_in_order_at_rising_positions(self) -> None:
        """And in no more partitions than there are."""
        async with self.rig(LONG) as rig:
            await rig.send(spread(60))
            async with opened(rig) as source:
                records = await receive(source, 60, self.patience)
                partitions = {record.partition for record in records}
                expect(len(partitions), rig.partitions, "partitions with records")
                for partition in partitions:
                    self._expect_order(rig, [record for record in records if record.partition == partition])

    async def test_many_records_all_come_once_in_order(self) -> None:
        """Settled as they come, with less room than there are records."""
        async with self.rig(LONG) as rig:
            await rig.send(spread(self.volume))
            seen: list[Record] = []
            async with opened(rig) as source:
                limit = now() + self.patience
                while len(seen) < self.volume:
                    require(now() < limit, f"{len(seen)} of {self.volume} records came")
                    records = await source.fetch(70, POLL_SECONDS)
                    expect(await source.settle(settled(records)), [], "unsettled")
                    seen += records
            expect(len({record.id for record in seen}), self.volume, "different records")
            for partition in {record.partition for record in seen}:
                self._expect_order(rig, [record for record in seen if record.partition == partition])
            expect(await unsettled(rig, self.patience), [], "records that come again")

    async def test_a_partition_that_never_ends_starves_no_other(self) -> None:
        """One is filled faster than it is read; the others' single records come all the same."""
        async with self.rig(LONG) as rig:
            _needs_two(rig)
            wanted = {f"single {partition}" for partition in range(1, rig.partitions)}
            await rig.send(_crowd(0, 200))
            await rig.send([Message(f"single {n}", f"lane-{n}", n) for n in range(1, rig.partitions)])
            async with opened(rig) as source:
                limit = now() + self.patience
                rounds = 0
                while wanted:
                    require(now() < limit and rounds < ROUNDS, f"{sorted(wanted)} did not come")
                    records = await source.fetch(20, POLL_SECONDS)
                    await source.settle(settled(records))
                    wanted -= set(rig.texts(records))
                    rounds += 1
                    await rig.send(_crowd(rounds, 20))

    async def test_reading_goes_on_after_the_last_settled_record(self) -> None:
        """Of each partition: what was settled is over, what was not comes again, in order."""
        async with self.rig(LONG) as rig:
            await rig.send(spread(30))
            async with opened(rig) as source:
                records = await receive(source, 30, self.patience)
                done = _first_of_each(records, 3)
                expect(await source.settle(settled(done)), [], "unsettled")
            rest = sorted(set(rig.texts(records)) - set(rig.texts(done)))
            expect(await unsettled(rig, self.patience), rest, "records that come again")

    async def test_what_was_only_fetched_comes_again(self) -> None:
        """Fetching acknowledges nothing."""
        async with self.rig(LONG) as rig:
            await rig.send(spread(12))
            async with opened(rig) as source:
                records = await receive(source, 12, self.patience)
            expect(await unsettled(rig, self.patience), sorted(rig.texts(records)), "records that come again")

    async def test_every_way_to_be_done_moves_reading_on(self) -> None:
        """Delivered, filtered and given up."""
        done = (Outcome.DELIVERED, Outcome.FILTERED, Outcome.REJECTED)
        async with self.rig(LONG) as rig:
            await rig.send([Message(f"message {n}", "lane", 0) for n in range(4)])
            async with opened(rig) as source:
                *records, last = await receive(source, 4, self.patience)
                outcomes = [Settlement(record, outcome) for record, outcome in zip(records, done, strict=True)]
                expect(await source.settle(outcomes), [], "unsettled")
            expect(await unsettled(rig, self.patience), [rig.text(last)], "records that come again")

    async def test_released_records_come_again_when_it_is_opened_anew(self) -> None:
        """Only streams that settle each record by itself are told so."""
        async with self.rig(LONG) as rig:
            if rig.source().capabilities.prefix:
                raise SkipTest("a stream of positions is not told what was never started")
            await rig.send(spread(6))
            async with opened(rig) as source:
                records = await receive(source, 6, self.patience)
                outcomes = [*settled(records[:2]), *settled(records[2:], Outcome.RELEASED)]
                expect(await source.settle(outcomes), [], "unsettled")
            expect(await unsettled(rig, self.patience), sorted(rig.texts(records[2:])), "records that come again")

    async def test_records_are_settled_in_parts_across_partitions(self) -> None:
        """Several calls, each with records of several partitions, none at all too."""
        async with self.rig(LONG) as rig:
            await rig.send(spread(40))
            async with opened(rig) as source:
                records = await receive(source, 40, self.patience)
                expect(await source.settle([]), [], "unsettled of nothing")
                for part in (records[:1], records[1:17], records[17:39]):
                    expect(await source.settle(settled(part)), [], "unsettled")
            expect(await unsettled(rig, self.patience), [rig.text(records[39])], "records that come again")

    async def test_settling_twice_never_moves_reading_back(self) -> None:
        """The engine tells again what it got no answer to, later ones may have been told by then."""
        async with self.rig(LONG) as rig:
            await rig.send([Message(f"message {n}", "lane", 0) for n in range(6)])
            async with opened(rig) as source:
                records = await receive(source, 6, self.patience)
                for part in (records[:2], records[2:5], records[:2]):
                    refused = await source.settle(settled(part))
                    require(not any(unsettled.retry for unsettled in refused), "no use in settling once more")
            expect(await unsettled(rig, self.patience), [rig.text(records[5])], "records that come again")

    async def test_what_was_fetched_before_reopening_is_settled_after(self) -> None:
        """It was done, whatever happened to the connection meanwhile."""
        async with self.rig(LONG) as rig:
            await rig.send(spread(12))
            async with opened(rig) as source:
                records = await receive(source, 12, self.patience)
                await source.close()
                await source.open()
                again = await receive(source, 12, self.patience)
                expect(sorted(rig.texts(again)), sorted(rig.texts(records)), "records that come again")
                expect(await source.settle(settled(records)), [], "unsettled")
            expect(await unsettled(rig, self.patience), [], "records that come again")

    async def test_a_partition_on_hold_waits_and_goes_on_where_it_was(self) -> None:
        """The others come; it does not, what was read ahead of it included, until it is let go."""
        async with self.rig(LONG) as rig:
            _needs_two(rig)
            held = await self._in_partition(rig, 0)
            await rig.send([Message(f"held {n:02}", "lane", 0) for n in range(30)])
            async with opened(rig) as source:
                first = await receive(source, 3, self.patience)
                stream = _stream(source)
                stream.hold([held])
                await rig.send([Message(f"other {n}", f"lane-{n}", 1) for n in range(5)])
                others = await receive(source, 5, self.patience)
                others += await source.fetch(10, POLL_SECONDS)
                expect(sorted(rig.texts(others)), [f"other {n}" for n in range(5)], "records beside the one on hold")
                stream.hold([])
                rest = await receive(source, 27, self.patience)
                expect(rig.texts(first + rest), [f"held {n:02}" for n in range(30)], "the one on hold")

    async def test_partitions_on_hold_are_those_of_the_last_call(self) -> None:
        """Each call replaces the last; with all of them on hold, nothing comes."""
        async with self.rig(LONG) as rig:
            names = [await self._in_partition(rig, partition) for partition in range(rig.partitions)]
            await rig.send([Message(f"message {n}", "lane", n) for n in range(rig.partitions)])
            async with opened(rig) as source:
                stream = _stream(source)
                stream.hold(names)
                expect(await source.fetch(10, POLL_SECONDS), [], "records of partitions on hold")
                stream.hold(names[1:])
                expect(rig.texts(await receive(source, 1, self.patience)), ["message 0"], "the one not on hold")
                stream.hold(["no such partition"])
                await receive(source, rig.partitions - 1, self.patience)

    async def _in_partition(self, rig: StreamRig, partition: int) -> str:
        """Return the name of one of the rig's partitions; what shows it is settled."""
        await rig.send([Message(f"name of {partition}", "lane", partition)])
        async with opened(rig) as source:
            (record,) = await receive(source, 1, self.patience)
            expect(await source.settle(settled([record])), [], "unsettled")
            return record.partition

    def _expect_order(self, rig: StreamRig, records: Sequence[Record]) -> None:
        """Raise ``AssertionError`` unless one partition's records are in the order sent, and so are their positions."""
        numbers = [int(text.split()[-1]) for text in rig.texts(records)]
        expect(numbers, sorted(numbers), f"order of partition {records[0].partition}")
        places = [self.order(record.position) for record in records]
        expect(places, sorted(places), "order of positions")  # type: ignore[type-var] # what order() returns can be ordered
        expect(len(set(places)), len(places), "different positions")

    def _expect_keys(self, rig: StreamRig, records: Sequence[Record]) -> None:
        """Raise ``AssertionError`` unless records have the same key exactly when they were sent in the same lane."""
        lanes = {message.body: message.lane for message in spread(len(records), lanes=4)}
        pairs = {(record.key, lanes[text]) for record, text in zip(records, rig.texts(records), strict=True)}
        expect((len(pairs), len({key for key, _ in pairs})), (4, 4), "keys and lanes")


def _first_of_each(records: Sequence[Record], count: int) -> list[Record]:
    """So many of each partition, in order."""
    taken: dict[str, list[Record]] = {}
    for record in records:
        taken.setdefault(record.partition, []).append(record)
    return [record for partition in taken.values() for record in partition[:count]]


def _crowd(generation: int, count: int) -> list[Message]:
    return [Message(f"crowd {generation} {n}", "crowd", 0) for n in range(count)]


def _stream(source: Source) -> Stream:
    if not isinstance(source, Stream):
        raise TypeError("a source of StreamContract is a Stream")
    return source


def _needs_two(rig: StreamRig) -> None:
    if rig.partitions < 2:  # noqa: PLR2004 - one to be slow, one to go on
        raise SkipTest("the stream has one partition")
