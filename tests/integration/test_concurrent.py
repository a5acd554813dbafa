"""Environments that run several invocations at once, under the official Python client: neighbours never pay, and nobody waits in vain."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from poller.execution.contract import CONCURRENT, Logging, Result, Status
from poller.execution.pool import Pool, PoolClosedError
from poller.observe.events import EnvironmentStopped, FunctionLogged
from tests.integration import test_environment
from tests.integration.scene import Scene, error, everywhere, invoke

scene = test_environment.scene

CODE = """
import logging, os, tempfile, time
HERE = tempfile.gettempdir()
def handler(event, context): return globals()[event["do"]](event, context)
def meet(event, context):
    open(f"{HERE}/met-{event['at']}-{context.aws_request_id}", "w").close()
    while len([name for name in os.listdir(HERE) if name.startswith(f"met-{event['at']}-")]) < event["of"]: time.sleep(0.01)
    logging.getLogger().warning("met")
    print("plain")
    return {"pid": os.getpid(), "where": os.environ["AWS_LAMBDA_LOG_STREAM_NAME"], "id": context.aws_request_id}
def wait(event, context):
    open(f"{HERE}/waits-{event['gate']}", "w").close()
    while not os.path.exists(f"{HERE}/{event['gate']}"): time.sleep(0.01)
def opens(event, context):
    while not os.path.exists(f"{HERE}/waits-{event['gate']}"): time.sleep(0.01)
    open(f"{HERE}/{event['gate']}", "w").close()
def echo(event, context): return dict(os.environ)
def hang(event, context): time.sleep(600)
def leave(event, context): os._exit(3)
def crash(event, context):
    while len([name for name in os.listdir(HERE) if name.startswith("waits-")]) < event["of"]: time.sleep(0.01)
    os.kill(os.getppid(), 9)
    time.sleep(600)
