"""The process driver with runtimes that are not the daemon's own Python: it checks them, starts them, and tells why one cannot start."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from poller.aio.clock import SystemClock
from poller.execution.contract import FunctionSpec, Invocation, Result, Status
from poller.execution.pool import Pool
from poller.execution.process import ProcessDriver
from poller.execution.runtimes.contract import Runtime
from tests.integration.runtimes.conftest import ROOTED
from tests.integration.runtimes.rig import ARN, Function

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
async def driver(tmp_path: Path) -> AsyncIterator[ProcessDriver]:
    driver = ProcessDriver(tmp_path / "state", lambda _: None)
    yield driver
    await driver.close()


def spec(task: Path, runtime: str = "provided.al2023") -> FunctionSpec:
    return FunctionSpec(
        name="f",
        version="$LATEST",
        arn=ARN,
        task_root=str(task),
        runtime=runtime,
        handler="index.handler",
        timeout_seconds=20.0,
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
    result = await invoke(driver, spec(tmp_path), "echo")
    assert (result.status, result.error_type) == (Status.FAILURE, "Runtime.InvalidEntrypoint")
    assert json.loads(result.payload) == {
        "errorType": "Runtime.InvalidEntrypoint",
        "errorMessage": f"RequestId: {result.request_id} Error: "
        f"Couldn't find valid bootstrap(s): [{tmp_path}/bootstrap /opt/bootstrap]",
    }


async def test_a_bootstrap_that_is_no_program_is_a_failed_invocation(driver: ProcessDriver, tmp_path: Path) -> None:
    (tmp_path / "bootstrap").write_bytes(b"\x7fELF of another machine")
    (tmp_path / "bootstrap").chmod(0o755)
    result = await invoke(driver, spec(tmp_path), "echo")
    assert (result.status, result.error_type) == (Status.FAILURE, "Runtime.ExitError")
    assert json.loads(result.payload)["errorMessage"].endswith("exit status 126")


@pytest.mark.slow
async def test_node_runs_beside_python(
    state: Path, runtime_of: Callable[[str], Runtime], package_of: Callable[[str], Path]
) -> None:
    runtime_of("nodejs22.x")
    driver = ProcessDriver(state, lambda _: None)
    wanted = spec(package_of("node_esm"), "nodejs22.x")
    assert driver.problems(wanted) == []
    result = await invoke(driver, wanted, "echo")
    await driver.close()
    assert result.ok
    assert json.loads(result.payload)["event"] == {"do": "echo"}


def test_a_runtime_that_is_not_there_is_told_with_its_remedy(driver: ProcessDriver, tmp_path: Path) -> None:
    assert driver.problems(spec(tmp_path, "nodejs22.x")) == [
        "the runtime nodejs22.x is not installed; `pollerd runtimes install nodejs22.x` builds it"
    ]


@pytest.mark.slow
def test_a_root_file_system_is_refused_where_there_is_no_sandbox(
    state: Path, runtime_of: Callable[[str], Runtime], tmp_path: Path
) -> None:
    function = Function(runtime=runtime_of(ROOTED), task=tmp_path, handler="app.handler")
    (said,) = ProcessDriver(state, lambda _: None).problems(function.spec)
    assert "there is no sandbox for it" in said
