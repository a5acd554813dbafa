"""Behaviours of sources with a connection that can break."""

from __future__ import annotations

import asyncio
from unittest import SkipTest

from connectors.contract import Leased, Record, Source, Unreachable
from connectors.testing.rig import Breakable, Rig, StreamRig
from connectors.testing.steps import (
    LONG,
    POLL_SECONDS,
    Contract,
    expect,
    fails,
    none_left,
    now,
    opened,
    receive,
    require,
    settled,
    spread,
)


class OutageContract(Contract):
    """Holds for every source with a connection. The rig is ``Breakable``."""

    settles_with_server = True
    """False: how far reading has come is kept by the engine's ``Checkpoints`` alone, so an outage stops no settlement."""

    async def test_a_fetch_under_way_fails_when_the_connection_breaks(self) -> None:
        """At once, not at the end of its wait."""
        async with self.rig(LONG) as rig, opened(rig) as source:
            fetching = asyncio.create_task(source.fetch(10, 20))
            await asyncio.sleep(0.1)  # under way by then, most likely; the test holds either way
            await _breakable(rig).cut()
            await fails(lambda: fetching, Unreachable)
            await _breakable(rig).mend()

    async def test_every_verb_says_that_the_source_is_unreachable(self) -> None:
        """With an error of the contract, so that the engine reconnects; closing says nothing."""
        async with self.rig(LONG) as rig:
            await rig.send(spread(1))
            source = rig.source()
            await source.open()
            records = await receive(source, 1, self.patience)
            await _breakable(rig).cut()
            await self._fetch_to_the_failure(rig, source)
            if self.settles_with_server:
                await fails(lambda: source.settle(settled(records)), Unreachable)
            if isinstance(source, Leased):
                leased = source
                await fails(lambda: leased.extend(records, LONG), Unreachable)
            await source.close()
            await fails(source.open, Unreachable)
            await _breakable(rig).mend()
            await source.open()
            await source.close()

    async def test_what_could_not_be_settled_is_settled_after_the_outage(self) -> None:
        """The same settlements, told again over a new connection."""
        if not self.settles_with_server:
            raise SkipTest("an outage stops no settlement")
        async with self.rig(LONG) as rig:
            await rig.send(spread(12))
            async with opened(rig) as source:
                records = await receive(source, 12, self.patience)
                await _breakable(rig).cut()
                await fails(lambda: source.settle(settled(records)), Unreachable)
                await source.close()
                await _breakable(rig).mend()
                await source.open()
                if not isinstance(source, Leased):  # leases ended with the connection
                    records = await receive(source, 12, self.patience)
                expect(await source.settle(settled(records)), [], "unsettled")
            await none_left(rig, self.patience)

    async def test_outages_in_the_middle_lose_no_record(self) -> None:
        """The connection breaks after every few records; each comes at least once."""
        async with self.rig(self.short) as rig:
            await rig.send(spread(20))
            seen: set[str] = set()
            limit = now() + self.patience
            async with opened(rig) as source:
                while len(seen) < 20:  # noqa: PLR2004 - as many as were sent
                    require(now() < limit, f"{len(seen)} of 20 records came")
                    records = await source.fetch(5, POLL_SECONDS)
                    await _breakable(rig).cut()
                    records += await self._fetch_to_the_failure(rig, source)
                    await source.close()
                    await _breakable(rig).mend()
                    await source.open()
                    await source.settle(settled(records))  # some leases may be over: those come again
                    seen.update(rig.texts(records))

    async def _fetch_to_the_failure(self, rig: Rig, source: Source) -> list[Record]:
        """A queue has nothing to hand out any more; a stream may first hand out what it has read ahead, and ask again in its own time."""
        if not isinstance(rig, StreamRig):
            await fails(lambda: source.fetch(5, 0), Unreachable)
            return []
        ahead: list[Record] = []
        limit = now() + self.patience
        while now() < limit:
            try:
                ahead += await source.fetch(5, POLL_SECONDS)
            except Unreachable:
                return ahead
        raise AssertionError(f"Unreachable was due within {self.patience} s")


def _breakable(rig: Rig) -> Breakable:
    if not isinstance(rig, Breakable):
        raise TypeError("a rig of OutageContract is Breakable")
    return rig