"""


def pool(scene: Scene, code: str = CODE, each: int = 4, **options: Any) -> Pool:
    logging = Logging(json=True, application_level="INFO", system_level="INFO")
    concurrent = {"max_concurrency": each, "initialization_type": CONCURRENT, "logging": logging, "memory_mb": 512}
    return scene.pool(code, **concurrent | options)


def stops(scene: Scene) -> list[str]:
    return [fact.reason for fact in scene.facts if isinstance(fact, EnvironmentStopped)]


def environments(pool: Pool) -> int:
    return sum(pool.counts().values())


@everywhere
async def test_as_many_run_at_once_in_one_environment_as_it_may(scene: Scene) -> None:
    """Four that wait for each other end only if all of them run beside each other, with one /tmp between them."""
    of_four = pool(scene)
    results = await asyncio.gather(*(invoke(of_four, "meet", at="a", of=4) for _ in range(4)))
    answers = [error(result) for result in results]
    assert [answer["id"] for answer in answers] == [result.request_id for result in results]
    assert len({answer["pid"] for answer in answers}) == 4
    assert len({answer["where"] for answer in answers}) == 1
    assert [result.init_ms is not None for result in results].count(True) == 1
    assert environments(of_four) == 1
    seen = error(await invoke(of_four))
    assert seen["AWS_LAMBDA_MAX_CONCURRENCY"] == "4"
    assert seen["AWS_LAMBDA_INITIALIZATION_TYPE"] == "lambda-managed-instances"


async def test_each_line_of_the_log_goes_to_the_invocation_that_it_names(scene: Scene) -> None:
    results = await asyncio.gather(*(invoke(p, "meet", at="a", of=3) for p in [pool(scene, each=3)] * 3))
    for result in results:
        events = [json.loads(line) for line in scene.lines(result.request_id)]
        kinds = [event.get("type", event.get("message")) for event in events]
        assert (kinds[0], kinds[-1]) == ("platform.start", "platform.report")
        assert kinds[1:-1] == ["met"]
        assert all(result.request_id in json.dumps(event) for event in events)
        assert result.log_tail.decode().splitlines() == scene.lines(result.request_id)
    assert scene.lines("").count("plain") == 3


async def test_a_timeout_is_the_answer_of_one_and_its_place_is_not_given_away(scene: Scene) -> None:
    of_two = pool(scene, each=2, timeout_seconds=4.0)
    await invoke(of_two)
    hangs = asyncio.create_task(invoke(of_two, "hang"))
    await asyncio.sleep(2)
    neighbour = asyncio.create_task(invoke(of_two, "wait", gate="g"))
    result = await hangs
    assert (result.status, result.error_type) == (Status.TIMEOUT, "Sandbox.Timedout")
    assert not neighbour.done()
    assert stops(scene) == []
    (member,) = of_two._members
    assert (member.environment.capacity, member.room) == (1, False)
    neighbour.cancel()
    await asyncio.gather(neighbour, return_exceptions=True)
    assert stops(scene) == ["cut"]


async def test_one_that_ran_beside_a_timeout_ends_well_and_what_hangs_ends_with_the_environment(scene: Scene) -> None:
    of_three = pool(scene, each=3, timeout_seconds=4.0)
    await invoke(of_three)
    hangs = asyncio.create_task(invoke(of_three, "hang"))
    await asyncio.sleep(2)
    neighbour = asyncio.create_task(invoke(of_three, "wait", gate="g"))
    assert not (await hangs).ok
    assert (await invoke(of_three, "opens", gate="g")).ok
    assert (await neighbour).ok
    await asyncio.sleep(0)
    assert stops(scene) == ["died"], "the fixture looks for its processes"
    assert (await invoke(of_three)).ok


@everywhere
async def test_the_end_of_the_process_is_the_answer_of_all_that_it_had(scene: Scene) -> None:
    of_four = pool(scene)
    calls = [invoke(of_four, "wait", gate=f"never{n}") for n in range(3)]
    results = await asyncio.gather(*calls, invoke(of_four, "crash", of=3))
    assert {(result.status, result.error_type) for result in results} == {(Status.FAILURE, "Runtime.ExitError")}
    assert {error(result)["errorMessage"].partition(" Error: ")[2] for result in results} == {
        "Runtime exited with error: signal: killed"
    }
    assert len({error(result)["errorMessage"] for result in results}) == 4, "each names its own request"
    assert (await invoke(of_four)).ok
    assert environments(of_four) == 1, "the same one, started anew"


async def test_a_worker_that_ends_alone_costs_its_own_invocation_only(scene: Scene) -> None:
    of_two = pool(scene, each=2, timeout_seconds=3.0)
    await invoke(of_two)
    left = asyncio.create_task(invoke(of_two, "leave"))
    for _ in range(5):
        assert (await invoke(of_two)).ok
    assert (await left).error_type == "Sandbox.Timedout"
    assert (await invoke(of_two)).ok


async def test_one_init_is_made_for_all_who_wait_and_its_failure_is_the_answer_of_each(scene: Scene) -> None:
    broken = pool(scene, "import nothing_of_that_name", each=3)
    results: list[Result] = await asyncio.gather(*(invoke(broken) for _ in range(3)))
    assert {(result.status, result.error_type) for result in results} == {(Status.ERROR, "Runtime.ImportModuleError")}
    lines = [fact.line for fact in scene.facts if isinstance(fact, FunctionLogged) and fact.platform]
    assert [json.loads(line)["record"]["phase"] for line in lines if "platform.initReport" in line] == [
        "init",
        "invoke",
    ]


async def test_an_import_that_exits_is_an_exit_error(scene: Scene) -> None:
    result = await invoke(pool(scene, "import os; os._exit(7)", each=2))
    assert (result.status, result.error_type) == (Status.FAILURE, "Runtime.ExitError")


async def test_a_cancelled_invocation_spares_its_neighbours(scene: Scene) -> None:
    of_three = pool(scene, each=3)
    await invoke(of_three)
    hangs = asyncio.create_task(invoke(of_three, "wait", gate="never"))
    neighbour = asyncio.create_task(invoke(of_three, "wait", gate="g"))
    assert (await invoke(of_three)).ok
    hangs.cancel()
    await asyncio.gather(hangs, return_exceptions=True)
    assert stops(scene) == []
    neighbour.cancel()
    await asyncio.gather(neighbour, return_exceptions=True)
    assert stops(scene) == ["cut"]


async def test_closing_answers_whoever_runs(scene: Scene) -> None:
    of_two = pool(scene, each=2)
    await invoke(of_two)
    running = [asyncio.create_task(invoke(of_two, "wait", gate=f"g{n}")) for n in range(2)]
    waiting = asyncio.create_task(invoke(of_two))
    await asyncio.sleep(0)
    await of_two.close()
    for task in running:
        assert (await task).error_type == "Runtime.ExitError"
    with pytest.raises(PoolClosedError):
        await waiting


async def test_a_provisioned_environment_serves_several_at_once(scene: Scene) -> None:
    of_two = pool(scene, each=2, provisioned=2)
    of_two.provision()
    async with asyncio.timeout(30):
        while of_two.allocation.status != "READY":
            await asyncio.sleep(0.01)
    results = await asyncio.gather(*(invoke(of_two, "meet", at="a", of=2) for _ in range(2)))
    assert all(result.ok and result.init_ms is None for result in results)
    assert environments(of_two) == 1
