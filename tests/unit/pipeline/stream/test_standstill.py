"""How old records are and since when nothing moves: what says whether a mapping gets on."""

from __future__ import annotations

import asyncio

import pytest

from poller.execution.contract import Status
from poller.observe.ages import Ages
from poller.observe.events import Fact, IteratorAged, StreamCaughtUp
from poller.pipeline.stream.mapping import FIRST_POLL
from tests.fakes.stream_scene import Call, StreamScene, succeed


def now() -> float:
    return asyncio.get_running_loop().time()


async def fail(call: Call) -> Status:
    return Status.ERROR


async def test_age_is_zero_when_a_fetch_finds_nothing_more() -> None:
    ages = Ages()
    async with StreamScene(succeed, watch=ages.emit) as scene:
        assert ages.of("m") is None
        scene.stream.send("{}", arrived=now() - 40)
        await scene.quiet(1)
        assert ages.of("m") == pytest.approx(40.1, abs=0.01)
        await scene.quiet(2 * FIRST_POLL)
        assert ages.of("m") == 0.0
        assert scene.mapping.still_seconds == 0.0
        await scene.quiet(1000)
    assert len(scene.facts_of(StreamCaughtUp)) == 1, "an idle stream has nothing to tell"


async def test_age_and_stillness_of_a_partition_that_is_stuck_do_not_hide_behind_others() -> None:
    async def handler(call: Call) -> Status | None:
        return Status.ERROR if call.partition.endswith("0") else None

    ages = Ages()
    async with StreamScene(handler, partitions=2, watch=ages.emit) as scene:
        scene.send(1, partition=0)
        scene.send(5, partition=1)
        await scene.quiet(1000)
        assert (ages.of("m") or 0.0) > 900
        assert scene.mapping.still_seconds > 990
        scene.send(1, partition=1)
        await scene.quiet(10)
        assert (ages.of("m") or 0.0) > 900
        assert 5 < scene.mapping.still_seconds <= 10


async def test_a_source_that_is_away_is_not_taken_for_one_that_has_nothing_more() -> None:
    ages = Ages()
    async with StreamScene(succeed, watch=ages.emit) as scene:
        scene.send(1)

        def cut(fact: Fact) -> None:
            ages.emit(fact)
            if isinstance(fact, IteratorAged):
                scene.stream.cut()

        scene.watch = cut
        await scene.quiet(200)
        assert ages.of("m") == pytest.approx(0.1, abs=0.01)
        assert scene.mapping.still_seconds > 100
        scene.stream.mend()
        await scene.quiet(200)
        assert ages.of("m") == 0.0


async def test_partitions_that_are_anothers_have_no_age_here() -> None:
    ages = Ages()
    async with StreamScene(fail, watch=ages.emit) as scene:
        scene.send(1)
        await scene.quiet(100)
        assert (ages.of("m") or 0.0) > 10
        await scene.source.give_up(scene.stream.partitions[0])
        assert ages.of("m") == 0.0
