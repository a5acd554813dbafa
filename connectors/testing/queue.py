"""Behaviours of every queue."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from contextlib import AbstractAsyncContextManager

from connectors.contract import Leased, Outcome, Record, Settlement, Source
from connectors.testing.lanes import LaneContract
from connectors.testing.leases import LeaseContract
from connectors.testing.outages import OutageContract
from connectors.testing.rig import Breakable, QueueRig
from connectors.testing.source import SourceContract
from connectors.testing.steps import (
    LONG,
    POLL_SECONDS,
    bodies,
    eventually,
    expect,
    now,
    opened,
    receive,
    require,
    settled,
    spread,
)


class QueueContract(SourceContract):
    """Holds for every queue."""

    @abstractmethod
    def rig(self, lease_seconds: float) -> AbstractAsyncContextManager[QueueRig]:
        """Return a queue of its own for one test. lease_seconds: how it is to be made; ignored by a source without leases."""

    async def test_no_behaviour_that_the_capabilities_promise_goes_untested(self) -> None:
        """Ordered queues inherit LaneContract, leased ones LeaseContract, breakable rigs OutageContract; streams are none."""
        async with self.rig(LONG) as rig:
            source = rig.source()
            expect(source.capabilities.stream, False, "a stream (it inherits StreamContract)")
            expect(isinstance(self, LaneContract), source.capabilities.ordered, "LaneContract is inherited")
            expect(isinstance(self, LeaseContract), isinstance(source, Leased), "LeaseContract is inherited")
            expect(isinstance(self, OutageContract), isinstance(rig, Breakable), "OutageContract is inherited")

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

    async def _fetch_together(self, source: Source, room: int) -> list[Record]:
        at_once = min(8, source.capabilities.parallel_fetches)
        share = max(1, room // at_once)
        fetched = await asyncio.gather(*(source.fetch(share, POLL_SECONDS) for _ in range(at_once)))
        return [record for records in fetched for record in records]
