"""Behaviours of sources whose records come back by themselves."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import AbstractAsyncContextManager
from unittest import SkipTest

from connectors.contract import Leased, Outcome, Record, Settlement, Source
from connectors.testing.rig import QueueRig
from connectors.testing.steps import (
    LONG,
    Contract,
    bodies,
    eventually,
    expect,
    now,
    numbered,
    opened,
    receive,
    require,
    settled,
    spread,
)


class LeaseContract(Contract):
    """Holds for every queue whose records come back by themselves."""

    reports_lost_leases = True
    """False: the server takes settlements and extensions of a lease that is over, so the source cannot know."""

    @abstractmethod
    def rig(self, lease_seconds: float) -> AbstractAsyncContextManager[QueueRig]:
        """Return a queue of its own for one test, whose leases last so long."""

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
            await rig.send(spread(2))
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
            await rig.send(spread(2))
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
            await rig.send(spread(25))
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


def _leased(source: Source) -> Leased:
    if not isinstance(source, Leased):
        raise TypeError("a source of LeaseContract is Leased")
    return source
