"""Shards that are pushed, against a service in memory, in virtual time: who waits, what is held back, what is left."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection

import pytest

from connectors.contract import Outcome, Reader, Record, Settlement, SourceError, Throttled, Unreachable
from connectors.shards.lineage import Shard
from connectors.shards.positions import END
from connectors.shards.pushed import PushedWalk
from connectors.shards.reading import Page
from connectors.testing import MemoryCheckpoints


class Service:
    """Shards of which pages come as the test puts them."""

    def __init__(self, *shards: str) -> None:
        self.shards = [Shard(shard) for shard in shards]
        self.pages: dict[str, asyncio.Queue[Page | SourceError]] = {shard: asyncio.Queue() for shard in shards}
        self.asked: Counter[str] = Counter()
        self.left: list[str] = []
        self.closed = 0

    def put(self, shard: str, *numbers: int, over: bool = False) -> None:
        records = [Record(id=str(n), body=b"", partition=shard, position=str(n), handle=str(n)) for n in numbers]
        cursor = records[-1].position if records else ""
        self.pages[shard].put_nowait(Page(records, cursor, "" if over else "iterator"))

    async def listed(self) -> tuple[list[Shard], float]:
        return list(self.shards), 1_700_000_000.0

    async def iterator(self, _shard: str, _position: str) -> str:
        return "iterator"

    async def page(self, shard: str, _iterator: str, _limit: int) -> Page:
        self.asked[shard] += 1
        found = await self.pages[shard].get()
        if isinstance(found, SourceError):
            raise found
        return found

    async def leave(self, shard: str) -> None:
        self.left.append(shard)

    async def close(self) -> None:
        self.closed += 1


async def begun(service: Service) -> tuple[PushedWalk, MemoryCheckpoints]:
    checkpoints = MemoryCheckpoints()
    walk = PushedWalk(service, Reader("reader", "TRIM_HORIZON", None, checkpoints, _revoke), 1000)
    await walk.begin()
    return walk, checkpoints


async def _revoke(_partitions: Collection[str]) -> None:
    raise AssertionError("nothing is revoked")


def names(records: list[Record]) -> list[str]:
    return [f"{record.partition}:{record.position}" for record in records]


def now() -> float:
    return asyncio.get_running_loop().time()


async def test_what_is_pushed_is_handed_out_at_once() -> None:
    service = Service("a", "b")
    walk, _ = await begun(service)
    asyncio.get_running_loop().call_later(3, service.put, "b", 1, 2)
    began = now()
    assert names(await walk.fetch(10, 20)) == ["b:1", "b:2"]
    assert now() - began == pytest.approx(3)
    await walk.close()


async def test_nobody_waits_at_a_shard_of_which_something_waits_to_be_handed_out() -> None:
    service = Service("a")
    walk, _ = await begun(service)
    service.put("a", 1, 2, 3)
    service.put("a", 4)
    assert names(await walk.fetch(2, 20)) == ["a:1", "a:2"]
    assert await walk.fetch(0, 5) == []
    assert service.asked["a"] == 1
    assert names(await walk.fetch(10, 20)) == ["a:3"]
    assert names(await walk.fetch(10, 20)) == ["a:4"]
    await walk.close()


async def test_nobody_waits_at_a_shard_on_hold_beyond_what_is_on_its_way() -> None:
    service = Service("a", "b")
    walk, _ = await begun(service)
    assert await walk.fetch(10, 1) == []
    walk.hold(["a"])
    for number in range(1, 4):
        service.put("a", number)
    service.put("b", 1)
    assert names(await walk.fetch(10, 5)) == ["b:1"]
    assert await walk.fetch(10, 5) == []
    assert service.asked["a"] == 1
    walk.hold([])
    assert names(await walk.fetch(10, 5)) == ["a:1"]
    await walk.close()


async def test_a_shard_that_fails_is_told_and_the_others_wait_on() -> None:
    service = Service("a", "b")
    walk, _ = await begun(service)
    service.pages["a"].put_nowait(SourceError("words"))
    with pytest.raises(SourceError, match="words"):
        await walk.fetch(10, 5)
    assert service.asked == {"a": 1, "b": 1}
    service.put("a", 1)
    service.put("b", 1)
    assert sorted(names(await walk.fetch(10, 5)) + names(await walk.fetch(10, 5))) == ["a:1", "b:1"]
    await walk.close()


async def test_one_that_is_throttled_is_left_alone_and_tells_only_when_all_are() -> None:
    service = Service("a", "b")
    walk, _ = await begun(service)
    service.pages["a"].put_nowait(Throttled("words", retry_after=5))
    assert await walk.fetch(10, 1) == []
    service.pages["b"].put_nowait(Throttled("words", retry_after=5))
    with pytest.raises(Throttled) as raised:
        await walk.fetch(10, 20)
    assert raised.value.retry_after == pytest.approx(4, abs=0.1)
    service.put("a", 1)
    await asyncio.sleep(4)
    assert names(await walk.fetch(10, 20)) == ["a:1"]
    await walk.close()


async def test_the_end_of_a_shard_is_saved_when_all_of_it_is_settled() -> None:
    service = Service("a")
    walk, checkpoints = await begun(service)
    service.put("a", 1, over=True)
    (record,) = await walk.fetch(10, 5)
    assert checkpoints.kept == {}
    await walk.settle([Settlement(record, Outcome.DELIVERED)])
    assert checkpoints.kept == {"a": END}
    await walk.close()


async def test_the_end_of_an_empty_shard_is_saved_at_once() -> None:
    service = Service("a", "b")
    walk, checkpoints = await begun(service)
    service.put("a", over=True)
    assert await walk.fetch(10, 5) == []
    assert checkpoints.kept == {"a": END}
    await walk.close()


async def test_a_shard_that_is_no_longer_listed_is_left() -> None:
    service = Service("a", "b")
    walk, checkpoints = await begun(service)
    assert await walk.fetch(10, 1) == []
    service.shards = [Shard("b")]
    assert await walk.fetch(10, 70) == []
    assert service.left == ["a"]
    assert [moved[:2] for moved in checkpoints.moves] == [("a", None)]
    await walk.close()


async def test_a_fetch_under_way_ends_when_the_walk_is_closed_and_nobody_waits_any_more() -> None:
    service = Service("a")
    walk, _ = await begun(service)
    fetching = asyncio.create_task(walk.fetch(10, 20))
    await asyncio.sleep(1)
    await walk.close()
    with pytest.raises(Unreachable):
        await fetching
    assert service.closed == 1
    with pytest.raises(Unreachable):
        await walk.fetch(10, 20)
    assert service.asked["a"] == 1
