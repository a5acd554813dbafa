"""Starts at once are bounded, for the host and not for a function; a slow one keeps nobody waiting for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from poller.execution.pool.starts import YOUNG_SECONDS, Starts
from poller.execution.scripted import Act
from tests.unit.execution.pool.conftest import Stage


class Starting:
    """Makes so many starts, each as long as given; notes when each began."""

    def __init__(self, count: int, seconds: float, log: list[tuple[str, float]], name: str = "f") -> None:
        self.left = count
        self._seconds = seconds
        self._log = log
        self._name = name

    def start_next(self, over: Callable[[], None]) -> bool:
        if not self.left:
            return False
        self.left -= 1
        loop = asyncio.get_running_loop()
        self._log.append((self._name, round(loop.time() - 1_000_000, 3)))
        loop.call_later(self._seconds, over)
        return True


async def test_no_more_begin_at_once_than_the_host_bears() -> None:
    log: list[tuple[str, float]] = []
    Starts(2).want(Starting(5, 0.1, log))
    await asyncio.sleep(1)
    assert [at for _, at in log] == [0.0, 0.0, 0.1, 0.1, 0.2]


async def test_functions_take_turns_however_many_starts_one_of_them_wants() -> None:
    log: list[tuple[str, float]] = []
    starts = Starts(1)
    starts.want(Starting(50, 0.1, log, "flood"))
    await asyncio.sleep(0.05)
    starts.want(Starting(2, 0.1, log, "modest"))
    await asyncio.sleep(10)
    assert [name for name, _ in log[:5]] == ["flood", "flood", "modest", "flood", "modest"]


async def test_a_start_that_takes_long_keeps_its_turn_for_a_second_only_and_ends_it_once() -> None:
    log: list[tuple[str, float]] = []
    starts = Starts(1)
    starts.want(Starting(3, 10.0, log))
    await asyncio.sleep(30)
    assert [at for _, at in log] == [0.0, YOUNG_SECONDS, 2 * YOUNG_SECONDS]
    assert starts.young == 0


async def test_who_is_forgotten_gets_no_further_turn() -> None:
    log: list[tuple[str, float]] = []
    starts = Starts(1)
    one = Starting(3, 0.1, log)
    starts.want(one)
    starts.forget(one)
    await asyncio.sleep(1)
    assert len(log) == 1


async def test_pools_of_one_host_share_the_turns(stage: Stage) -> None:
    """A pool that closes gives back the turns of what it was starting."""
    stage.script.init = lambda: Act(seconds=0.5)
    starts = Starts(2)
    flood, modest = stage.pool(starts=starts), stage.pool(starts=starts)
    tasks = [stage.invoke(flood, str(n)) for n in range(10)]
    await asyncio.sleep(0.1)
    assert sum(environment.doing == "init" for environment in stage.driver.environments) == 2
    one = stage.invoke(modest, "one")
    await flood.close()
    await one
    await asyncio.gather(*tasks, return_exceptions=True)
    assert starts.young == 0
