"""The process driver with every runtime, in its sandbox and without: it checks them, starts them, and tells why one cannot start."""

from __future__ import annotations

import dataclasses
import json
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from poller.aio.clock import SystemClock
from poller.execution.contract import FunctionSpec, Invocation, Logging, Result, Status
from poller.execution.pool import Pool
from poller.execution.process import ProcessDriver
from poller.execution.runtimes.contract import Runtime
from poller.execution.runtimes.installed import Build, put_in_force
from poller.observe.events import Fact, FunctionLogged
from tests.integration.runtimes.cases import CASES, Case
from tests.integration.runtimes.conftest import ROOTED
from tests.integration.runtimes.rig import ARN, Function

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(params=["none", "auto"])
async def driver(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[ProcessDriver]:
    driver = ProcessDriver(tmp_path / "state", lambda _: None, request.param)
    yield driver
    await driver.close()


def spec(task: Path, runtime: str = "provided.al2023", handler: str = "any", seconds: float = 30.0) -> FunctionSpec:
    return FunctionSpec(
        name="f",
        version="$LATEST",
        arn=ARN,
        task_root=str(task),
        runtime=runtime,
        handler=handler,
        timeout_seconds=seconds,
        memory_mb=512,
    )


async def invoke(driver: ProcessDriver, spec: FunctionSpec, do: str) -> Result:
    pool = Pool(spec, driver, lambda _: None, SystemClock(), 300.0)
    payload = json.dumps({"do": do}).encode()
    try:
        return await pool.invoke(Invocation(request_id=str(uuid.uuid4()), payload=payload, function_arn=ARN))
    finally:
        await pool.close()


async def test_a_bootstrap_runs(driver: ProcessDriver, package_of: Callable[[str], Path]) -> None:
    result = await invoke(driver, spec(package_of("shell")), "echo")
    assert result.ok
    assert json.loads(result.payload)["request"] == result.request_id


async def test_a_package_without_bootstrap_is_an_invalid_entrypoint(driver: ProcessDriver, tmp_path: Path) -> None:
    task = tmp_path / "task"
    task.mkdir()
    result = await invoke(driver, spec(task), "echo")
    assert (result.status, result.error_type) == (Status.FAILURE, "Runtime.InvalidEntrypoint")
    seen = "/var/task" if driver.isolation.sandboxed else str(task)
    assert json.loads(result.payload) == {
        "errorType": "Runtime.InvalidEntrypoint",
        "errorMessage": f"RequestId: {result.request_id} Error: "
        f"Couldn't find valid bootstrap(s): [{seen}/bootstrap /opt/bootstrap]",
    }


async def test_a_bootstrap_that_is_no_program_is_an_invalid_entrypoint(driver: ProcessDriver, tmp_path: Path) -> None:
    task = tmp_path / "task"
    task.mkdir()
    (task / "bootstrap").write_bytes(b"\x7fELF of another machine")
    (task / "bootstrap").chmod(0o755)
    result = await invoke(driver, spec(task), "echo")
    assert (result.status, result.error_type) == (Status.FAILURE, "Runtime.InvalidEntrypoint")
    assert json.loads(result.payload)["errorMessage"].endswith("/bootstrap: exec format error")


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.identifier}-{case.package}")
async def test_every_runtime_answers_fails_and_is_timed_out_in_the_best_sandbox_there_is(
    case: Case, state: Path, runtime_of: Callable[[str], Runtime], package_of: Callable[[str], Path]
) -> None:
    runtime_of(case.identifier)
    driver = ProcessDriver(state, lambda _: None)
    wanted = spec(package_of(case.package), case.identifier, case.handler)
    try:
        if said := driver.problems(wanted):
            pytest.skip("; ".join(said))
        result = await invoke(driver, wanted, "echo")
        assert result.ok, result
        assert json.loads(result.payload)["request"] == result.request_id
        result = await invoke(driver, wanted, "boom")
        assert (result.status, json.loads(result.payload)["errorMessage"]) == (Status.ERROR, "no")
        hasty = spec(package_of(case.package), case.identifier, case.handler, seconds=1.0)
        result = await invoke(driver, hasty, "hang")
        assert (result.status, result.error_type) == (Status.TIMEOUT, "Sandbox.Timedout")
    finally:
        await driver.close()


@pytest.mark.slow
async def test_nodes_client_keeps_a_record_of_several_lines_together(
    tmp_path: Path, state: Path, runtime_of: Callable[[str], Runtime]
) -> None:
    runtime_of("nodejs20.x")
    task = tmp_path / "task"
    task.mkdir()
    (task / "app.js").write_text("exports.handler = async () => { console.warn('one\\ntwo'); console.debug('quiet') }")
    told: list[Fact] = []
    driver = ProcessDriver(state, told.append)
    logging = Logging(json=True, application_level="INFO", system_level="WARN")
    wanted = dataclasses.replace(spec(task, "nodejs20.x", "app.handler"), logging=logging)
    try:
        assert (await invoke(driver, wanted, "echo")).ok
    finally:
        await driver.close()
    [record] = [json.loads(fact.line) for fact in told if isinstance(fact, FunctionLogged)]
    assert (record["level"], record["message"]) == ("WARN", "one\ntwo")


def test_a_runtime_that_is_not_there_is_told_with_its_remedy(tmp_path: Path) -> None:
    (tmp_path / "task").mkdir()
    assert ProcessDriver(tmp_path, lambda _: None).problems(spec(tmp_path / "task", "nodejs22.x")) == [
        "the runtime nodejs22.x is not installed; `pollerd runtimes install nodejs22.x` builds it"
    ]


def test_several_invocations_at_once_are_refused_where_the_client_knows_only_one(tmp_path: Path) -> None:
    (tmp_path / "task").mkdir()
    (tmp_path / "build").mkdir()
    built, client = tmp_path / "build", "aws_lambda_ric 3.1.3"
    Build(identifier="ruby3.2", folder=built, version="3.2.1", client=client, interpreter="/bin/sh").write()
    put_in_force(tmp_path, built, "ruby3.2")
    driver = ProcessDriver(tmp_path, lambda _: None, "none")
    assert driver.problems(spec(tmp_path / "task", "ruby3.2")) == []
    [said] = driver.problems(dataclasses.replace(spec(tmp_path / "task", "ruby3.2"), max_concurrency=2))
    assert said.startswith("per_execution_environment_max_concurrency takes a client that runs several invocations")
    assert client in said


@pytest.mark.slow
async def test_a_root_file_system_is_refused_where_there_is_no_sandbox(
    state: Path, runtime_of: Callable[[str], Runtime], tmp_path: Path
) -> None:
    function = Function(runtime=runtime_of(ROOTED), task=tmp_path, handler="app.handler")
    driver = ProcessDriver(state, lambda _: None, "none")
    (said,) = driver.problems(function.spec)
    await driver.close()
    assert said.startswith(f"the runtime {ROOTED} has a root file system of its own, which takes a sandbox")
