"""Behaviours of streams that an operator sends elsewhere: back, to read again, or ahead, to pass over."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import AbstractAsyncContextManager
from unittest import SkipTest

from connectors.contract import Record, Seekable
from connectors.testing.rig import Message, StreamRig
from connectors.testing.starts import offers
from connectors.testing.steps import LONG, Contract, expect, opened, receive, settled, unsettled


class SeekContract(Contract):
    """Part of ``StreamContract``. Where the server keeps how far reading has come ``seek`` moves it, else checkpoints are moved."""

    @abstractmethod
    def rig(self, lease_seconds: float) -> AbstractAsyncContextManager[StreamRig]:
        """Return a stream of its own for one test."""

    async def test_sent_to_the_oldest_record_everything_comes_again(self) -> None:
        """Settled or not."""
        async with self.rig(LONG) as rig:
            _movable(rig, "TRIM_HORIZON")
            records = await self._settle(rig, 4 * rig.partitions)
            await _send(rig, "TRIM_HORIZON")
            expect(await unsettled(rig, self.patience), sorted(rig.texts(records)), "records from the oldest on")

    async def test_sent_to_what_comes_next_what_waits_is_passed_over(self) -> None:
        """And what comes from then on is not."""
        async with self.rig(LONG) as rig:
            _movable(rig, "LATEST")
            await self._settle(rig, rig.partitions)
            await rig.send(_one_each(rig, "passed over"))
            await rig.moment()
            await _send(rig, "LATEST")
            source = rig.source("LATEST")
            await source.open()
            await rig.moment()
            await rig.send(_one_each(rig, "next"))
            texts = rig.texts(await receive(source, rig.partitions, self.patience))
            expect(sorted(texts), [message.body for message in _one_each(rig, "next")], "records that came next")
            await source.close()

    async def test_sent_to_a_moment_what_came_since_comes_again(self) -> None:
        """And what came before it does not."""
        async with self.rig(LONG) as rig:
            _movable(rig, "AT_TIMESTAMP")
            await self._settle(rig, rig.partitions)
            moment = await rig.moment()
            await rig.send(_one_each(rig, "since"))
            async with opened(rig) as source:
                records = await receive(source, rig.partitions, self.patience)
                expect(await source.settle(settled(records)), [], "unsettled")
            await _send(rig, "AT_TIMESTAMP", timestamp=moment)
            again = await unsettled(rig, self.patience, "AT_TIMESTAMP", moment)
            expect(again, sorted(rig.texts(records)), "records since that moment")

    async def test_sent_to_a_position_one_partition_goes_on_behind_it(self) -> None:
        """The others stay where they are."""
        async with self.rig(LONG) as rig:
            _movable(rig)
            records = await self._settle(rig, 6 * rig.partitions)
            of_one = [record for record in records if record.partition == records[0].partition]
            await _send(rig, of_one[1].position, partition=of_one[0].partition)
            expect(await unsettled(rig, self.patience), sorted(rig.texts(of_one[2:])), "records that come again")

    async def test_one_partition_is_sent_to_its_oldest_record(self) -> None:
        """The others stay where they are."""
        async with self.rig(LONG) as rig:
            _movable(rig, "TRIM_HORIZON")
            records = await self._settle(rig, 4 * rig.partitions)
            of_one = [record for record in records if record.partition == records[0].partition]
            await _send(rig, "TRIM_HORIZON", partition=of_one[0].partition)
            expect(await unsettled(rig, self.patience), sorted(rig.texts(of_one)), "records that come again")

    async def _settle(self, rig: StreamRig, count: int) -> list[Record]:
        """Send so many, evenly to all partitions, and settle them."""
        await rig.send([Message(f"message {n:02}", f"lane-{n}", n % rig.partitions) for n in range(count)])
        async with opened(rig) as source:
            records = await receive(source, count, self.patience)
            expect(await source.settle(settled(records)), [], "unsettled")
        return records


def _movable(rig: StreamRig, start: str = "") -> None:
    """Raise ``SkipTest`` when nobody keeps positions that could be moved, or reading cannot begin there."""
    source = rig.stream()
    if not (source.capabilities.prefix or isinstance(source, Seekable)):
        raise SkipTest("a stream without positions cannot be sent elsewhere")
    if start:
        offers(rig, start)


async def _send(rig: StreamRig, to: str, *, partition: str | None = None, timestamp: float | None = None) -> None:
    """Do what the engine does while nothing reads. No source of the rig is open."""
    source = rig.stream()
    if isinstance(source, Seekable):
        source.read_as(rig.reader())
        await source.seek(partition, to, timestamp)
    elif partition is None:
        rig.checkpoints.kept.clear()  # the next source is told the new start
    else:
        await rig.checkpoints.move(partition, to, "sent there")


def _one_each(rig: StreamRig, name: str) -> list[Message]:
    return [Message(f"{name} {n}", f"lane-{n}", n) for n in range(rig.partitions)]
