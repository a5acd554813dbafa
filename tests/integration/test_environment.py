"""Real child processes under the official Python client: whatever a handler does, the daemon has an answer and nothing is left."""

from __future__ import annotations

import asyncio
import os
import socket
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from poller.aio.clock import SystemClock
from poller.execution.contract import FunctionSpec, Status
from poller.execution.package import resolve
from poller.execution.pool import Pool, PoolClosedError
from poller.execution.process import ProcessDriver
from poller.execution.runtimes import own
from poller.execution.sandbox import procfs
from poller.execution.sandbox.box import Beside, Sandbox
from poller.execution.sandbox.isolation import unavailable
from poller.observe.events import EnvironmentStopped, FunctionLogged
from poller.settings.package import PackageError
from tests.integration.scene import CODE, MAIN, Scene, error, everywhere, invoke, opened


@pytest.fixture(params=MAIN)
async def scene(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Scene]:
    before, children = set(os.listdir("/proc/self/fd")), set(psutil.Process().children())
    async with opened(tmp_path, request.param) as scene:
        yield scene
    await asyncio.sleep(0)
    async with asyncio.timeout(20):  # the kernel takes its time to bury the killed
        while list(procfs.marked(str(tmp_path).encode())):
            await asyncio.sleep(0.01)
    assert set(psutil.Process().children()) - children == set(), "a child is left"
    assert os.listdir(tmp_path / "state/tmp") == [] if (tmp_path / "state/tmp").exists() else True
    assert len(set(os.listdir("/proc/self/fd")) - before) <= 1, "descriptors are left"


@everywhere
async def test_a_warm_environment_is_used_again(scene: Scene) -> None:
    pool = scene.pool()
    first, second = await invoke(pool), await invoke(pool)
    assert (first.status, second.status) == (Status.SUCCESS, Status.SUCCESS)
    assert first.init_ms is not None
    assert second.init_ms is None
    assert (error(first)["calls"], error(second)["calls"]) == (1, 2)


async def test_invocations_at_once_run_in_environments_of_their_own(scene: Scene) -> None:
    pool = scene.pool()
    results = await asyncio.gather(*(invoke(pool, "nap") for _ in range(3)))
    assert len({error(result)["where"] for result in results}) == 3
    assert pool.counts() == {"idle": 3, "busy": 0, "starting": 0}


async def test_idle_environments_are_stopped(scene: Scene) -> None:
    pool = scene.pool(idle=0.2)
    await invoke(pool)
    async with asyncio.timeout(20):
        while not any(isinstance(fact, EnvironmentStopped) and fact.reason == "idle" for fact in scene.facts):
            await asyncio.sleep(0.05)
    assert pool.counts() == {"idle": 0, "busy": 0, "starting": 0}


@pytest.mark.parametrize(
    ("do", "event", "status", "kind", "message"),
    [
        ("boom", {}, Status.ERROR, "ValueError", "no"),
        ("unserialisable", {}, Status.ERROR, "Runtime.MarshalError", "Unable to marshal response"),
        ("leave", {"code": 0}, Status.FAILURE, "Runtime.ExitError", "Runtime exited without providing a reason"),
        ("leave", {"code": 3}, Status.FAILURE, "Runtime.ExitError", "Runtime exited with error: exit status 3"),
        ("suicide", {}, Status.FAILURE, "Runtime.ExitError", "Runtime exited with error: signal: killed"),
        ("hog", {}, Status.FAILURE, "Runtime.OutOfMemory", "Runtime exited with error: signal: killed"),
        ("big", {}, Status.ERROR, "Function.ResponseSizeTooLarge", "maximum allowed payload size (6291556 bytes)"),
    ],
)
async def test_a_failure_has_awss_words_and_the_next_invocationruns(
    scene: Scene, do: str, event: dict[str, Any], status: Status, kind: str, message: str
) -> None:
    pool = scene.pool()
    result = await invoke(pool, do, **event)
    assert (result.status, result.error_type) == (status, kind)
    assert message in error(result)["errorMessage"]
    assert (await invoke(pool)).ok


async def test_a_kill_for_memory_is_reported_as_one_with_all_memory_used(scene: Scene) -> None:
    """Whoever looked last saw more, because nobody but the kernel looks all the time, or less."""
    result = await invoke(scene.pool(), "hog")
    report = scene.lines(result.request_id)[-1].split("\t")
    assert report[3:5] == ["Memory Size: 128 MB", "Max Memory Used: 128 MB"]
    assert report[-3:] == ["Status: error", "Error Type: Runtime.OutOfMemory", ""]


@pytest.mark.parametrize(("do", "kind"), [("suicide", "Runtime.OutOfMemory"), ("leave", "Runtime.ExitError")])
async def test_a_kill_of_the_kernels_for_memory_is_one_too(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, do: str, kind: str
) -> None:
    """It looks as if the function had killed itself, but for what the control group tells."""
    for box in (Sandbox, Beside):
        monkeypatch.setattr(box, "out_of_memory", lambda _: True)
    result = await invoke(scene.pool(), do, code=137)
    assert result.error_type == error(result)["errorType"] == kind
    assert (result.max_memory_mb == 128) is (do == "suicide")


