"""Functions in containers of a real engine: whatever a handler does there is an answer, and no container is left."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from poller.execution.container.driver import ContainerDriver
from poller.execution.contract import EngineImage, FunctionSpec, Invocation, OnOpening, Opening, Result, Status
from poller.execution.environment.environment import ProcessEnvironment
from poller.observe.events import EngineFailedError, Fact, FunctionLogged, ImageResolved
from tests.engines import CLOSED, EXTENDED, NAME, Podman, built, serving
from tests.images import file, folder, tar

ARN = "arn:aws:lambda:us-east-1:000000000000:function:f"


@pytest.fixture(scope="module")
def program() -> bytes:
    return built()


@pytest.fixture(scope="module")
def engine(program: bytes) -> Iterator[Podman]:
    with serving(program) as started:
        yield started


@pytest.fixture
def private_engine(program: bytes) -> Iterator[Podman]:
    """To be stopped and started."""
    with serving(program) as started:
        yield started


class Scene:
    """A driver and its environments."""

    def __init__(self, state: Path, url: str, network: str = "none") -> None:
        self.facts: list[Fact] = []
        self.driver = ContainerDriver(state, self.facts.append, url, network)
        self.environments: list[ProcessEnvironment] = []

    def environment(self, image: str = NAME, **options: Any) -> ProcessEnvironment:
        own = ("pull", "entrypoint", "cmd", "working_directory")
        about: dict[str, Any] = {"pull": "never"} | {name: options.pop(name) for name in own if name in options}
        spec: dict[str, Any] = {
            "name": "f", "version": "$LATEST", "arn": ARN, "task_root": "", "runtime": "", "handler": "",
            "timeout_seconds": 10.0, "memory_mb": 1769, "engine_image": EngineImage(name=image, **about),
        } | options  # fmt: skip
        made = self.driver.environment(FunctionSpec(**spec))
        assert isinstance(made, ProcessEnvironment)
        self.environments.append(made)
        return made

    async def close(self) -> None:
        await asyncio.gather(*(environment.stop() for environment in self.environments))
        await self.driver.close()

    @property
    def lines(self) -> list[str]:
        return [fact.line for fact in self.facts if isinstance(fact, FunctionLogged) and not fact.platform]


@pytest.fixture
async def scene(engine: Podman, tmp_path: Path) -> AsyncIterator[Scene]:
    made = Scene(tmp_path, engine.url)
    yield made
    await made.close()
    assert await engine.containers() == []


async def invoke(
    environment: ProcessEnvironment, do: str = "", *, on_opening: OnOpening | None = None, **more: Any
) -> Result:
    return await environment.invoke(
        Invocation(
            request_id=str(uuid.uuid4()),
            payload=json.dumps({"do": do, **more}).encode(),
            function_arn=ARN,
            tail=True,
            on_opening=on_opening,
        )
    )


def said(result: Result) -> Any:
    assert result.ok, result.payload
    return json.loads(result.payload)


async def test_a_handler_sees_what_the_image_and_the_function_say(scene: Scene) -> None:
    environment = scene.environment(environment={"OVER": "function"}, aws={"AWS_REGION": "eu-west-1"})
    await environment.start()
    assert environment.warm
    first, second = said(await invoke(environment)), said(await invoke(environment))
    variables = dict(each.split("=", 1) for each in first["environment"])
    assert (first["calls"], second["calls"]) == (1, 2)
    assert (variables["FROM_IMAGE"], variables["OVER"], variables["AWS_REGION"]) == ("1", "function", "eu-west-1")
    assert variables["AWS_EXECUTION_ENV"] == "AWS_Lambda_Image"
    assert "_HANDLER" not in variables
    assert first["arguments"] == ["/bootstrap", "app.handler"]
    assert first["folder"] == "/work"
    assert first["user"] >= 2_000_000_000
    assert any(isinstance(fact, ImageResolved) for fact in scene.facts)


async def test_a_handler_learns_its_zone(scene: Scene) -> None:
    environment = scene.environment()
    await environment.start()
    told = said(await invoke(environment, "metadata", what="Bearer "))
    assert (told["status"], json.loads(told["body"])) == (200, {"AvailabilityZoneID": "use1-az1"})
    assert said(await invoke(environment, "metadata"))["status"] == 401


async def test_failures_are_results_and_the_environment_goes_on(scene: Scene) -> None:
    environment = scene.environment(timeout_seconds=2.0)
    await environment.start()
    said(await invoke(environment, "write", what="/tmp/note", code=3))
    raised = await invoke(environment, "boom")
    assert (raised.status, raised.error_type) == (Status.ERROR, "errorString")
    left = await invoke(environment, "leave", code=3)
    assert (left.status, left.error_type) == (Status.FAILURE, "Runtime.ExitError")
    assert b"exit status 3" in left.payload
    killed = await invoke(environment, "signal")
    assert b"signal: killed" in killed.payload
    hung = await invoke(environment, "hang")
    assert (hung.status, hung.error_type) == (Status.TIMEOUT, "Sandbox.Timedout")
    big = await invoke(environment, "big")
    assert big.error_type == "Function.ResponseSizeTooLarge"
    assert said(await invoke(environment, "size", what="/tmp/note")) == 3  # a reset keeps /tmp
    assert said(await invoke(environment))["calls"] > 1


async def test_an_answer_is_read_as_it_comes(scene: Scene) -> None:
    environment = scene.environment(timeout_seconds=2.0)
    for seconds, status, rest in ((0, Status.SUCCESS, b"two;"), (60, Status.TIMEOUT, b"")):
        opening: asyncio.Future[Opening] = asyncio.get_running_loop().create_future()
        asking = asyncio.create_task(
            invoke(environment, "stream", code=seconds, on_opening=opening.set_result), name="invocation"
        )
        found = b"".join([piece async for piece in (await opening).pieces])
        assert (found, (await asking).status) == (b"one;" + rest, status)


async def test_output_belongs_to_its_invocation(scene: Scene) -> None:
    environment = scene.environment()
    await environment.start()
    for _ in range(3):
        result = await invoke(environment, "print", code=200)
        assert result.log_tail.count(b"line ") == 200
    assert scene.lines.count("line 199") == 3


async def test_memory_has_its_limit(scene: Scene) -> None:
    environment = scene.environment(memory_mb=128, timeout_seconds=60.0)
    await environment.start()
    result = await invoke(environment, "hog", code=400)
    assert (result.status, result.error_type) == (Status.FAILURE, "Runtime.OutOfMemory")
    assert b"signal: killed" in result.payload
    assert said(await invoke(environment))["calls"] == 1


async def test_only_tmp_can_be_written_to_and_it_is_as_large_as_configured(scene: Scene) -> None:
    environment = scene.environment(ephemeral_storage_mb=64, timeout_seconds=60.0)
    await environment.start()
    assert b"read-only file system" in (await invoke(environment, "write", what="/x", code=1)).payload
    said(await invoke(environment, "write", what="/tmp/x", code=50 << 20))
    assert b"no space left" in (await invoke(environment, "write", what="/tmp/y", code=20 << 20)).payload


async def test_what_the_engine_takes_away_is_taken_away(scene: Scene) -> None:
    environment = scene.environment()
    await environment.start()
    status = said(await invoke(environment, "read", what="/proc/self/status"))
    facts = dict(line.split(":\t") for line in status.splitlines() if ":\t" in line)
    assert facts["NoNewPrivs"] == "1"
    assert int(facts["CapBnd"], 16) == int(facts["CapEff"], 16) == 0
    limits = said(await invoke(environment, "read", what="/proc/self/limits"))
    words = [line.split() for line in limits.splitlines() if line.startswith(("Max open files", "Max processes"))]
    assert [line[-2] for line in words] == ["1024", "1024"]


async def test_an_extension_of_the_image_is_started_told_and_shut_down(scene: Scene) -> None:
    environment = scene.environment(EXTENDED)
    await environment.start()
    assert environment.warm
    said(await invoke(environment))
    assert (await invoke(environment, "leave", code=1)).error_type == "Runtime.ExitError"
    said(await invoke(environment))
    await environment.stop()
    told = [line for line in scene.lines if line.startswith("extension")]
    assert told == [
        *("extension INVOKE ", "extension INVOKE ", "extension SHUTDOWN failure"),
        *("extension INVOKE ", "extension SHUTDOWN spindown"),
    ]


async def test_what_cannot_be_started_is_said(scene: Scene, tmp_path: Path) -> None:
    for options, kind, words in (
        ({"entrypoint": ("/nope",)}, "Runtime.InvalidEntrypoint", "fork/exec /nope: no such file or directory"),
        ({"entrypoint": ("bootstrap",)}, "Runtime.InvalidEntrypoint", "fork/exec bootstrap"),
        ({"working_directory": "/nowhere"}, "Runtime.InvalidWorkingDir", "chdir /nowhere: no such file or directory"),
        ({"image": CLOSED}, "Sandbox.Failure", "its mode must be 1777"),
        ({"image": "localhost/unknown:1"}, "Sandbox.Failure", "has no image localhost/unknown:1"),
    ):
        result = await invoke(scene.environment(**options))
        assert (result.status, result.error_type) == (Status.FAILURE, kind)
        assert words in json.loads(result.payload)["errorMessage"]


async def test_nobody_reaches_the_runtime_api_of_another(scene: Scene) -> None:
    one, other = scene.environment(), scene.environment()
    await asyncio.gather(one.start(), other.start())
    ids = [said(await invoke(each))["user"] for each in (one, other)]
    assert ids[0] != ids[1]
    for each in (one, other):  # each has its own at the same address; there is no other address
        assert "127.0.0.1:9001" in str(said(await invoke(each))["environment"])
    addresses = said(await invoke(one, "read", what="/proc/net/tcp")).splitlines()
    assert [line.split()[1] for line in addresses if line.split()[3] == "0A"] == ["0100007F:2329"]


async def test_a_port_of_the_host_is_carried_inside(scene: Scene) -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with_it, without = scene.environment(host_ports=(port,)), scene.environment()
        await asyncio.gather(with_it.start(), without.start())
        assert said(await invoke(with_it, "dial", what=f"127.0.0.1:{port}")) == "hello"
        assert b"refused" in (await invoke(without, "dial", what=f"127.0.0.1:{port}")).payload


async def test_a_folder_of_the_host_outlives_the_environment(scene: Scene, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    environment = scene.environment(file_systems={"/mnt/shared": str(shared)})
    said(await invoke(environment, "write", what="/mnt/shared/x", code=4))
    assert (shared / "x").stat().st_size == 4


async def test_a_function_that_kills_all_it_can_gets_a_new_container(scene: Scene) -> None:
    environment = scene.environment(timeout_seconds=10.0)
    await environment.start()
    assert (await invoke(environment, "everybody")).error_type == "Runtime.ExitError"
    assert said(await invoke(environment))["calls"] == 1


async def test_a_container_that_somebody_removes_is_replaced(scene: Scene, engine: Podman) -> None:
    environment = scene.environment()
    await environment.start()
    await engine.clean()
    assert said(await invoke(environment))["calls"] == 1


async def test_a_tag_that_moves_changes_nothing(scene: Scene, engine: Podman, program: bytes) -> None:
    name = "localhost/moving:1"
    base = (folder("tmp/", 0o1777), folder("etc/"), file("bootstrap", program, 0o755))
    load = asyncio.to_thread
    await load(engine.load, name, tar(*base), Entrypoint=["/bootstrap", "old"])
    assert said(await invoke(scene.environment(name)))["arguments"][1] == "old"
    await load(engine.load, name, tar(*base), Entrypoint=["/bootstrap", "new"])
    assert said(await invoke(scene.environment(name)))["arguments"][1] == "old"


async def test_leftovers_of_a_daemon_that_is_gone_are_removed_and_others_stay(
    scene: Scene, engine: Podman, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("poller.execution.container.driver.daemon_id", lambda: "boot-1-2")
    gone = scene.environment()
    await gone.start()
    monkeypatch.undo()
    living = scene.environment()
    await living.start()
    assert len(await engine.containers()) == 2
    later = ContainerDriver(tmp_path, scene.facts.append, engine.url)
    await later.prepare([gone._spec])
    assert len(await engine.containers()) == 1
    await later.close()
    assert said(await invoke(living))["calls"] == 1


async def test_an_engine_that_is_started_anew_changes_nothing_for_what_runs(
    private_engine: Podman, tmp_path: Path
) -> None:
    engine = private_engine
    scene = Scene(tmp_path, engine.url)
    environment, later = scene.environment(), scene.environment()
    await environment.start()
    engine.stop()
    assert said(await invoke(environment))["calls"] == 1
    assert (await invoke(environment, "leave", code=4)).error_type == "Runtime.ExitError"  # and can be reset
    assert said(await invoke(environment))["calls"] == 1
    refused = await invoke(later)
    assert refused.error_type == "Sandbox.Failure"
    assert "there is no container engine" in str(refused.payload) or "cannot be reached" in str(refused.payload)
    engine.start()
    assert said(await invoke(later))["calls"] == 1
    await scene.close()
    assert await engine.containers() == []
    assert not [fact for fact in scene.facts if isinstance(fact, EngineFailedError) and fact.verb == "remove"]


async def test_an_environment_stops_though_the_engine_is_gone(private_engine: Podman, tmp_path: Path) -> None:
    engine = private_engine
    scene = Scene(tmp_path, engine.url)
    environment = scene.environment()
    await environment.start()
    pid = environment.pid
    assert pid is not None
    engine.stop()
    await scene.close()
    assert not Path(f"/proc/{pid}").exists()
    assert [fact.verb for fact in scene.facts if isinstance(fact, EngineFailedError)] == ["remove"]
    engine.start()
    assert await engine.containers() == []
