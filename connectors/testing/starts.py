"""Behaviours of streams at their beginning: where reading begins, and that nothing after it is lost."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import AbstractAsyncContextManager
from unittest import SkipTest

from connectors.testing.rig import Message, StreamRig
from connectors.testing.steps import LONG, Contract, expect, receive, settled, unsettled


class StartContract(Contract):
    """Part of ``StreamContract``. What a starting position that the stream does not offer would do is skipped."""

    @abstractmethod
    def rig(self, lease_seconds: float) -> AbstractAsyncContextManager[StreamRig]:
        """Return a stream of its own for one test."""

    async def test_reading_may_begin_at_the_oldest_record(self) -> None:
        """TRIM_HORIZON: what was sent before is read."""
        async with self.rig(LONG) as rig:
            offers(rig, "TRIM_HORIZON")
            await rig.send(_named("before", rig.partitions))
            await self._begin(rig, "TRIM_HORIZON")
            await rig.send(_named("after", rig.partitions))
            await self._expect_first(rig, [*_texts("after", rig.partitions), *_texts("before", rig.partitions)])

    async def test_reading_may_begin_at_what_comes_next(self) -> None:
        """LATEST: from the first opening on; what was sent before is not read."""
        async with self.rig(LONG) as rig:
            offers(rig, "LATEST")
            await rig.send(_named("before", rig.partitions))
            await rig.moment()
            source = rig.source("LATEST")
            await source.open()
            await rig.moment()
            await rig.send(_named("after", rig.partitions))
            records = await receive(source, rig.partitions, self.patience)
            expect(sorted(rig.texts(records)), _texts("after", rig.partitions), "records from LATEST on")
            await source.close()

    async def test_what_comes_next_is_not_lost_by_a_restart_before_anything_is_settled(self) -> None:
        """LATEST is the moment of the first opening, not of each: what was fetched by then, and what was not, comes."""
        async with self.rig(LONG) as rig:
            offers(rig, "LATEST")
            await self._begin(rig, "LATEST")
            await rig.moment()
            await rig.send(_named("down", rig.partitions))
            source = rig.source("LATEST")
            await source.open()
            await receive(source, rig.partitions, self.patience)
            await source.close()
            await rig.send(_named("again", rig.partitions))
            wanted = [*_texts("again", rig.partitions), *_texts("down", rig.partitions)]
            await self._expect_first(rig, wanted, "LATEST")

    async def test_reading_may_begin_at_a_moment(self) -> None:
        """AT_TIMESTAMP: what was sent before it is not read."""
        async with self.rig(LONG) as rig:
            offers(rig, "AT_TIMESTAMP")
            await rig.send(_named("before", rig.partitions))
            moment = await rig.moment()
            await rig.send(_named("after", rig.partitions))
            source = rig.source("AT_TIMESTAMP", moment)
            await source.open()
            records = await receive(source, rig.partitions, self.patience)
            expect(sorted(rig.texts(records)), _texts("after", rig.partitions), "records from that moment on")
            await source.close()

    async def test_where_reading_began_no_longer_matters_once_records_are_settled(self) -> None:
        """Of a partition that is known, the checkpoint decides, whatever the starting position says."""
        async with self.rig(LONG) as rig:
            start = rig.source().capabilities.starting_positions[-1]
            await rig.send([Message(f"message {n}", "lane", 0) for n in range(4)])
            source = rig.source()
            await source.open()
            records = await receive(source, 4, self.patience)
            expect(await source.settle(settled(records[:2])), [], "unsettled")
            await source.close()
            again = rig.source(start, await rig.moment() if start == "AT_TIMESTAMP" else None)
            await again.open()
            expect(rig.texts(await receive(again, 2, self.patience)), ["message 2", "message 3"], "records")
            await again.close()

    async def _begin(self, rig: StreamRig, start: str) -> None:
        """Open for the first time, fetch nothing, and close."""
        source = rig.source(start)
        await source.open()
        await source.close()

    async def _expect_first(self, rig: StreamRig, wanted: list[str], start: str = "") -> None:
        expect(await unsettled(rig, self.patience, start), sorted(wanted), "records from the start on")


def _named(name: str, partitions: int) -> list[Message]:
    """One message for each partition."""
    return [Message(text, f"lane-{n}", n) for n, text in enumerate(_texts(name, partitions))]


def _texts(name: str, partitions: int) -> list[str]:
    return [f"{name} {n}" for n in range(partitions)]


def offers(rig: StreamRig, start: str) -> None:
    """Raise ``SkipTest`` when reading cannot begin there."""
    if start not in rig.source().capabilities.starting_positions:
        raise SkipTest(f"reading cannot begin at {start}")
