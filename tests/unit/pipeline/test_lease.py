"""Leases are kept while work runs, and only then."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator

import pytest

from connectors.contract import Record, SourceError
from poller.observe.events import Fact, LeaseLostError
from poller.pipeline.lease import LeaseKeeper, shortfall
from poller.pipeline.link import Link
from tests.fakes.source import FakeSource
from tests.fakes.virtual_time import BEGINNING, LoopClock


@contextlib.asynccontextmanager
async def keeping(source: FakeSource, lease: float = 30.0) -> AsyncIterator[tuple[LeaseKeeper, list[Fact]]]:
    facts: list[Fact] = []
    link = Link("m", source, LoopClock(), facts.append)
    keeper = LeaseKeeper("m", link, LoopClock(), facts.append)
    task = asyncio.create_task(keeper.run(lease))
    yield keeper, facts
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def gaps(source: FakeSource) -> list[float]:
    times = [BEGINNING] + [time for time, _ in source.extended]
    return [after - before for before, after in itertools.pairwise(times)]


async def test_a_held_record_is_extended_before_its_lease_ends_again_and_again() -> None:
    source = FakeSource()
    async with keeping(source) as (keeper, _):
        keeper.hold([Record(id="a", body="")])
        await asyncio.sleep(300)
    assert len(source.extended) >= 20
    assert max(gaps(source)) <= 15.0, "half a lease at most"


async def test_the_lease_survives_two_extensions_that_fail() -> None:
    source = FakeSource()
    async with keeping(source) as (keeper, _):
        keeper.hold([Record(id="a", body="")])
        source.faults["extend"] = [SourceError("boom"), SourceError("boom")]
        await asyncio.sleep(30)
    assert gaps(source)[0] < 30.0


async def test_a_settled_record_is_not_extended() -> None:
    source = FakeSource()
    async with keeping(source) as (keeper, _):
        record, other = Record(id="a", body=""), Record(id="b", body="")
        keeper.hold([record, other])
        keeper.drop([record])
        await asyncio.sleep(60)
    assert {name for _, names in source.extended for name in names} == {"b"}


async def test_an_idle_mapping_asks_nothing() -> None:
    source = FakeSource()
    async with keeping(source) as (keeper, _):
        keeper.hold([])
        await asyncio.sleep(3600)
    assert source.extended == []
    assert source.fetches == []


async def test_a_lost_lease_is_told_once_and_no_longer_extended() -> None:
    source = FakeSource()
    source.lost = {"a"}
    async with keeping(source) as (keeper, facts):
        keeper.hold([Record(id="a", body=""), Record(id="b", body="")])
        await asyncio.sleep(60)
        assert len(keeper) == 1
    lost = [fact for fact in facts if isinstance(fact, LeaseLostError)]
    assert [fact.count for fact in lost] == [1]
    assert all(names == ["b"] for _, names in source.extended[1:])


async def test_a_record_that_is_deleted_while_its_lease_is_extended_is_not_lost() -> None:
    source = FakeSource()
    source.lost = {"a"}
    async with keeping(source) as (keeper, facts):
        record = Record(id="a", body="")
        keeper.hold([record])
        keeper.leave([record])
        await asyncio.sleep(60)
        assert len(keeper) == 1, "kept until the source has answered"
        keeper.drop([record])
        assert len(keeper) == 0
    assert not any(isinstance(fact, LeaseLostError) for fact in facts)


async def test_a_source_without_leases_is_left_alone() -> None:
    source = FakeSource()
    for lease in (0, None):
        async with keeping(source, lease) as (keeper, _):  # type: ignore[arg-type]  # None is what such a source says
            keeper.hold([Record(id="a", body="")])
            await asyncio.sleep(60)
    assert source.extended == []


@pytest.mark.parametrize(
    ("lease", "timeout", "window"),
    [(None, 900.0, 300.0), (30.0, 30.0, 0.0), (40.0, 30.0, 10.0), (43200.0, 900.0, 300.0)],
)
def test_a_lease_as_long_as_a_batch_may_take_is_sound(lease: float | None, timeout: float, window: float) -> None:
    assert shortfall(lease, timeout=timeout, window=window) == ""


def test_a_short_lease_is_told_with_both_numbers_and_the_recommended_one() -> None:
    assert shortfall(30.0, timeout=60.0, window=5.0) == (
        "the lease (visibility timeout) of 30 s is shorter than the 65 s that a batch may take "
        "(function timeout 60 s + batching window 5 s); "
        "records that cannot be extended meanwhile are handled twice; "
        "AWS recommends 6 x function timeout + window, 365 s here"
    )


def test_no_lease_at_all_is_told_apart() -> None:
    why = shortfall(0.0, timeout=3.0, window=0.0)
    assert "is 0 s" in why
    assert "18 s" in why
