"""Every runtime under its official client: the handler runs, and each way of failing is told as on AWS."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from poller.execution.runtimes import own
from poller.execution.runtimes.contract import Runtime
from tests.integration.runtimes.cases import CASES, Case
from tests.integration.runtimes.rig import Function, started

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


SANDBOXES = ["host", "sandbox"]

Make = Callable[..., Function]


@pytest.fixture(params=CASES, ids=lambda case: f"{case.identifier}-{case.package}", scope="module")
def case(request: pytest.FixtureRequest) -> Case:
    chosen: Case = request.param
    return chosen


@pytest.fixture(params=SANDBOXES)
def sandbox(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "sandbox")


@pytest.fixture
def function(
    case: Case, sandbox: bool, runtime_of: Callable[[str], Runtime], package_of: Callable[[str], Path]
) -> Function:
    runtime = runtime_of(case.identifier)
    _check_sandbox(runtime, sandbox)
    return Function(runtime=runtime, task=package_of(case.package), handler=case.handler)


def _check_sandbox(runtime: Runtime, sandbox: bool) -> None:
    if runtime.root is not None and not sandbox:
        pytest.skip("a root file system of its own needs a sandbox")
    if sandbox:
        if shutil.which("bwrap") is None:
            pytest.skip("bubblewrap is not installed")
        probe = ["bwrap", "--unshare-all", "--ro-bind", "/", "/", "true"]
        if subprocess.run(probe, capture_output=True, check=False).returncode != 0:
            pytest.skip("bubblewrap does not start here")


async def test_the_handler_runs_and_fails_and_runs_again(
    function: Function, case: Case, sandbox: bool, tmp_path: Path
) -> None:
    async with started(function, tmp_path, sandbox=sandbox) as process:
        await process.ready()
        for n in range(2):
            answer = await process.value("echo", code=n)
            assert answer["event"] == {"do": "echo", "code": n}
            assert answer["request"] == process.request_id
            assert 0 < answer["remaining"] <= 60_000
        refused = await process.ask("boom")
        assert refused.error
        error = json.loads(refused.body)
        keys, kind = case.error
        assert tuple(error) == keys
        assert error["errorMessage"] == "no"
        assert not kind or error["errorType"] == kind
        assert (await process.value("echo"))["request"] == process.request_id


@pytest.mark.parametrize(
    ("do", "end"),
    [("leave", "Runtime exited with error: exit status 3"), ("hang", "Runtime exited with error: signal: killed")],
)
async def test_a_process_that_ends_says_how(
    function: Function, sandbox: bool, tmp_path: Path, do: str, end: str
) -> None:
    async with started(function, tmp_path, sandbox=sandbox) as process:
        await process.ready()
        answer = process.send(do, code=3)
        if do == "hang":
            assert not process.api.waiting  # it has the event
            process.kill()
        assert await process.end() == end
        assert not answer.done()


async def test_the_variables_are_those_of_aws(
    case: Case, runtime_of: Callable[[str], Runtime], package_of: Callable[[str], Path], layers: Path, tmp_path: Path
) -> None:
    if case.package in {"go", "rust", "shell"}:
        pytest.skip("asked through managed runtimes")
    runtime = runtime_of(case.identifier)
    _check_sandbox(runtime, sandbox=True)
    function = Function(
        runtime=runtime,
        task=package_of(case.package),
        handler=case.handler,
        opt=layers,
        environment={"TABLE": "t", "LANG": "C.UTF-8"},
    )
    async with started(function, tmp_path, sandbox=True) as process:
        await process.ready()
        seen = await process.value("env")
    assert seen["TABLE"] == "t"
    assert seen["LANG"] == "C.UTF-8"
    assert seen["AWS_EXECUTION_ENV"] == f"AWS_Lambda_{case.identifier}"
    assert (seen["LAMBDA_TASK_ROOT"], seen["LAMBDA_RUNTIME_DIR"]) == ("/var/task", "/var/runtime")
    assert seen["PATH"].endswith("/usr/local/bin:/usr/bin:/bin:/opt/bin")
    assert seen["LD_LIBRARY_PATH"].endswith(
        "/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib"
    )


async def test_layers_and_the_sdk_are_found(
    case: Case,
    sandbox: bool,
    runtime_of: Callable[[str], Runtime],
    package_of: Callable[[str], Path],
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> None:
    if case.package in {"go", "rust"}:
        pytest.skip("a compiled function has everything with it")
    runtime = runtime_of(case.identifier)
    _check_sandbox(runtime, sandbox)
    opt = request.getfixturevalue("java_layers" if case.package == "java" else "layers")
    function = Function(runtime=runtime, task=package_of(case.package), handler=case.handler, opt=opt)
    expected: Any = "from a layer"
    if case.package in {"python", "node_esm", "node_cjs"}:
        expected = ["from a layer", case.identifier.removeprefix("python").removeprefix("nodejs").removesuffix(".x")]
    async with started(function, tmp_path, sandbox=sandbox) as process:
        await process.ready()
        assert await process.value("layer") == expected
        if isinstance(expected, list):
            assert await process.value("sdk")


async def test_a_wrapper_starts_the_runtime_and_a_missing_one_is_status_127(
    case: Case,
    sandbox: bool,
    runtime_of: Callable[[str], Runtime],
    package_of: Callable[[str], Path],
    layers: Path,
    tmp_path: Path,
) -> None:
    if case.identifier.startswith("provided"):
        pytest.skip("no language start-up to wrap")
    runtime = runtime_of(case.identifier)
    _check_sandbox(runtime, sandbox)
    opt = "/opt" if sandbox else str(layers)

    def wrapped(path: str) -> Function:
        variable = {"AWS_LAMBDA_EXEC_WRAPPER": path}
        return Function(
            runtime=runtime, task=package_of(case.package), handler=case.handler, opt=layers, environment=variable
        )

    async with started(wrapped(f"{opt}/wrapper"), tmp_path, sandbox=sandbox) as process:
        await process.ready()
        interpreter = (await process.value("env"))["WRAPPED"]
    assert Path(interpreter).name.rstrip("0123456789.") in {"python", "node", "java", "ruby"}
    async with started(wrapped(f"{opt}/nothing"), tmp_path, sandbox=sandbox) as process:
        assert await process.end() == "Runtime exited with error: exit status 127"


async def test_python_sees_its_package_its_layers_its_runtime_and_the_standard_library(
    sandbox: bool,
    runtime_of: Callable[[str], Runtime],
    package_of: Callable[[str], Path],
    layers: Path,
    tmp_path: Path,
) -> None:
    runtime = runtime_of(own.IDENTIFIER)
    _check_sandbox(runtime, sandbox)
    task = package_of("python")
    function = Function(runtime=runtime, task=task, handler="app.handler", opt=layers)
    async with started(function, tmp_path, sandbox=sandbox) as process:
        await process.ready()
        path = await process.value("path")
    inside, opt = ("/var/task", "/opt") if sandbox else (str(task), str(layers))
    assert path[:3] == [inside, f"{opt}/python/lib/{own.IDENTIFIER}/site-packages", f"{opt}/python"]
    assert [entry for entry in path[4:] if "packages" in entry] == []


async def test_handlers_with_callbacks_are_node_20s_only(
    runtime_of: Callable[[str], Runtime], package_of: Callable[[str], Path], tmp_path: Path
) -> None:
    old, new = (
        Function(runtime=runtime_of(f"nodejs{n}.x"), task=package_of("node_cjs"), handler="index.callback")
        for n in (20, 22)
    )
    async with started(old, tmp_path, sandbox=False) as process:
        await process.ready()
        assert await process.value("any") == "called back"
    async with started(new, tmp_path, sandbox=False) as process:
        await process.end()
        assert process.api.init_error is not None
        assert json.loads(process.api.init_error)["errorType"] == "Runtime.CallbackHandlerDeprecated"


@pytest.mark.parametrize(("identifier", "package"), [("python3.12", "python"), ("nodejs22.x", "node_esm")])
async def test_a_handler_that_is_not_there_is_an_init_error_of_the_clients(
    identifier: str,
    package: str,
    runtime_of: Callable[[str], Runtime],
    package_of: Callable[[str], Path],
    tmp_path: Path,
) -> None:
    function = Function(runtime=runtime_of(identifier), task=package_of(package), handler="nothing.handler")
    async with started(function, tmp_path, sandbox=False) as process:
        await process.end()
        assert process.api.init_error is not None
        assert json.loads(process.api.init_error)["errorType"] == "Runtime.ImportModuleError"


async def test_java_says_at_the_first_event_that_its_handler_is_not_there(
    runtime_of: Callable[[str], Runtime], package_of: Callable[[str], Path], tmp_path: Path
) -> None:
    function = Function(runtime=runtime_of("java17"), task=package_of("java"), handler="Nothing::handle")
    async with started(function, tmp_path, sandbox=False) as process:
        await process.ready()
        answer = await process.ask("echo")
        assert answer.error
        assert json.loads(answer.body)["errorType"] == "java.lang.ClassNotFoundException"
