"""Spares of the process driver: real sandboxes, real interpreters that wait, and nothing of the function's in them."""

from __future__ import annotations

import asyncio
import contextlib
import signal

import psutil

from poller.execution.contract import Status
from poller.observe.events import EnvironmentStarted, FunctionLogged
from tests.integration.scene import CODE, Scene, error, everywhere, invoke
from tests.integration.test_environment import scene

__all__ = ["scene"]  # the fixture

LISTENER = ("AWS_LAMBDA_RUNTIME_API", "AWS_LAMBDA_METADATA_API", "AWS_LAMBDA_METADATA_TOKEN")
"""Variables that are each environment's own, as its listener is."""

NOISY = CODE + "\nprint('imported')\n"


async def stocked(scene: Scene) -> None:
    async with asyncio.timeout(20):
        while not scene.driver.spares().get("f"):
            await asyncio.sleep(0.01)


def waiting() -> list[psutil.Process]:
    """Interpreters that wait for their function: started with the descriptor to wait at."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # the dead and the gone
            if process.cmdline()[-3:-1] == ["app.handler", ""]:
                found.append(process)
    return found


@everywhere
async def test_a_cold_start_takes_the_spare_and_imports_the_function_only_then(scene: Scene) -> None:
    pool = scene.pool(NOISY, prefork=1)
    results = [await invoke(pool)]
    await stocked(scene)
    imports = [fact for fact in scene.facts if isinstance(fact, FunctionLogged) and fact.line == "imported"]
    assert len(imports) == 1, "the spare has run code of the function"
    assert pool.counts() == {"idle": 1, "busy": 0, "starting": 0}
    [spare] = waiting()
    results += await asyncio.gather(invoke(pool, "nap"), invoke(pool, "nap"))
    assert [result.ok for result in results] == [True] * 3
    assert all(result.init_ms for result in (results[0], results[2]))
    assert spare.is_running(), "an environment is the spare's process"
    imports = [fact for fact in scene.facts if isinstance(fact, FunctionLogged) and fact.line == "imported"]
    assert len(imports) == 2
    started = [fact.environment for fact in scene.facts if isinstance(fact, EnvironmentStarted)]
    assert len(set(started)) == 2


async def test_a_function_sees_the_same_from_a_spare_as_from_a_cold_start(scene: Scene) -> None:
    pool = scene.pool(prefork=1, environment={"TABLE": "orders"})
    cold = error(await invoke(pool, "seen"))
    await stocked(scene)
    await pool.close()
    pool = type(pool)(pool.spec, scene.driver, scene.facts.append, pool._clock, 300.0)
    scene.pools.append(pool)
    [process] = waiting()
    spare = error(await invoke(pool, "seen"))
    assert process.is_running()
    for one in (cold, spare):
        for own in ("AWS_LAMBDA_LOG_STREAM_NAME", "TMPDIR", "_X_AMZN_TRACE_ID", *LISTENER):
            one["env"].pop(own, None)
    assert spare == cold


async def test_a_spare_that_was_killed_costs_nobody_an_invocation(scene: Scene) -> None:
    pool = scene.pool(prefork=1)
    await invoke(pool)
    await stocked(scene)
    [process] = waiting()
    process.send_signal(signal.SIGKILL)
    results = await asyncio.gather(invoke(pool, "nap"), invoke(pool, "nap"))
    assert [result.status for result in results] == [Status.SUCCESS] * 2


async def test_an_environment_from_a_spare_is_reset_like_any_other(scene: Scene) -> None:
    pool = scene.pool(prefork=1, timeout_seconds=2.0)
    await invoke(pool)
    await stocked(scene)
    first, second = await asyncio.gather(invoke(pool, "hang"), invoke(pool, "hang"))
    assert {first.status, second.status} == {Status.TIMEOUT}
    assert [result.ok for result in await asyncio.gather(invoke(pool), invoke(pool))] == [True] * 2
