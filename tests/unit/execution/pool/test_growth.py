"""1,000 environments at once, then 100 a second; nothing is saved up, and whoever must wait for it waits in line."""

from __future__ import annotations

import asyncio

import pytest

from poller.execution.pool import Starts
from poller.execution.pool.growth import Growth
from poller.execution.scripted import Act
from tests.unit.execution.pool.conftest import Stage


def taken(growth: Growth, now: float) -> int:
    count = 0
    while growth.take(now):
        count += 1
    return count


def test_a_thousand_may_be_added_at_once_and_then_a_hundred_a_second() -> None:
    growth = Growth()
    assert taken(growth, 5.0) == 1000
    assert growth.due(5.0) == pytest.approx(0.01)
    assert taken(growth, 5.5) == 50
    assert taken(growth, 15.5) == 1000, "1,000 every 10 s"


def test_what_is_not_used_is_not_saved_up() -> None:
    growth = Growth()
    assert taken(growth, 0.0) == 1000
    assert taken(growth, 3600.0) == 1000


def test_one_that_is_due_may_be_added_then() -> None:
    growth = Growth()
    now = 1_000_000.0
    taken(growth, now)
    for _ in range(1000):
        now += growth.due(now)
        assert taken(growth, now) == 1


async def test_invocations_past_the_rate_wait_for_an_environment_that_may_be_added_or_is_freed(stage: Stage) -> None:
    stage.script.act = lambda _: Act(seconds=60.0)
    pool = stage.pool(starts=Starts(10_000))
    tasks = [stage.invoke(pool, str(n)) for n in range(1500)]
    await asyncio.sleep(0.005)
    assert pool.counts() == {"idle": 0, "busy": 1000, "starting": 0}
    assert pool.waiting == 500
    await asyncio.sleep(2.0)
    assert pool.counts()["busy"] == 1200
    await asyncio.sleep(8.0)
    assert pool.waiting == 0
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