async def test_a_handler_that_hangs_is_timed_out_and_its_files_stay(scene: Scene) -> None:
    pool = scene.pool(timeout_seconds=2.0)
    assert error(await invoke(pool, "writes")) is False
    result = await invoke(pool, "hang")
    assert (result.status, result.error_type) == (Status.TIMEOUT, "Sandbox.Timedout")
    assert error(result)["errorMessage"].endswith("Error: Task timed out after 2.00 seconds")
    assert "Status: timeout" in scene.lines(result.request_id)[-1]
    assert error(await invoke(pool, "writes")) is True


async def test_a_handler_that_cannot_be_imported_says_why(scene: Scene) -> None:
    result = await invoke(scene.pool("import nothing_of_that_name"))
    assert (result.status, result.error_type) == (Status.ERROR, "Runtime.ImportModuleError")
    lines = [fact.line for fact in scene.facts if isinstance(fact, FunctionLogged)]
    assert [line.split("\t")[1] for line in lines if line.startswith("INIT_REPORT")] == ["Phase: init", "Phase: invoke"]


async def test_a_handler_that_exits_at_import_is_an_exit_error(scene: Scene) -> None:
    result = await invoke(scene.pool("import os; os._exit(7)"))
    assert error(result)["errorMessage"].endswith("exit status 7")


async def test_output_belongs_to_its_invocation_and_stands_between_start_and_end(scene: Scene) -> None:
    pool = scene.pool()
    for count in (3, 5):
        result = await invoke(pool, "lines", n=count)
        lines = scene.lines(result.request_id)
        assert lines[0] == f"START RequestId: {result.request_id} Version: $LATEST"
        assert lines[1:-2] == [f"line {n}" for n in range(count)]
        assert lines[-2] == f"END RequestId: {result.request_id}"
        assert lines[-1].startswith(f"REPORT RequestId: {result.request_id}\tDuration: ")
        assert result.log_tail.decode().splitlines() == lines


async def test_megabytes_of_output_and_junk_do_no_harm(scene: Scene) -> None:
    pool = scene.pool()
    result = await invoke(pool, "flood")
    assert result.ok
    assert sum(line.count("x") for line in scene.lines(result.request_id)[1:-2]) == 3 * 1024 * 1024
    assert (await invoke(pool, "lines", n=20_000)).ok
    assert (await invoke(pool, "deaf")).ok
    assert (await invoke(pool)).ok


@everywhere
async def test_children_that_left_their_session_die_with_the_environment(scene: Scene) -> None:
    pool = scene.pool()
    assert (await invoke(pool, "orphan")).ok
    assert (await invoke(pool)).ok  # the fixture looks for what is left


@everywhere
async def test_an_environment_killed_while_idle_is_started_anew(scene: Scene) -> None:
    pool = scene.pool()
    await invoke(pool)
    (environment,) = {member.environment for member in pool._members}
    pid = getattr(environment, "pid", 0)
    os.kill(pid, 9)
    async with asyncio.timeout(20):
        while os.path.exists(f"/proc/{pid}"):
            await asyncio.sleep(0.01)
    assert error(await invoke(pool))["calls"] == 1


@everywhere
async def test_the_function_sees_its_package_its_runtime_and_the_standard_library_only(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "the daemon's own")
    monkeypatch.setenv("SECRET_OF_THE_DAEMON", "x")
    pool = scene.pool(environment={"TABLE": "t"}, aws={"AWS_REGION": "eu-west-1"})
    seen = error(await invoke(pool, "seen"))
    assert seen["env"]["TABLE"] == "t"
    assert seen["env"]["AWS_REGION"] == "eu-west-1"
    assert seen["env"]["AWS_LAMBDA_FUNCTION_NAME"] == "f"
    assert not {"SECRET_OF_THE_DAEMON", "AWS_SECRET_ACCESS_KEY"} & set(seen["env"])
    task = "/var/task" if scene.driver.isolation.sandboxed else pool.spec.task_root
    assert seen["cwd"] == task == seen["path"][0]
    assert not any("site-packages" in path for path in seen["path"])
    assert (await invoke(pool, "imports", name="boto3")).ok
    for name in ("aiohttp", "structlog", "poller", "connectors", "yaml"):
        assert not (await invoke(pool, "imports", name=name)).ok


async def test_the_context_is_that_of_the_invocation(scene: Scene) -> None:
    result = await invoke(pool := scene.pool(), "about")
    request_id, arn, remaining = error(result)
    assert (request_id, arn) == (result.request_id, pool.spec.arn)
    assert 5_000 < remaining <= 10_000


