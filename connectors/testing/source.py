"""Behaviours of every source, queue or stream."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from connectors.contract import SourceError
from connectors.testing.rig import Message
from connectors.testing.steps import (
    LONG,
    POLL_SECONDS,
    Contract,
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
    """Holds for every source. Inherit QueueContract or StreamContract, which add to it."""

    has_arn = True
    """False: a source that has no name in AWS (a Kafka cluster of one's own)."""

    async def test_opening_tells_where_records_come_from(self) -> None:
        """The same each time, and for people too."""
        async with self.rig(LONG) as rig:
            source = rig.source()
            first = await source.open()
            await source.close()
            again = await source.open()
            await source.close()
            expect(again, first, "identity at the second opening")
            require(first.label, "identity has a label")
            expect(bool(first.arn), self.has_arn, "identity has an ARN")

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
                expect(sorted(rig.texts(records)), sorted(texts), "bodies")
                expect(len({record.id for record in records}), len(texts), "different ids")
                expect({record.receive_count for record in records}, {1}, "receive counts")
                laned = source.capabilities.ordered or source.capabilities.stream
                expect({record.lane is not None for record in records}, {laned}, "records have a lane")

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
