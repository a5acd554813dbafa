"""The pool and its line: an invocation runs in whatever environment is free first, and nothing is started for nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from poller.execution.contract import Invocation, Result, Status
from poller.execution.pool import PoolClosedError, Starts
from poller.execution.pool.idle import Member
from poller.execution.pool.line import Line
from poller.execution.scripted import Act, DefectError, Ending, ScriptedDriver
from poller.observe.events import DefectFoundError, EnvironmentAwaited
from tests.unit.execution.pool.conftest import SPEC, Stage


def now() -> float:
    return asyncio.get_running_loop().time()


def takes(**seconds: float) -> Callable[[Invocation], Act]:
    """Invocations by name, and how long they run; others take no time."""
    return lambda invocation: Act(seconds=seconds.get(invocation.request_id, 0.0))


async def test_an_invocation_that_waits_takes_the_environment_that_is_free_first(stage: Stage) -> None:
    """The second runs on the first one's environment long before its own is started, which then stands idle."""
    stage.script.init = lambda: Act(seconds=1.0)
    stage.script.act = takes(first=0.5)
    pool = stage.pool()
    began = now()
    first = stage.invoke(pool, "first")
    await asyncio.sleep(1.2)
    second = stage.invoke(pool, "second")
    await second
    assert now() - began == pytest.approx(1.5)
    assert (await second).init_ms is None
    assert (await first).init_ms == pytest.approx(1000)
    assert pool.counts() == {"idle": 1, "busy": 0, "starting": 1}
    await asyncio.sleep(2)
    assert pool.counts() == {"idle": 2, "busy": 0, "starting": 0}
    assert [environment.served for environment in stage.driver.environments] == [["first", "second"], []]


async def test_the_cold_start_is_told_by_the_invocation_that_is_first_in_an_environment(stage: Stage) -> None:
    stage.script.init = lambda: Act(seconds=1.0)
    stage.script.act = takes(a=0.5, c=1.0)
    pool = stage.pool()
    a = stage.invoke(pool, "a")
    await asyncio.sleep(1.2)
    b = stage.invoke(pool, "b")  # served by a's environment; its own is used by d first
    await b
    c = stage.invoke(pool, "c")
    await asyncio.sleep(0.75)
    d = stage.invoke(pool, "d")
    assert [(await task).init_ms for task in (a, b, c, d)] == [1000.0, None, None, 1000.0]


async def test_a_backlog_starts_no_more_environments_than_wait_and_runs_in_the_order_of_arrival(stage: Stage) -> None:
    stage.script.init = lambda: Act(seconds=0.5)
    order: list[str] = []

    def act(invocation: Invocation) -> Act:
        order.append(invocation.request_id)
        return Act(seconds=0.01)

    stage.script.act = act
    pool = stage.pool(starts=Starts(2))
    began = now()
    await asyncio.gather(*(stage.invoke(pool, f"{n:02}") for n in range(20)))
    assert order == sorted(order)
    assert now() - began == pytest.approx(0.6), "two environments run all twenty while two more are being started"
    assert len(stage.driver.environments) == 4


async def test_a_surplus_start_is_used_by_the_next_invocation_that_finds_no_idle_environment(stage: Stage) -> None:
    stage.script.init = lambda: Act(seconds=1.0)
    stage.script.act = takes(a=0.5, c=5.0)
    pool = stage.pool()
    tasks = [stage.invoke(pool, "a")]
    await asyncio.sleep(1.2)
    tasks.append(stage.invoke(pool, "b"))
    await tasks[1]
    tasks += [stage.invoke(pool, "c"), stage.invoke(pool, "d")]
    await asyncio.sleep(1)
    assert tasks[3].done()
    assert len(stage.driver.environments) == 2
    await asyncio.gather(*tasks)


async def test_a_failed_init_answers_one_invocation_and_the_environment_stays(stage: Stage) -> None:
    inits = iter([Act(Ending.EXITED, 0.1), Act(Ending.EXITED, 0.1), Act()])
    stage.script.init = lambda: next(inits)
    pool = stage.pool()
    failed = await stage.invoke(pool, "a")
    assert (failed.status, failed.error_type) == (Status.FAILURE, "Runtime.ExitError")
    assert (await stage.invoke(pool, "b")).ok
    assert len(stage.driver.environments) == 1


async def test_an_environment_that_must_start_again_is_used_after_those_that_need_not(stage: Stage) -> None:
    stage.script.act = takes(a=1.0, b=2.0)
    pool = stage.pool()
    await asyncio.gather(stage.invoke(pool, "a"), stage.invoke(pool, "b"))
    stage.driver.environments[1].die()  # it was used last
    await stage.invoke(pool, "c")
    await stage.invoke(pool, "d")
    assert [environment.served for environment in stage.driver.environments] == [["a", "c", "d"], ["b"]]


async def test_a_cancelled_waiter_leaves_the_line_and_its_start_becomes_idle(stage: Stage) -> None:
    stage.script.init = lambda: Act(seconds=1.0)
    pool = stage.pool()
    task = stage.invoke(pool, "a")
    await asyncio.sleep(0.5)
    task.cancel()
    await asyncio.sleep(0)
    assert pool.waiting == 0
    await asyncio.sleep(1)
    assert pool.counts() == {"idle": 1, "busy": 0, "starting": 0}
    assert stage.driver.environments[0].served == []


async def test_a_waiter_cancelled_in_the_moment_in_which_it_is_served_gives_the_environment_back() -> None:
    back: list[Member] = []
    line = Line(back.append)
    member = Member(ScriptedDriver().environment(SPEC), provisioned=False)
    task = asyncio.create_task(line.come(line.join()))
    await asyncio.sleep(0)
    assert line.serve(member)
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()
    assert back == [member]


