"""One timer for many deadlines."""

from __future__ import annotations

import asyncio

import pytest

from poller.execution.environment.deadline import Deadline


class Seen:
    """When a deadline came, in seconds from the test's beginning."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self.at: list[float] = []
        self.deadline = Deadline(lambda: self.at.append(self.now))

    @property
    def now(self) -> float:
        return self._loop.time() - self._began


@pytest.fixture
async def seen() -> Seen:
    return Seen()


async def test_it_comes_once(seen: Seen) -> None:
    seen.deadline.set(3.0)
    await asyncio.sleep(100)
    assert seen.at == [pytest.approx(3.0)]


async def test_a_deadline_that_was_met_does_not_come_and_the_next_one_is_on_time(seen: Seen) -> None:
    for _ in range(5):
        seen.deadline.set(3.0)
        await asyncio.sleep(2)
        seen.deadline.met()
    seen.deadline.set(3.0)
    await asyncio.sleep(100)
    assert seen.at == [pytest.approx(13.0)]


async def test_a_shorter_one_after_a_longer_one_is_on_time(seen: Seen) -> None:
    seen.deadline.set(900.0)
    seen.deadline.met()
    seen.deadline.set(0.5)
    await asyncio.sleep(1)
    assert seen.at == [pytest.approx(0.5)]


async def test_no_time_left_is_a_deadline_too(seen: Seen) -> None:
    seen.deadline.set(0.0)
    await asyncio.sleep(0.001)
    assert seen.at == [pytest.approx(0.0)]


async def test_after_its_end_nothing_comes(seen: Seen) -> None:
    seen.deadline.set(3.0)
    seen.deadline.close()
    await asyncio.sleep(4)
    assert seen.at == []
