"""A source that fails is asked again, for ever, and says so."""

from __future__ import annotations

import asyncio

import pytest

from connectors.contract import Missing, Record, SourceError, Throttled, Unreachable
from poller.observe.events import Fact, RecordsPolled, SourceFailedError, SourceOpened
from poller.pipeline.link import DELAYS, Link
from tests.fakes.source import FakeSource
from tests.fakes.virtual_time import LoopClock


def linked(source: FakeSource) -> tuple[Link, list[Fact]]:
    facts: list[Fact] = []
    return Link("m", source, LoopClock(), facts.append), facts


def now() -> float:
    return asyncio.get_running_loop().time()


async def test_a_missing_queue_is_tried_again_until_it_is_there() -> None:
    source = FakeSource()
    source.faults["open"] = [Missing("no such queue")] * 8
    link, facts = linked(source)
    began = now()
    identity = await link.open()
    assert identity.label == "queue q"
    failures = [fact for fact in facts if isinstance(fact, SourceFailedError)]
    assert len(failures) == 8
    assert failures[0].message == "no such queue"
    assert isinstance(facts[-1], SourceOpened)
    assert now() - began == pytest.approx(sum(failure.retry_seconds for failure in failures))
    assert failures[-1].retry_seconds > failures[0].retry_seconds
    assert max(failure.retry_seconds for failure in failures) <= DELAYS.cap
    assert link.trouble == ""


async def test_an_unreachable_source_is_closed_and_opened_anew() -> None:
    source = FakeSource()
    link, facts = linked(source)
    await link.open()
    source.faults["fetch"] = [Unreachable("gone")]
    assert await link.fetch(10, 0) == []
    assert not source.is_open
    assert link.identity is None
    assert link.trouble == "gone"
    source.send("a")
    assert [record.id for record in await link.fetch(10, 0)] == ["a"]
    assert sum(isinstance(fact, SourceOpened) for fact in facts) == 2
    assert link.trouble == ""


async def test_a_throttled_source_is_left_alone_for_as_long_as_it_asks() -> None:
    source = FakeSource()
    link, _ = linked(source)
    await link.open()
    source.faults["fetch"] = [Throttled("slow down", retry_after=7.0)]
    began = now()
    assert await link.fetch(10, 0) == []
    assert now() - began == 7.0
    assert source.is_open


async def test_pollers_that_fail_together_count_as_one_failure() -> None:
    source = FakeSource()
    link, facts = linked(source)
    await link.open()

    async def fail(room: int, wait_seconds: float) -> list[Record]:
        await asyncio.sleep(wait_seconds)
        raise SourceError("boom")

    source.fetch = fail  # type: ignore[method-assign]  # a source whose long polls end in an error
    await asyncio.gather(*(link.fetch(10, 1) for _ in range(5)))
    assert sum(isinstance(fact, SourceFailedError) for fact in facts) == 1


async def test_settling_goes_on_until_the_source_answers() -> None:
    source = FakeSource()
    link, _ = linked(source)
    await link.open()
    source.faults["settle"] = [Unreachable("gone")] * 3
    assert await link.settle([]) == []
    assert source.is_open


async def test_a_failed_extension_is_told_from_lost_leases() -> None:
    source = FakeSource()
    link, _ = linked(source)
    await link.open()
    record = Record(id="a", body="")
    source.faults["extend"] = [SourceError("boom")]
    assert await link.extend([record], 30) is None
    source.lost = {"a"}
    assert await link.extend([record], 30) == [record]


async def test_every_poll_is_counted_empty_ones_too() -> None:
    source = FakeSource()
    link, facts = linked(source)
    await link.fetch(10, 1)
    source.send("a", "b")
    await link.fetch(10, 1)
    assert [fact.count for fact in facts if isinstance(fact, RecordsPolled)] == [0, 2]
