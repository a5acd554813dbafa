"""Behaviours of ordered queues."""

from __future__ import annotations

import asyncio

from connectors.contract import Outcome, Record, Source
from connectors.testing.steps import (
    LONG,
    POLL_SECONDS,
    Contract,
    bodies,
    expect,
    now,
    numbered,
    opened,
    receive,
    require,
    settled,
    spread,
)


class LaneContract(Contract):
    """Holds for every ordered queue."""

    async def test_each_lane_comes_in_order(self) -> None:
        """Fetched and settled by several at once, lanes mixed."""
        async with self.rig(LONG) as rig:
            await rig.send(spread(40, lanes=8))
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
