"""Behaviours of every source."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from connectors.contract import Leased, Outcome, Record, Settlement, Source, SourceError
from connectors.testing.lanes import LaneContract
from connectors.testing.leases import LeaseContract
from connectors.testing.outages import OutageContract
from connectors.testing.rig import Breakable, Message
from connectors.testing.steps import (
    LONG,
    POLL_SECONDS,
    Contract,
    bodies,
    eventually,
    expect,
    fails,
    now,
    numbered,
    opened,
    receive,
    require,
    settled,
    spread,
    tasks_since,
)


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
            await fails(lambda: source.fetch(1, 0), SourceError)
            async with opened(rig) as other:
                await rig.send(numbered(1))
                records = await receive(other, 1, self.patience)
                await fails(lambda: source.settle(settled(records)), SourceError)

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
            await rig.send(spread(30))
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
            await rig.send(spread(4))
            async with opened(rig) as source:
                a, b, *rest = await receive(source, 4, self.patience)
                outcomes = [Settlement(a, Outcome.DELIVERED), Settlement(b, Outcome.FILTERED), *settled(rest)]
                expect(await source.settle(outcomes), [], "unsettled")
                await eventually(rig.count, 0, self.patience, "records left")

    async def test_records_are_settled_in_any_order_and_in_parts(self) -> None:
        """More than one request's worth, backwards, a few at a time."""
        async with self.rig(LONG) as rig:
            await rig.send(spread(25))
            async with opened(rig) as source:
                records = (await receive(source, 25, self.patience))[::-1]
                expect(await source.settle([]), [], "unsettled of nothing")
                for part in (records[:3], records[3:4], records[4:]):
                    expect(await source.settle(settled(part)), [], "unsettled")
                await eventually(rig.count, 0, self.patience, "records left")

    async def test_settling_twice_does_no_harm(self) -> None:
        """The second time may be refused, for good, and touches nothing else."""
        async with self.rig(LONG) as rig:
            await rig.send(spread(2))
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
            await rig.send(spread(12))
            async with opened(rig) as source:
                records = await receive(source, 12, self.patience)
                expect(await source.settle(settled(records, Outcome.RELEASED)), [], "unsettled")
            async with opened(rig) as other:
                again = await receive(other, 12, self.patience)
                expect(sorted(bodies(again)), sorted(bodies(records)), "records that came back")

    async def test_parallel_fetches_never_share_a_record(self) -> None:
        """As many at once as capabilities allow, eight here at most."""
        async with self.rig(LONG) as rig:
            await rig.send(spread(80))
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
            await eventually(tasks_since(before), 0, self.patience, "tasks left")

    async def _fetch_together(self, source: Source, room: int) -> list[Record]:
        at_once = min(8, source.capabilities.parallel_fetches)
        share = max(1, room // at_once)
        fetched = await asyncio.gather(*(source.fetch(share, POLL_SECONDS) for _ in range(at_once)))
        return [record for records in fetched for record in records]
