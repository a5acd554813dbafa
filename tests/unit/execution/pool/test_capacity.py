"""A pool whose environments run several invocations at once: few environments, and no invocation pays for another one's end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from poller.execution.contract import CONCURRENT, Invocation
from poller.execution.pool import Starts
from poller.execution.pool.idle import Idle, Member
from poller.execution.scripted import Act, DefectError, Ending, Script, ScriptedEnvironment
from tests.unit.execution.pool.conftest import SPEC, Stage


def acts(**acts: Act) -> Callable[[Invocation], Act]:
    """Invocations by name; others take a second."""
    return lambda invocation: acts.get(invocation.request_id, Act(seconds=1.0))


@pytest.fixture
def short(stage: Stage) -> Stage:
    stage.script.act = acts()
    return stage


def served(stage: Stage) -> list[list[str]]:
    return [environment.served for environment in stage.driver.environments]


async def test_one_start_is_made_for_as_many_as_it_has_room_for(short: Stage) -> None:
    short.script.init = lambda: Act(seconds=0.5)
    pool = short.pool(each=4, starts=Starts(10))
    began = asyncio.get_running_loop().time()
    tasks = [short.invoke(pool, str(n)) for n in range(9)]
    await asyncio.sleep(0.4)
    assert pool.counts() == {"idle": 0, "busy": 0, "starting": 3}
    await asyncio.gather(*tasks)
    assert sorted(served(short)) == [["0", "1", "2", "3"], ["4", "5", "6", "7"], ["8"]]
    assert {environment.spec.initialization_type for environment in short.driver.environments} == {CONCURRENT}
    assert asyncio.get_running_loop().time() - began == pytest.approx(1.5)


async def test_the_fullest_is_filled_first_so_that_the_others_can_go(short: Stage) -> None:
    pool = short.pool(each=3, idle=10.0)
    await asyncio.gather(*(short.invoke(pool, str(n)) for n in range(6)))  # two environments, both idle
    for n in range(30):
        tasks = [short.invoke(pool, f"{n}{part}") for part in "abc"]
        await asyncio.gather(*tasks)
    assert sorted(len(names) for names in served(short)) == [3, 93]
    assert short.stops() == ["idle"]


async def test_one_with_work_is_neither_idle_nor_recycled(stage: Stage) -> None:
    stage.script.act = acts(long=Act(seconds=4.5))
    pool = stage.pool(each=2, idle=1.0, recycle_after_seconds=2.0)
    long = stage.invoke(pool, "long")
    await asyncio.sleep(0.1)
    await stage.invoke(pool, "before")
    await asyncio.sleep(2)
    assert (stage.living, stage.stops()) == (1, []), "old, but an invocation runs in it"
    await stage.invoke(pool, "after")
    assert served(stage) == [["long", "before"], ["after"]]
    assert (await long).ok
    await asyncio.sleep(0)
    assert stage.stops()[0] == "recycle"


async def test_a_timeout_costs_a_place_and_the_last_one_leaves_nothing_behind(stage: Stage) -> None:
    stage.script.act = acts(hangs=Act(Ending.HUNG), neighbour=Act(seconds=4.9))
    pool = stage.pool(each=2)
    hangs = stage.invoke(pool, "hangs")
    await asyncio.sleep(1)
    neighbour = stage.invoke(pool, "neighbour")
    assert (await hangs).error_type == "Sandbox.Timedout"
    assert (stage.living, stage.stops()) == (1, [])
    other = stage.invoke(pool, "other")
    assert (await neighbour).ok
    assert (await other).ok
    assert served(stage) == [["hangs", "neighbour"], ["other"]], "its place is still taken by what hangs"
    assert stage.stops() == ["died"]


@pytest.mark.parametrize("ending", [Ending.EXITED, Ending.KILLED])
async def test_a_crash_ends_all_that_run_in_it_and_no_others(stage: Stage, ending: Ending) -> None:
    stage.script.act = acts(bad=Act(ending, 0.5), late=Act())
    pool = stage.pool(each=3)
    results = await asyncio.gather(*(stage.invoke(pool, name) for name in ("a", "bad", "b", "elsewhere")))
    assert [result.error_type for result in results] == ["Runtime.ExitError"] * 3 + [""]
    assert (await stage.invoke(pool, "late")).ok
    assert len(stage.driver.environments) == 2


async def test_a_cancelled_one_spares_its_neighbours_but_nobody_joins_them(short: Stage) -> None:
    pool = short.pool(each=3)
    first, second = short.invoke(pool, "first"), short.invoke(pool, "second")
    await asyncio.sleep(0.5)
    first.cancel()
    third = short.invoke(pool, "third")
    assert (await second).ok
    assert (await third).ok
    assert served(short) == [["first", "second"], ["third"]]
    assert short.stops() == ["cut"]


async def test_a_defect_of_the_driver_is_the_answer_of_one_only(stage: Stage) -> None:
    stage.script.act = acts(bad=Act(Ending.DEFECT, 0.5))
    pool = stage.pool(each=2)
    bad, good = stage.invoke(pool, "bad"), stage.invoke(pool, "good")
    with pytest.raises(DefectError):
        await bad
    assert (await good).ok
    assert stage.stops() == ["cut"]


async def test_one_that_was_cancelled_in_line_leaves_its_place_to_the_next(short: Stage) -> None:
    short.script.init = lambda: Act(seconds=1.0)
    pool = short.pool(each=2, starts=Starts(1))
    tasks = [short.invoke(pool, str(n)) for n in range(3)]
    await asyncio.sleep(0.5)
    tasks[0].cancel()
    await asyncio.gather(*tasks[1:])
    assert served(short)[0] == ["1", "2"]


async def test_provisioned_concurrency_counts_invocations(short: Stage) -> None:
    pool = short.pool(each=4, provisioned=6)
    pool.provision()
    await asyncio.sleep(1)
    assert len(short.driver.environments) == 2
    shown = pool.allocation
    assert (shown.requested, shown.allocated, shown.available, shown.status) == (6, 6, 6, "READY")
    tasks = [short.invoke(pool, str(n)) for n in range(5)]
    await asyncio.sleep(0.5)
    assert pool.allocation.available == 3
    await asyncio.gather(*tasks)
    assert len(short.driver.environments) == 2


async def test_a_provisioned_one_that_is_old_goes_when_its_last_invocation_is_over(stage: Stage) -> None:
    stage.script.act = acts(long=Act(seconds=4.9))
    pool = stage.pool(each=2, provisioned=2, recycle_after_seconds=3.0)
    pool.provision()
    await asyncio.sleep(1)
    long = stage.invoke(pool, "long")
    await asyncio.sleep(3)
    assert (len(stage.driver.environments), stage.living) == (2, 2), "its successor is there"
    assert (await long).ok
    await asyncio.sleep(0)
    assert stage.stops() == ["recycle"]
    assert pool.allocation.available == 2


async def test_closing_ends_what_runs_in_all_of_them(short: Stage) -> None:
    pool = short.pool(each=2)
    tasks = [short.invoke(pool, str(n)) for n in range(3)]
    await asyncio.sleep(0.5)
    await pool.close()
    assert {result.error_type for result in await asyncio.gather(*tasks)} == {"Runtime.ExitError"}
    assert pool.counts() == {"idle": 0, "busy": 0, "starting": 0}


def member(name: str, running: int) -> Member:
    spec = SPEC.__class__(**{field: getattr(SPEC, field) for field in SPEC.__slots__} | {"max_concurrency": 4})
    environment = ScriptedEnvironment(name, spec, Script())
    return Member(environment, provisioned=False, running=running)


async def test_a_cold_one_with_work_comes_after_a_warm_one_without() -> None:
    idle = Idle()
    starting, warm, fuller, full = member("0", 1), member("1", 0), member("2", 3), member("3", 4)
    await warm.environment.start()
    await fuller.environment.start()
    idle.put(warm, 0.0)
    for each in (starting, fuller, full):
        idle.share(each)
    assert [idle.take() for _ in range(4)] == [fuller, warm, starting, None]