@everywhere
async def test_a_stranger_cannot_talk_to_the_runtime_api(scene: Scene) -> None:
    pool = scene.pool()
    address = error(await invoke(pool, "seen"))["env"]["AWS_LAMBDA_RUNTIME_API"]
    host, _, port = address.partition(":")

    def steal() -> bytes:
        try:
            with socket.create_connection((host, int(port)), timeout=10) as connection:
                connection.sendall(b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n")
                return connection.recv(100)
        except ConnectionError:  # hung up on, or nobody listens there but inside
            return b""

    assert await asyncio.to_thread(steal) == b""
    assert (await invoke(pool)).ok


@everywhere
async def test_a_cancelled_invocation_ends_its_environment(scene: Scene) -> None:
    pool = scene.pool()
    await invoke(pool)
    task = asyncio.create_task(invoke(pool, "hang"))
    await asyncio.sleep(0.3)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert pool.counts() == {"idle": 0, "busy": 0, "starting": 0}


async def test_closing_ends_an_environment_in_its_init_and_refuses_who_waits_for_it(scene: Scene) -> None:
    """The fixture looks for processes, files and descriptors that are left."""
    pool = scene.pool("import sys, time; print('begun'); sys.stdout.flush(); time.sleep(600)")
    waiting = asyncio.create_task(invoke(pool))
    async with asyncio.timeout(20):
        while not any(isinstance(fact, FunctionLogged) and fact.line == "begun" for fact in scene.facts):
            await asyncio.sleep(0.01)
    await pool.close()
    with pytest.raises(PoolClosedError):
        await waiting


async def test_a_provisioned_environment_is_initialised_before_its_first_event(scene: Scene) -> None:
    pool = scene.pool(provisioned=1)
    pool.provision()
    async with asyncio.timeout(20):
        while pool.allocation.status != "READY":
            await asyncio.sleep(0.01)
    result = await invoke(pool, "seen")
    assert result.init_ms is None
    assert error(result)["env"]["AWS_LAMBDA_INITIALIZATION_TYPE"] == "provisioned-concurrency"


async def test_a_thousand_warm_invocations_answer_each_its_own_event(scene: Scene) -> None:
    pool = scene.pool()
    for n in range(1000):
        assert error(await invoke(pool, n=n))["event"]["n"] == n


def zipped(path: Path, entries: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


async def test_a_zip_is_unpacked_once_by_its_content(scene: Scene, tmp_path: Path) -> None:
    code = zipped(tmp_path / "code.zip", {"app.py": CODE.encode(), "lib/data.txt": b"x"})
    root = resolve(code, tmp_path / "state")
    assert resolve(code, tmp_path / "state") == root
    assert (root / "lib/data.txt").read_bytes() == b"x"
    pool = scene.pool()
    other = Pool(
        FunctionSpec(**{field: getattr(pool.spec, field) for field in pool.spec.__slots__} | {"task_root": str(root)}),
        scene.driver, scene.facts.append, SystemClock(), 300.0,
    )  # fmt: skip
    scene.pools.append(other)
    assert (await invoke(other)).ok


@pytest.mark.parametrize("name", ["../evil.py", "/etc/evil.py", "a/../../evil.py"])
def test_a_zip_that_leads_out_of_its_folder_is_refused(tmp_path: Path, name: str) -> None:
    code = zipped(tmp_path / "code.zip", {name: b"x"})
    with pytest.raises(PackageError, match="leads out"):
        resolve(code, tmp_path / "state")
    assert list(tmp_path.iterdir()) == [code]  # nothing was written at all


def test_a_broken_zip_is_refused(tmp_path: Path) -> None:
    (tmp_path / "code.zip").write_bytes(b"not a zip")
    with pytest.raises(PackageError, match="is no readable"):
        resolve(tmp_path / "code.zip", tmp_path / "state")


def test_an_unknown_runtime_is_a_problem_with_its_remedy(tmp_path: Path) -> None:
    driver = ProcessDriver(tmp_path, lambda _: None)
    spec = FunctionSpec(
        name="f", version="$LATEST", arn="", task_root="", runtime="nodejs22.x", handler="a.b", timeout_seconds=1, memory_mb=128
    )  # fmt: skip
    assert driver.problems(spec) == [
        "the runtime nodejs22.x is not installed; `pollerd runtimes install nodejs22.x` builds it"
    ]


@pytest.mark.skipif(os.geteuid() != 0 or bool(unavailable()), reason="only functions of root run as somebody else")
def test_a_folder_that_functions_may_not_read_is_a_problem_with_its_remedy(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir(mode=0o700)
    scene = Scene(tmp_path, "auto")
    spec = FunctionSpec(
        name="f", version="$LATEST", arn="", task_root=str(tmp_path / "code"), runtime=own.IDENTIFIER, handler="app.handler",
        timeout_seconds=3, memory_mb=128,
    )  # fmt: skip
    (problem,) = scene.driver.problems(spec)
    assert "chmod" in problem
    (tmp_path / "code").chmod(0o755)
    assert scene.driver.problems(spec) == []
