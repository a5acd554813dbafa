"""The behaviours themselves, a test each. Classes to inherit; ``patience`` and ``rig`` are the inheritor's to set."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress
from unittest import SkipTest

from connectors.contract import Leased, Outcome, Record, Settlement, Source, SourceError, Unreachable
from connectors.testing.rig import (
    POLL_SECONDS,
    Breakable,
    Message,
    Rig,
    bodies,
    eventually,
    expect,
    now,
    numbered,
    opened,
    receive,
    require,
    settled,
)

LONG = 60.0
"""Seconds of a lease that does not end within a test."""


class Contract(ABC):
    """What all behaviours need."""

    patience = 30.0
    """Seconds until what must happen counts as failed to happen."""
    short = 2.0
    """Seconds of a lease that a test waits out: long enough to fetch and settle a few records on a busy machine."""

    @abstractmethod
    def rig(self, lease_seconds: float) -> AbstractAsyncContextManager[Rig]:
        """Return a rig of its own for one test. lease_seconds: how the queue is to be made; ignored by a source without leases."""


class SourceContract(Contract):
    """Holds for every source."""

    async def test_no_behaviour_that_the_capabilities_promise_goes_untested(self) -> None:
        """Ordered sources inherit LaneContract, leased ones LeaseContract, breakable rigs OutageContract."""
        async with self.rig(LONG) as rig:
            source = rig.source()
            expect(isinstance(self, LaneContract), source.capabilities.ordered, "LaneContract is inherited")
            expect(isinstance(self, LeaseContract), isinstance(source, Leased), "LeaseContract is inherited")
            expect(isinstance(self, OutageContract), isinstance(rig, Breakable), "OutageContract is inherited")

    async def test_opening_tells_where_records_come_from(self) -> None:
        """The same each time, and for people too."""
        async with self.rig(LONG) as rig:
            source = rig.source()
            first = await source.open()
            await source.close()
            again = await source.open()
            await source.close()
            expect(again, first, "identity at the second opening")
            require(first.arn and first.label, "identity has an ARN and a label")

    async def test_closing_does_no_harm_before_opening_nor_twice(self) -> None:
        """The engine closes on its way out, whatever happened before."""
        async with self.rig(LONG) as rig:
            source = rig.source()
            await source.close()
            await source.open()
            await source.close()
            await source.close()

    async def test_a_closed_source_opens_again_and_works(self) -> None:
        """As after every lost connection."""
        async with self.rig(LONG) as rig:
            await rig.send(numbered(1))
            source = rig.source()
            await source.open()
            await source.close()
            await source.open()
            expect(len(await receive(source, 1, self.patience)), 1, "records after the second opening")
            await source.close()

    async def test_a_source_that_is_not_open_says_so(self) -> None:
        """With an error of the contract, not of its client."""
        async with self.rig(LONG) as rig:
            source = rig.source()
            await _fails(lambda: source.fetch(1, 0), SourceError)
            async with opened(rig) as other:
                await rig.send(numbered(1))
                records = await receive(other, 1, self.patience)
                await _fails(lambda: source.settle(settled(records)), SourceError)

    async def test_a_record_is_what_was_sent(self) -> None:
        """Body untouched, id its own, first receive."""
        texts = ['{"a": 1}', "not JSON", "ümläut ✓ \U0001f600", " blanks \n\t"]
        async with self.rig(LONG) as rig:
            await rig.send([Message(text, f"lane-{n}") for n, text in enumerate(texts)])
            async with opened(rig) as source:
                records = await receive(source, len(texts), self.patience)
                expect(sorted(bodies(records)), sorted(texts), "bodies")
                expect(len({record.id for record in records}), len(texts), "different ids")
                expect({record.receive_count for record in records}, {1}, "receive counts")
                ordered = source.capabilities.ordered
                expect({record.lane is not None for record in records}, {ordered}, "records have a lane")

    async def test_no_more_records_come_than_there_is_room_for(self) -> None:
        """Nor more than max_fetch, nor any where there is no room."""
        async with self.rig(LONG) as rig:
            await rig.send(_spread(30))
            async with opened(rig) as source:
                expect(await source.fetch(0, 0), [], "records without room")
                for room in (1, 3, 10**6):
                    records = await source.fetch(room, POLL_SECONDS)
                    require(len(records) <= min(room, source.capabilities.max_fetch), f"{len(records)} for {room}")

    async def test_an_empty_fetch_waits_as_told(self) -> None:
        """Not at all, or about so long."""
        async with self.rig(LONG) as rig, opened(rig) as source:
            began = now()
            expect(await source.fetch(10, 0), [], "records of an empty queue")
            require(now() - began < self.patience, "returned without waiting")
            began = now()
            expect(await source.fetch(10, 1), [], "records of an empty queue")
            waited = now() - began
            require(0.5 < waited < 1 + self.patience, f"waited {waited} s when told 1")  # noqa: PLR2004 - clocks differ

    async def test_a_record_that_arrives_ends_the_wait(self) -> None:
        """A long poll, not a sleep."""
        async with self.rig(LONG) as rig, opened(rig) as source:
            fetching = asyncio.create_task(source.fetch(10, 20))
            await asyncio.sleep(0.1)  # the fetch is under way by then, most likely; the test holds either way
            began = now()
            await rig.send(numbered(1))
            expect(len(await fetching), 1, "records")
            require(now() - began < 10, "the wait ended early")  # noqa: PLR2004 - half of the 20 s

    async def test_delivered_and_filtered_records_are_gone(self) -> None:
        """Both leave the source for good."""
        async with self.rig(LONG) as rig:
            await rig.send(_spread(4))
            async with opened(rig) as source:
                a, b, *rest = await receive(source, 4, self.patience)
                outcomes = [Settlement(a, Outcome.DELIVERED), Settlement(b, Outcome.FILTERED), *settled(rest)]
                expect(await source.settle(outcomes), [], "unsettled")
                await eventually(rig.count, 0, self.patience, "records left")

    async def test_records_are_settled_in_any_order_and_in_parts(self) -> None:
        """More than one request's worth, backwards, a few at a time."""
        async with self.rig(LONG) as rig:
            await rig.send(_spread(25))
            async with opened(rig) as source:
                records = (await receive(source, 25, self.patience))[::-1]
                expect(await source.settle([]), [], "unsettled of nothing")
                for part in (records[:3], records[3:4], records[4:]):
                    expect(await source.settle(settled(part)), [], "unsettled")
                await eventually(rig.count, 0, self.patience, "records left")

    async def test_settling_twice_does_no_harm(self) -> None:
        """The second time may be refused, for good, and touches nothing else."""
        async with self.rig(LONG) as rig:
            await rig.send(_spread(2))
            async with opened(rig) as source:
                first, second = await receive(source, 2, self.patience)
                await source.settle(settled([first]))
                refused = await source.settle(settled([first]))
                require(not any(unsettled.retry for unsettled in refused), "no use in settling a third time")
                await eventually(rig.count, 1, self.patience, "records left")
                expect(await source.settle(settled([second])), [], "unsettled of the other one")

    async def test_released_records_come_back_at_once(self) -> None:
        """Hand-back on stop: another consumer has them long before the lease would end."""
        async with self.rig(LONG) as rig:
            await rig.send(_spread(12))
            async with opened(rig) as source:
                records = await receive(source, 12, self.patience)
                expect(await source.settle(settled(records, Outcome.RELEASED)), [], "unsettled")
            async with opened(rig) as other:
                again = await receive(other, 12, self.patience)
                expect(sorted(bodies(again)), sorted(bodies(records)), "records that came back")

    async def test_parallel_fetches_never_share_a_record(self) -> None:
        """As many at once as capabilities allow, eight here at most."""
        async with self.rig(LONG) as rig:
            await rig.send(_spread(80))
            async with opened(rig) as source:
                found: list[Record] = []
                limit = now() + self.patience
                while len(found) < 80:  # noqa: PLR2004 - as many as were sent
                    require(now() < limit, f"{len(found)} of 80 records came")
                    found += await self._fetch_together(source, 80 - len(found))
                expect(len({record.id for record in found}), 80, "different records")

    async def test_a_cancelled_fetch_ends_promptly_and_loses_nothing_for_good(self) -> None:
        """Stopping must not wait for a long poll; what it was about to bring comes again after its lease at the latest."""
        async with self.rig(self.short) as rig, opened(rig) as source:
            fetching = asyncio.create_task(source.fetch(10, 20))
            await asyncio.sleep(0.1)  # under way by then, most likely; the test holds either way
            began = now()
            fetching.cancel()
            await asyncio.wait([fetching])
            require(now() - began < 10, "ended before its wait did")  # noqa: PLR2004 - half of the 20 s
            await rig.send(numbered(1))
            expect(len(await receive(source, 1, self.patience)), 1, "records")

    async def test_closing_leaves_no_task_behind(self) -> None:
        """Fetches under way end, with records or with an error of the contract."""
        async with self.rig(LONG) as rig:
            before = asyncio.all_tasks()
            async with opened(rig) as source:
                fetching = asyncio.create_task(source.fetch(10, 2))
                await asyncio.sleep(0)
            with suppress(SourceError):
                expect(await fetching, [], "records of an empty queue")
            await eventually(_tasks_since(before), 0, self.patience, "tasks left")

    async def _fetch_together(self, source: Source, room: int) -> list[Record]:
        at_once = min(8, source.capabilities.parallel_fetches)
        share = max(1, room // at_once)
        fetched = await asyncio.gather(*(source.fetch(share, POLL_SECONDS) for _ in range(at_once)))
        return [record for records in fetched for record in records]


class LaneContract(Contract):
    """Holds for every ordered source."""

    async def test_each_lane_comes_in_order(self) -> None:
        """Fetched and settled by several at once, lanes mixed."""
        async with self.rig(LONG) as rig:
            await rig.send(_spread(40, lanes=8))
            async with opened(rig) as source:
                seen = await self._consume(source, 40)
                for lane in {record.lane for record in seen}:
                    numbers = [int(body.split()[-1]) for body in bodies([r for r in seen if r.lane == lane])]
                    expect(numbers, sorted(numbers), f"order of lane {lane}")

    async def test_released_records_come_back_in_order(self) -> None:
        """Whatever order they are handed back in."""
        async with self.rig(LONG) as rig:
            await rig.send(numbered(15, "lane"))
            async with opened(rig) as source:
                records = await self._fill(source, 15)
                await source.settle(settled(records[::-1], Outcome.RELEASED))
                again = await self._fill(source, 15)
                both = min(len(records), len(again))
                expect(bodies(again)[:both], bodies(records)[:both], "order after the release")

    async def test_one_lane_never_waits_for_another(self) -> None:
        """Records of one are in hand, the other's come."""
        async with self.rig(LONG) as rig:
            await rig.send(numbered(2, "busy"))
            async with opened(rig) as source:
                await receive(source, 1, self.patience)
                await rig.send(numbered(1, "free"))
                while "free" not in {r.lane for r in await receive(source, 1, self.patience)}:
                    pass

    async def _consume(self, source: Source, count: int) -> list[Record]:
        """Every record, in the order in which they came, each settled before its lane goes on."""
        seen: list[Record] = []
        limit = now() + self.patience

        async def consumer() -> None:
            while len(seen) < count:
                require(now() < limit, f"{len(seen)} of {count} records came")
                records = await source.fetch(3, POLL_SECONDS)
                seen.extend(records)
                expect(await source.settle(settled(records)), [], "unsettled")

        await asyncio.gather(*(consumer() for _ in range(min(3, source.capabilities.parallel_fetches))))
        return seen

    async def _fill(self, source: Source, count: int) -> list[Record]:
        """Fetch until nothing more comes at once: a source may hold a lane back until what it gave is settled."""
        limit = now() + self.patience
        records: list[Record] = []
        while len(records) < count:
            more = await source.fetch(count - len(records), 0 if records else POLL_SECONDS)
            if records and not more:
                break
            require(now() < limit, "no record came")
            records += more
        return records


class LeaseContract(Contract):
    """Holds for every source whose records come back by themselves."""

    reports_lost_leases = True
    """False: the server takes settlements and extensions of a lease that is over, so the source cannot know."""

    async def test_an_unsettled_record_comes_again_when_its_lease_ends(self) -> None:
        """The same record, received once more."""
        async with self.rig(self.short) as rig:
            await rig.send(numbered(1))
            async with opened(rig) as source:
                (first,) = await receive(source, 1, self.patience)
                (again,) = await receive(source, 1, self.patience)
                expect((again.id, again.body), (first.id, first.body), "the record")
                require(again.receive_count > first.receive_count, "the receive is counted")

    async def test_a_failed_record_comes_again_and_not_before_its_lease_ends(self) -> None:
        """Lambda leaves redelivery to the queue, so that its redrive policy holds."""
        async with self.rig(LONG) as rig:
            await rig.send(_spread(2))
            async with opened(rig) as source:
                failed, released = await receive(source, 2, self.patience)
                outcomes = [Settlement(failed, Outcome.RETRY), Settlement(released, Outcome.RELEASED)]
                expect(await source.settle(outcomes), [], "unsettled")
                expect(bodies(await receive(source, 1, self.patience)), bodies([released]), "what came back at once")
                expect(await source.fetch(1, 0), [], "what else came back")
                await eventually(rig.count, 2, self.patience, "records left")

    async def test_an_extended_lease_outlasts_one_that_is_not(self) -> None:
        """The one not extended comes back, the other does not; released, it does."""
        async with self.rig(self.short) as rig:
            await rig.send(_spread(2))
            async with opened(rig) as source:
                kept, left = await receive(source, 2, self.patience)
                expect(await _leased(source).extend([kept], LONG), [], "leases lost")
                expect(bodies(await receive(source, 1, self.patience)), bodies([left]), "what came back")
                expect(await source.settle(settled([kept], Outcome.RELEASED)), [], "unsettled")
                again = await self._until(source, kept)
                require(again.id == kept.id, "the released one came back")

    async def test_more_leases_are_extended_than_one_request_takes(self) -> None:
        """All of them, or each that is lost is named."""
        async with self.rig(LONG) as rig:
            await rig.send(_spread(25))
            async with opened(rig) as source:
                records = await receive(source, 25, self.patience)
                expect(await _leased(source).extend(records, LONG), [], "leases lost")
                expect(await _leased(source).extend([], LONG), [], "leases lost of none")

    async def test_a_lost_lease_is_reported_and_the_record_stays(self) -> None:
        """Another consumer has it by then: what the first says about it no longer counts."""
        if not self.reports_lost_leases:
            raise SkipTest("the server does not tell when a lease is lost")
        async with self.rig(self.short) as rig:
            await rig.send(numbered(1))
            async with opened(rig) as source:
                (old,) = await receive(source, 1, self.patience)
                (new,) = await receive(source, 1, self.patience)
                expect(await _leased(source).extend([old], LONG), [old], "leases lost")
                (refused,) = await source.settle(settled([old]))
                expect((refused.settlement.record, refused.retry), (old, False), "unsettled")
                expect(await rig.count(), 1, "records left")
                require(new.handle != old.handle, "a new lease has a handle of its own")

    async def _until(self, source: Source, wanted: Record) -> Record:
        limit = now() + self.patience
        while now() < limit:
            for record in await receive(source, 1, self.patience):
                if record.id == wanted.id:
                    return record
        raise AssertionError(f"record {wanted.id} did not come")


class OutageContract(Contract):
    """Holds for every source with a connection. The rig is ``Breakable``."""

    async def test_a_fetch_under_way_fails_when_the_connection_breaks(self) -> None:
        """At once, not at the end of its wait."""
        async with self.rig(LONG) as rig, opened(rig) as source:
            fetching = asyncio.create_task(source.fetch(10, 20))
            await asyncio.sleep(0.1)  # under way by then, most likely; the test holds either way
            await _breakable(rig).cut()
            await _fails(lambda: fetching, Unreachable)
            await _breakable(rig).mend()

    async def test_every_verb_says_that_the_source_is_unreachable(self) -> None:
        """With an error of the contract, so that the engine reconnects; closing says nothing."""
        async with self.rig(LONG) as rig:
            await rig.send(_spread(1))
            source = rig.source()
            await source.open()
            records = await receive(source, 1, self.patience)
            await _breakable(rig).cut()
            await _fails(lambda: source.fetch(1, 0), Unreachable)
            await _fails(lambda: source.settle(settled(records)), Unreachable)
            if isinstance(source, Leased):
                leased = source
                await _fails(lambda: leased.extend(records, LONG), Unreachable)
            await source.close()
            await _fails(source.open, Unreachable)
            await _breakable(rig).mend()
            await source.open()
            await source.close()

    async def test_what_could_not_be_settled_is_settled_after_the_outage(self) -> None:
        """The same settlements, told again over a new connection."""
        async with self.rig(LONG) as rig:
            await rig.send(_spread(12))
            async with opened(rig) as source:
                records = await receive(source, 12, self.patience)
                await _breakable(rig).cut()
                await _fails(lambda: source.settle(settled(records)), Unreachable)
                await source.close()
                await _breakable(rig).mend()
                await source.open()
                if not isinstance(source, Leased):  # leases ended with the connection
                    records = await receive(source, 12, self.patience)
                expect(await source.settle(settled(records)), [], "unsettled")
                await eventually(rig.count, 0, self.patience, "records left")

    async def test_outages_in_the_middle_lose_no_record(self) -> None:
        """The connection breaks after every few records; each comes at least once."""
        async with self.rig(self.short) as rig:
            await rig.send(_spread(20))
            seen: set[str] = set()
            limit = now() + self.patience
            async with opened(rig) as source:
                while len(seen) < 20:  # noqa: PLR2004 - as many as were sent
                    require(now() < limit, f"{len(seen)} of 20 records came")
                    records = await source.fetch(5, POLL_SECONDS)
                    await _breakable(rig).cut()
                    await _fails(lambda: source.fetch(5, 0), Unreachable)
                    await source.close()
                    await _breakable(rig).mend()
                    await source.open()
                    await source.settle(settled(records))  # some leases may be over: those come again
                    seen |= set(bodies(records))


async def _fails(call: Callable[[], Awaitable[object]], error: type[SourceError]) -> None:
    try:
        answer = await call()
    except error:
        return
    raise AssertionError(f"{error.__name__} was due, but the answer was {answer!r}")


def _breakable(rig: Rig) -> Breakable:
    if not isinstance(rig, Breakable):
        raise TypeError("a rig of OutageContract is Breakable")
    return rig


def _leased(source: Source) -> Leased:
    if not isinstance(source, Leased):
        raise TypeError("a source of LeaseContract is Leased")
    return source


def _spread(count: int, lanes: int = 1000) -> list[Message]:
    """Numbered messages, each in a lane of its own unless there are fewer; sources without lanes ignore them."""
    return [Message(f"message {n}", f"lane-{n % lanes}") for n in range(count)]


def _tasks_since(before: set[asyncio.Task[object]]) -> Callable[[], Awaitable[int]]:
    async def count() -> int:
        return len(asyncio.all_tasks() - before)

    return count
