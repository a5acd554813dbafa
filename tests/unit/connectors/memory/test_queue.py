from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Sequence

import pytest

from connectors.contract import OptionsError, Outcome, Settlement, Unreachable
from connectors.memory.queue import MemoryOptions, MemorySource, queue
from connectors.testing import (
    Breakable,
    LaneContract,
    LeaseContract,
    Message,
    OutageContract,
    QueueContract,
    QueueRig,
    opened,
)


class MemoryRig(QueueRig, Breakable):
    def __init__(self, **options: object) -> None:
        self.options = MemoryOptions(queue=str(uuid.uuid4()), **options)  # type: ignore[arg-type] # whatever a test wants
        self.queue = queue(self.options.queue)

    def source(self) -> MemorySource:
        return MemorySource(self.options)

    async def send(self, messages: Sequence[Message]) -> None:
        for message in messages:
            self.queue.send(message.body, message.lane)

    async def count(self) -> int:
        return len(self.queue)

    async def cut(self) -> None:
        self.queue.cut()

    async def mend(self) -> None:
        self.queue.mend()


class TestUnorderedQueue(QueueContract, LeaseContract, OutageContract):
    @contextlib.asynccontextmanager
    async def rig(self, lease_seconds: float) -> AsyncIterator[MemoryRig]:
        yield MemoryRig(lease_seconds=lease_seconds)


class TestOrderedQueue(QueueContract, LaneContract, LeaseContract, OutageContract):
    @contextlib.asynccontextmanager
    async def rig(self, lease_seconds: float) -> AsyncIterator[MemoryRig]:
        yield MemoryRig(lease_seconds=lease_seconds, ordered=True)


async def test_a_lease_ends_to_the_second() -> None:
    rig = MemoryRig(lease_seconds=30)
    await rig.send([Message("a")])
    async with opened(rig) as source:
        began = asyncio.get_running_loop().time()
        await source.fetch(1, 0)
        assert len(await source.fetch(1, 3600)) == 1
        assert asyncio.get_running_loop().time() - began == pytest.approx(30)


async def test_a_lane_with_a_record_in_flight_gives_out_no_more() -> None:
    rig = MemoryRig(ordered=True)
    await rig.send([Message("a1", "a"), Message("a2", "a"), Message("b1", "b")])
    async with opened(rig) as source:
        (a1,) = await source.fetch(1, 0)
        assert [record.body for record in await source.fetch(10, 0)] == ["b1"]
        await source.settle([Settlement(a1, Outcome.DELIVERED)])
        assert [record.body for record in await source.fetch(10, 0)] == ["a2"]


async def test_settling_a_lane_wakes_a_fetch_that_waits_for_it() -> None:
    rig = MemoryRig(ordered=True, lease_seconds=1000)
    await rig.send([Message("a1", "a"), Message("a2", "a")])
    async with opened(rig) as source:
        (a1,) = await source.fetch(1, 0)
        began = asyncio.get_running_loop().time()
        fetching = asyncio.create_task(source.fetch(1, 20))
        await asyncio.sleep(1)
        await source.settle([Settlement(a1, Outcome.DELIVERED)])
        assert [record.body for record in await fetching] == ["a2"]
        assert asyncio.get_running_loop().time() - began == pytest.approx(1)


async def test_a_record_received_too_often_moves_to_the_dead_letter_queue() -> None:
    dead = str(uuid.uuid4())
    rig = MemoryRig(lease_seconds=1, maximum_receives=2, dead_letter_queue=dead)
    await rig.send([Message("poison")])
    async with opened(rig) as source:
        counts = [record.receive_count for _ in range(4) for record in await source.fetch(1, 5)]
    assert counts == [1, 2]
    assert (len(rig.queue), len(queue(dead))) == (0, 1)


async def test_a_record_looks_like_a_message_of_sqs() -> None:
    rig = MemoryRig(ordered=True)
    await rig.send([Message("hello", "lane")])
    async with opened(rig) as source:
        (record,) = await source.fetch(1, 0)
    attributes = record.metadata["Attributes"]
    assert record.metadata["MD5OfBody"] == "5d41402abc4b2a76b9719d911017c592"
    assert record.metadata["MessageId"] == record.id
    assert attributes["ApproximateReceiveCount"] == "1"
    assert attributes["MessageGroupId"] == "lane"
    assert int(attributes["SentTimestamp"]) <= int(attributes["ApproximateFirstReceiveTimestamp"])


async def test_the_backlog_counts_what_waits_and_not_what_is_leased() -> None:
    rig = MemoryRig()
    await rig.send([Message(str(n)) for n in range(5)])
    source = rig.source()
    await source.open()
    await source.fetch(2, 0)
    assert await source.backlog() == 3
    await source.close()
    with pytest.raises(Unreachable):
        await source.backlog()


@pytest.mark.parametrize("options", [{"maximum_receives": 3}, {"dead_letter_queue": "dead"}])
def test_half_a_redrive_policy_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(OptionsError):
        MemorySource(MemoryOptions(queue="q", **options))  # type: ignore[arg-type] # one of the two
