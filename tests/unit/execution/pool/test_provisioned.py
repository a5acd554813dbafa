"""Provisioned environments: started ahead, used first, kept whatever happens, and replaced without a gap."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from poller.execution.contract import ON_DEMAND, PROVISIONED, FunctionSpec
from poller.execution.environment.variables import variables
from poller.execution.pool import Allocation, Pool
from poller.execution.runtimes.contract import Launch
from poller.execution.scripted import Act, Ending
from poller.observe.events import DefectFoundError, InvocationPlaced
from tests.unit.execution.pool.conftest import SPEC, Stage


def provisioned(stage: Stage, count: int, **options: Any) -> Pool:
    pool = stage.pool(provisioned=count, **options)
    pool.provision()
    return pool


def kinds(stage: Stage) -> list[str]:
    """How each environment was started, in order; P is provisioned."""
    return ["P" if made.spec.initialization_type == PROVISIONED else "-" for made in stage.driver.environments]


async def test_they_are_started_ahead_and_ready_when_all_are(stage: Stage) -> None:
    stage.script.init = lambda: Act(seconds=5.0)
    pool = provisioned(stage, 2)
    assert pool.allocation == Allocation(2, 0, 0, "IN_PROGRESS")
    await asyncio.sleep(1)
    assert pool.allocation == Allocation(2, 2, 0, "IN_PROGRESS")
    await asyncio.sleep(5)
    assert pool.allocation == Allocation(2, 2, 2, "READY")
    assert kinds(stage) == ["P", "P"]


async def test_traffic_goes_to_them_first_spills_over_and_comes_back(stage: Stage) -> None:
    stage.script.act = lambda _: Act(seconds=1.0)
    pool = provisioned(stage, 1)
    await asyncio.sleep(1)
    first = stage.invoke(pool, "a")
    second = stage.invoke(pool, "b")
    assert (await first).init_ms is None, "a provisioned environment has no cold start"
    assert (await second).init_ms is not None
    await stage.invoke(pool, "c")
    assert [made.served for made in stage.driver.environments] == [["a", "c"], ["b"]]
    placed = [fact.provisioned for fact in stage.facts if isinstance(fact, InvocationPlaced)]
    assert placed == [True, False, True]


async def test_until_they_are_there_invocations_run_on_demand(stage: Stage) -> None:
    """Their INIT may take minutes; nobody waits for it, but whoever still waits when one is ready gets it."""
    stage.script.init = lambda: Act(seconds=100.0 if len(stage.driver.environments) == 1 else 2.0)
    pool = provisioned(stage, 1)
    await asyncio.sleep(1)
    result = await stage.invoke(pool, "a")
    assert result.init_ms == 2000.0
    assert kinds(stage) == ["P", "-"]


async def test_they_are_kept_when_idle_environments_are_stopped(stage: Stage) -> None:
    pool = provisioned(stage, 2, idle=10.0)
    await asyncio.sleep(1)
    stage.script.act = lambda _: Act(seconds=1.0)
    await asyncio.gather(*(stage.invoke(pool, str(n)) for n in range(4)))
    assert pool.counts()["idle"] == 4
    await asyncio.sleep(3600)
    assert pool.counts()["idle"] == 2
    assert pool.allocation == Allocation(2, 2, 2, "READY")
    assert stage.stops() == ["idle", "idle"]


async def test_one_that_dies_idle_is_replaced(stage: Stage) -> None:
    pool = provisioned(stage, 2)
    await asyncio.sleep(1)
    stage.driver.environments[0].die()
    await asyncio.sleep(1.5)
    assert pool.allocation == Allocation(2, 2, 2, "READY")
    assert stage.stops() == ["reset"]
    assert [made.warm for made in stage.driver.environments] == [False, True, True]


@pytest.mark.parametrize("ending", [Ending.EXITED, Ending.KILLED, Ending.HUNG])
async def test_one_that_an_invocation_reset_is_replaced_before_the_next(stage: Stage, ending: Ending) -> None:
    pool = provisioned(stage, 1)
    await asyncio.sleep(1)
    stage.script.act = lambda invocation: Act(ending if invocation.request_id == "bad" else Ending.WELL)
    assert not (await stage.invoke(pool, "bad")).ok
    await asyncio.sleep(0.01)
    assert pool.allocation.available == 1
    assert (await stage.invoke(pool, "good")).init_ms is None
    assert kinds(stage) == ["P", "P"]


async def test_a_cancelled_invocation_costs_one_and_it_is_replaced(stage: Stage) -> None:
    pool = provisioned(stage, 1)
    await asyncio.sleep(1)
    stage.script.act = lambda _: Act(seconds=3.0)
    task = stage.invoke(pool, "a")
    await asyncio.sleep(1)
    task.cancel()
    await asyncio.sleep(0.01)
    assert pool.allocation == Allocation(1, 1, 1, "READY")


async def test_a_failed_init_is_told_and_tried_again_with_delays(stage: Stage) -> None:
    stage.script.init = lambda: Act(Ending.RAISED, 0.1)
    pool = provisioned(stage, 1)
    await asyncio.sleep(300)
    assert pool.allocation == Allocation(1, 0, 0, "FAILED", "FUNCTION_ERROR_INIT_FAILURE")
    assert 8 <= len(stage.driver.environments) <= 14, "1, 2, 4 ... 60 s, a quarter less at most"
    stage.script.init = Act
    await asyncio.sleep(62)
    assert pool.allocation == Allocation(1, 1, 1, "READY")
    assert set(stage.stops()) == {"init"}


async def test_what_a_driver_raises_is_told_and_tried_again(stage: Stage) -> None:
    inits = iter([Act(Ending.DEFECT), Act()])
    stage.script.init = lambda: next(inits)
    pool = provisioned(stage, 1)
    await asyncio.sleep(0.1)
    assert pool.allocation.status == "FAILED"
    await asyncio.sleep(2)
    assert pool.allocation == Allocation(1, 1, 1, "READY")
    [told] = [fact for fact in stage.facts if isinstance(fact, DefectFoundError)]
    assert 0.75 <= told.retry_seconds <= 1.0


async def test_old_ones_are_replaced_without_a_gap(stage: Stage) -> None:
    stage.script.init = lambda: Act(seconds=3.0)
    pool = provisioned(stage, 2, recycle_after_seconds=100.0)
    await asyncio.sleep(5)
    for _ in range(300):
        await asyncio.sleep(1)
        assert sum(made.warm for made in stage.driver.environments) >= 2
        assert pool.allocation.status == "READY"
    assert set(stage.stops()) == {"recycle"}
    assert stage.stops().count("recycle") in {4, 5, 6}
    assert stage.living in {2, 3, 4}


async def test_an_old_one_is_never_replaced_in_the_middle_of_an_invocation(stage: Stage) -> None:
    stage.script.act = lambda _: Act(seconds=4.0)
    pool = provisioned(stage, 1, recycle_after_seconds=10.0)
    await asyncio.sleep(1)
    for n in range(20):
        assert (await stage.invoke(pool, str(n))).ok
    assert set(stage.stops()) == {"recycle"}
    assert set(kinds(stage)) == {"P"}, "its successor is there when it goes"


async def test_old_ones_do_not_pile_up_while_a_successor_hangs_in_init(stage: Stage) -> None:
    inits = iter([Act(), Act(), Act(Ending.HUNG)])
    stage.script.init = lambda: next(inits, Act(seconds=0.1))
    provisioned(stage, 2, recycle_after_seconds=10.0)
    for _ in range(100):
        await asyncio.sleep(1)
        assert stage.living <= 4
        assert sum(made.warm for made in stage.driver.environments) >= 2


async def test_closing_stops_them_for_good(stage: Stage) -> None:
    stage.script.init = lambda: Act(seconds=1.0)
    pool = provisioned(stage, 3)
    await asyncio.sleep(1.5)
    await pool.close()
    await asyncio.sleep(100)
    assert stage.living == 0
    assert len(stage.driver.environments) == 3


@pytest.mark.parametrize(("timeout", "limit"), [(3.0, 130.0), (600.0, 600.0), (900.0, 900.0)])
def test_their_init_may_take_longer(timeout: float, limit: float) -> None:
    spec = {field: getattr(SPEC, field) for field in SPEC.__slots__} | {"timeout_seconds": timeout}
    assert FunctionSpec(**spec).init_seconds == 10.0
    assert FunctionSpec(**spec | {"initialization_type": PROVISIONED}).init_seconds == limit


@pytest.mark.parametrize("kind", [ON_DEMAND, PROVISIONED])
def test_the_function_sees_how_it_was_initialised(kind: str) -> None:
    spec = {field: getattr(SPEC, field) for field in SPEC.__slots__} | {"initialization_type": kind}
    launch = Launch(argv=("/none",), directory="/")
    given = variables(FunctionSpec(**spec), launch, address="", token="", log_stream="", temporary="")
    assert given["AWS_LAMBDA_INITIALIZATION_TYPE"] == kind
