"""What is left of environments after any kind of end: of theirs, of the spawner's, of the daemon's."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from poller.execution.sandbox.box import Box
from poller.execution.sandbox.bubblewrap import Layout
from poller.execution.sandbox.isolation import Bubblewrap, Demand, Isolation
from poller.execution.sandbox.processes import Command, SpawnError
from tests.integration.break_out.scene import (
    EGRESS,
    KINDS,
    NONE,
    SHARED,
    TRIED,
    Scene,
    ask,
    attempt,
    missing,
    processes,
)

DAEMON = """
import asyncio, sys
from pathlib import Path
from tests.integration.break_out.scene import Scene, attempt
async def main():
    scene = Scene(sys.argv[1], Path(sys.argv[2]))
    environments = [await scene.environment("attacker", environment={"OF": sys.argv[2]}) for _ in range(2)]
    await attempt(environments[0], "stay", name=sys.argv[2])
    print("ready", flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""


def spawner(scene: Scene) -> psutil.Process:
    program = scene.driver._spawner._program
    assert program is not None
    return psutil.Process(program.pid)


def below(process: psutil.Process) -> set[int]:
    return {child.pid for child in process.children(recursive=True)}


def living(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != "zombie"
    except psutil.NoSuchProcess:
        return False


async def gone(pids: set[int], seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while any(map(living, pids)):
            await asyncio.sleep(0.01)


async def test_a_spawner_that_is_killed_takes_all_along_and_another_takes_over(scene: Scene) -> None:
    """Pasta, which gives a network its way out, too."""
    first, second = await scene.environment("attacker"), await scene.environment("victim")
    waiting = asyncio.create_task(ask(second, "wait", seconds=30))
    await asyncio.sleep(0.2)
    if scene.sandboxed:  # else nobody knows of it any more
        await ask(first, "stay", name="left")
    former, everything = spawner(scene), below(spawner(scene))
    former.kill()
    assert (await waiting).error_type == "Runtime.ExitError"
    await gone(everything)
    assert (await attempt(first, "about"))["session"]
    assert await attempt(second, "wait", seconds=0) == "the victim's own answer"
    assert spawner(scene).pid != former.pid


@pytest.mark.parametrize("milliseconds", [0, 2, 4, 8, 16])
async def test_a_spawner_killed_during_a_start(scene: Scene, milliseconds: int) -> None:
    """The start is made once more; whatever bubblewrap was at is given up."""
    await scene.environment("victim")
    former = spawner(scene)
    starting = asyncio.create_task(scene.environment("attacker"))
    await asyncio.sleep(milliseconds / 1000)
    everything = below(former)
    former.kill()
    assert (await attempt(await starting, "about"))["session"]
    mark = b"bwrap for spawner %d\0" % former.pid
    await gone(everything | set(processes(lambda path: mark in (path / "cmdline").read_bytes())))


async def test_a_sandbox_whose_holder_is_killed_is_replaced(scene: Scene) -> None:
    if not scene.sandboxed:
        pytest.skip("there is none")
    environment, other = await scene.environment("attacker"), await scene.environment("victim")
    box = environment._parts.site.box
    assert box is not None
    os.kill(box._holder.pid, signal.SIGKILL)  # type: ignore[attr-defined]  # a part of its own
    async with asyncio.timeout(10):
        while not box.gone():
            await asyncio.sleep(0.01)
    assert (await attempt(environment, "about"))["session"]
    assert await attempt(other, "wait", seconds=0) == "the victim's own answer"


@pytest.mark.parametrize("kind", TRIED)
def test_nothing_is_left_of_a_daemon_that_is_killed(kind: str, tmp_path: Path) -> None:
    """After a second; without a sandbox neither, be it in a session of its own and without a variable that tells where it came from."""
    if reason := missing(kind):
        pytest.skip(reason)
    (tmp_path / "state").mkdir()
    mark = str(tmp_path).encode()

    def left() -> list[int]:
        ours = processes(lambda path: mark in (path / "environ").read_bytes() + (path / "cmdline").read_bytes())
        return list(filter(living, ours))

    daemon = subprocess.Popen([sys.executable, "-c", DAEMON, kind, str(tmp_path)], stdout=subprocess.PIPE)
    assert daemon.stdout is not None
    with daemon.stdout:
        assert daemon.stdout.readline() == b"ready\n"
        everything = below(psutil.Process(daemon.pid))
        daemon.kill()
        daemon.wait()
    asyncio.run(gone(everything, 1.0))
    assert left() == []


async def boxes(isolation: Isolation, count: int, network: str = "none") -> list[Box]:
    def demand(number: int) -> Demand:
        return Demand(
            name=f"box-{number}",
            layout=Layout(root=None, mounts={}, temporary_bytes=1024 * 1024),
            memory_mb=128,
            network=network,
        )

    def mark() -> bytes:
        return b"AWS_LAMBDA_RUNTIME_API=nobody's\0"

    return await asyncio.gather(*(isolation.box(demand(number), mark) for number in range(count)))


async def test_sandboxes_come_and_go_without_a_trace(tmp_path: Path) -> None:
    """Two hundred, fifty of them at once: no process, descriptor, mount, user or folder is left, here or in the spawner."""
    if reason := missing(SHARED):
        pytest.skip(reason)
    scene = Scene(SHARED, tmp_path)
    isolation = scene.driver.isolation
    assert isinstance(isolation, Bubblewrap)

    async def round_trip() -> tuple[int, int, int, int, int]:
        for box in (made := await boxes(isolation, 50)):
            await box.start(Command(argv=["/bin/sleep", "600"], environment={}, folder="/", descriptors={}))
            assert box.listener is not None
        await asyncio.gather(*(box.close() for box in made))
        for box in made:
            assert box.listener is not None
            box.listener.close()
        process = spawner(scene)
        async with asyncio.timeout(10):
            while below(process):  # bubblewraps, unburied
                await asyncio.sleep(0.01)
        mounts = Path("/proc/self/mounts").read_text().count(str(tmp_path))
        folders = len(list((tmp_path / "state/sandbox").iterdir()))
        return process.num_fds(), len(below(process)), psutil.Process().num_fds(), mounts, folders

    await round_trip()
    first = await round_trip()
    assert first[1] == 0
    for _ in range(3):
        assert await round_trip() == first
    assert isolation._users == set()
    await scene.close()


async def test_a_program_that_cannot_be_started_leaves_nothing(scene: Scene) -> None:
    (box,) = await boxes(scene.driver.isolation, 1, "none" if scene.sandboxed else "shared")
    command = Command(argv=["/bin/true"], environment={}, folder="/", descriptors={})
    await (await box.start(command)).ended
    process = spawner(scene)
    before = process.num_fds()
    for argv, folder in ((["/no/such"], "/"), (["/bin/true"], "/no/such"), (["/bin/true\0"], "/")):
        with pytest.raises(SpawnError) as caught:
            await box.start(replace(command, argv=argv, folder=folder))
        assert caught.value.folder == ("" if folder == "/" else folder)
    assert await (await box.start(command)).ended == 0
    async with asyncio.timeout(10):
        while process.num_fds() > before:
            await asyncio.sleep(0.01)
    await box.close()
    if box.listener is not None:
        box.listener.close()


async def test_a_command_that_is_too_long_fails_alone(scene: Scene) -> None:
    environment = await scene.environment("attacker")
    box = environment._parts.site.box
    assert box is not None
    with pytest.raises(SpawnError, match="too long"):
        await box.start(Command(argv=["/bin/true", "x" * 3_000_000], environment={}, folder="/", descriptors={}))
    assert (await attempt(environment, "about"))["session"]


async def test_a_sandbox_that_cannot_be_made_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    if reason := missing(SHARED):
        pytest.skip(reason)
    scene = Scene(SHARED, tmp_path)
    isolation = scene.driver.isolation
    assert isinstance(isolation, Bubblewrap)
    layout = Layout(root=None, mounts={"/var/task": "/no/such"}, temporary_bytes=1024 * 1024)
    demand = Demand(name="x", layout=layout, memory_mb=128, network="none")
    for _ in range(3):
        with pytest.raises(SpawnError, match="/no/such: No such file"):
            await isolation.box(demand, lambda: b"nobody's")
    assert isolation._users == set()
    async with asyncio.timeout(10):
        while below(spawner(scene)):
            await asyncio.sleep(0.01)
    await scene.close()


def test_kinds_are_those_of_this_user() -> None:
    assert (EGRESS in KINDS) is (os.geteuid() != 0)
    assert NONE in KINDS