async def test_a_start_that_was_not_begun_is_not_made_for_one_who_left(stage: Stage) -> None:
    stage.script.init = lambda: Act(seconds=0.9)
    pool = stage.pool(starts=Starts(1))
    tasks = [stage.invoke(pool, str(n)) for n in range(5)]
    await asyncio.sleep(0.1)
    for task in tasks[1:]:
        task.cancel()
    await tasks[0]
    await asyncio.sleep(5)
    assert len(stage.driver.environments) == 1


async def test_a_cancelled_invocation_ends_its_environment_and_those_who_wait_get_another(stage: Stage) -> None:
    stage.script.init = lambda: Act(seconds=1.0)
    stage.script.act = takes(a=4.0)
    pool = stage.pool(starts=Starts(1))
    a = stage.invoke(pool, "a")
    await asyncio.sleep(1.5)
    a.cancel()
    b = stage.invoke(pool, "b")
    assert (await b).ok
    assert stage.stops() == ["cut"]
    assert pool.counts() == {"idle": 1, "busy": 0, "starting": 0}


async def test_what_a_driver_raises_in_init_is_the_answer_of_one_invocation(stage: Stage) -> None:
    inits = iter([Act(Ending.DEFECT, 0.1), Act(), Act()])
    stage.script.init = lambda: next(inits)
    pool = stage.pool(starts=Starts(1))
    results = await asyncio.gather(*(stage.invoke(pool, str(n)) for n in range(3)), return_exceptions=True)
    assert sum(isinstance(result, DefectError) for result in results) == 1
    assert sum(isinstance(result, Result) for result in results) == 2
    assert stage.stops() == ["defect"]


async def test_what_a_driver_raises_when_nobody_waits_any_more_is_told(stage: Stage) -> None:
    stage.script.init = lambda: Act(Ending.DEFECT, 0.1)
    task = stage.invoke(stage.pool(), "a")
    await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.sleep(1)
    [fact] = [fact for fact in stage.facts if isinstance(fact, DefectFoundError)]
    assert "as the script has it" in fact.message


async def test_closing_refuses_who_waits_and_ends_what_starts_and_what_runs(stage: Stage) -> None:
    stage.script.init = lambda: Act(seconds=1.0)
    stage.script.act = takes(a=4.0)
    pool = stage.pool()
    running = stage.invoke(pool, "a")
    await asyncio.sleep(1.5)
    waiting = stage.invoke(pool, "b")
    await asyncio.sleep(0.1)
    assert pool.counts() == {"idle": 0, "busy": 1, "starting": 1}
    began = now()
    await pool.close()
    assert now() == began
    with pytest.raises(PoolClosedError):
        await waiting
    assert (await running).error_type == "Runtime.ExitError"
    assert pool.counts() == {"idle": 0, "busy": 0, "starting": 0}
    assert stage.living == 0
    assert stage.stops() == ["drain", "drain"]
    with pytest.raises(PoolClosedError):
        await stage.invoke(pool, "c")


async def test_idle_environments_end_one_by_one_when_their_time_is_over(stage: Stage) -> None:
    stage.script.act = takes(a=1.0, b=3.0)
    pool = stage.pool(idle=10.0)
    await asyncio.gather(stage.invoke(pool, "a"), stage.invoke(pool, "b"))
    await asyncio.sleep(8.5)
    assert pool.counts()["idle"] == 1
    await asyncio.sleep(2)
    assert pool.counts()["idle"] == 0
    assert stage.stops() == ["idle", "idle"]


async def test_the_wait_is_told(stage: Stage) -> None:
    stage.script.init = lambda: Act(seconds=0.5)
    pool = stage.pool()
    await stage.invoke(pool, "a")
    await stage.invoke(pool, "b")
    assert [fact.seconds for fact in stage.facts if isinstance(fact, EnvironmentAwaited)] == [0.5]


async def test_an_old_environment_is_replaced_between_invocations_though_there_is_always_work(stage: Stage) -> None:
    stage.script.act = lambda _: Act(seconds=4.0)
    pool = stage.pool(recycle_after_seconds=100.0)
    longest = 0.0
    for n in range(
        101
    ):  # 404 s: four environments live 368 to 400, whatever is drawn for each, and a fifth is there at the end
        assert (await stage.invoke(pool, str(n))).ok
        longest = max(longest, *(len(environment.served) * 4.0 for environment in stage.driver.environments))
    assert 90.0 <= longest <= 104.0, "it is never cut, so it may be one invocation older"
    assert set(stage.stops()) == {"recycle"}
    assert len(stage.driver.environments) == 5
    assert stage.living == 1


async def test_an_environment_that_grew_old_while_idle_is_not_used_again(stage: Stage) -> None:
    pool = stage.pool(idle=1000.0, recycle_after_seconds=100.0)
    await stage.invoke(pool, "a")
    await asyncio.sleep(101)
    await stage.invoke(pool, "b")
    assert [environment.served for environment in stage.driver.environments] == [["a"], ["b"]]


async def test_environments_that_were_started_together_do_not_grow_old_together(stage: Stage) -> None:
    stage.script.act = lambda _: Act(seconds=1.0)
    pool = stage.pool(idle=1000.0, recycle_after_seconds=1000.0, starts=Starts(50))
    await asyncio.gather(*(stage.invoke(pool, str(n)) for n in range(50)))
    ends = [member.ends for member in pool._idle]
    assert max(ends) - min(ends) > 20
