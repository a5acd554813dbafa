"""The program for containers, run as it is: by this machine's kernel, and as the other machine's by an emulator."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from poller.execution.container import agent as agents
from poller.execution.container.agent import Agent, Gone
from poller.execution.container.machine import CALLS, PLACE, PROGRAM, SHOWN, SIZE, program

BUSYBOX = "/usr/bin/busybox"
EMULATORS = {"x86_64": "qemu-x86_64-static", "aarch64": "qemu-aarch64-static"}


class Inside:
    """One program in a bubblewrap with a network of its own; further ones are its children."""

    def __init__(self, folder: Path, machine: str) -> None:
        self._door = folder / "door"
        self._door.mkdir()
        (self._door / "agent").write_bytes(program(machine))
        (self._door / "agent").chmod(0o755)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.setblocking(False)
        self._listener.bind(str(self._door / "daemon"))
        self._listener.listen()
        emulator = [] if machine == os.uname().machine else [shutil.which(EMULATORS[machine]) or ""]
        self.process = subprocess.Popen(
            [
                *("bwrap", "--die-with-parent", "--unshare-net", "--unshare-pid"),
                *("--ro-bind", "/usr", "/usr", "--symlink", "usr/lib64", "/lib64"),
                *("--dev", "/dev", "--proc", "/proc", "--symlink", "usr/lib", "/lib", "--symlink", "usr/bin", "/bin"),
                *("--bind", str(self._door), PLACE, "--", *emulator, PROGRAM),
            ],
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        self.agents: list[Agent] = []

    async def called(self) -> Agent:
        connection, _ = await asyncio.get_running_loop().sock_accept(self._listener)
        agent = Agent(connection)
        await agent.greet()
        self.agents.append(agent)
        return agent

    async def child(self, parent: Agent) -> tuple[int, Agent]:
        pid = await parent.call("clone", signal.SIGCHLD)
        return pid, await self.called()

    async def close(self) -> None:
        for agent in self.agents:
            agent.close()
        self._listener.close()
        await asyncio.to_thread(self.process.wait, 10)


@pytest.fixture(params=sorted(CALLS))
async def inside(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Inside]:
    machine = request.param
    needed = ["bwrap", "busybox", *([] if machine == os.uname().machine else [EMULATORS[machine]])]
    if missing := [tool for tool in needed if not shutil.which(tool)]:
        pytest.skip(f"not installed: {', '.join(missing)}")
    monkeypatch.setattr(agents, "CALLS", {os.uname().machine: CALLS[machine]})
    made = Inside(tmp_path, machine)
    yield made
    await made.close()


async def test_it_listens_and_connects_in_its_own_network(inside: Inside) -> None:
    agent = await inside.called()
    with await agent.listen(9001) as listener:
        assert listener.getsockname() == ("127.0.0.1", 9001)
        with await agent.connect(9001) as client, listener.accept()[0] as server:
            server.send(b"hello")
            client.setblocking(True)
            assert client.recv(5) == b"hello"
        with pytest.raises(OSError, match="Address already in use"):
            await agent.listen(9001)
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", 9001), timeout=1):
        pass  # nobody listens there outside


async def test_a_child_becomes_a_program_with_our_descriptors_and_its_end_is_told(inside: Inside) -> None:
    agent = await inside.called()
    pid, child = await inside.child(agent)
    reading, writing = os.pipe()
    try:
        await child.put([(1, writing), (2, writing), (62, writing)])
        os.close(writing)
        script = "echo one; echo two >&2; echo $WORD >/proc/self/fd/62; exit 7"
        await child.become([BUSYBOX, "sh", "-c", script], ["WORD=three"])
        output = b""
        while piece := await asyncio.to_thread(os.read, reading, 4096):
            output += piece
        assert output == b"one\ntwo\nthree\n"
    finally:
        os.close(reading)
    assert child.gone.done()
    assert await agent.ended(pid) == 7
    assert await agent.ended(pid) is None


async def test_what_the_kernel_refuses_is_its_errno_and_the_child_ends_with_us(inside: Inside) -> None:
    agent = await inside.called()
    pid, child = await inside.child(agent)
    with pytest.raises(FileNotFoundError):
        await child.become(["/nope"], [])
    with pytest.raises(FileNotFoundError):
        await child.enter("/nowhere")
    with pytest.raises(PermissionError):
        await child.become(["/usr"], [])
    with pytest.raises(OSError, match="Argument list too long"):
        await child.become([BUSYBOX, "x" * SIZE], [])
    child.close()
    while (code := await agent.ended(pid)) is None:
        await asyncio.sleep(0)
    assert code == 0


async def test_it_lists_files(inside: Inside) -> None:
    agent = await inside.called()
    names = await agent.files("/usr/bin")
    assert names == sorted(path.name for path in Path("/usr/bin").iterdir() if path.is_symlink() or not path.is_dir())
    assert await agent.files("/nowhere") == await agent.files(BUSYBOX) == []
    assert await agent.may(os.F_OK, BUSYBOX)
    assert not await agent.may(os.F_OK, "/nowhere")


async def test_a_caller_that_goes_away_confuses_nobody(inside: Inside) -> None:
    agent = await inside.called()
    task = asyncio.create_task(agent.listen(9001))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    agent.post("getpid")
    assert await agent.greet() == await agent.call("getpid")


async def test_who_is_killed_is_gone(inside: Inside) -> None:
    agent = await inside.called()
    pid, child = await inside.child(agent)
    agent.post("kill", pid, signal.SIGKILL)
    await child.gone
    with pytest.raises(Gone):
        await child.call("getpid")
    inside.process.kill()
    await agent.gone
    with pytest.raises(Gone):
        await agent.files("/usr")


async def test_somebody_who_only_pretends_is_left_alone() -> None:
    """A function may call at the socket, too: what it says must not hurt the daemon."""
    for said in (b"", b"x", b"x" * SHOWN, b"\xff" * SHOWN):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        agent = Agent(ours)
        call = asyncio.create_task(agent.greet())
        await asyncio.sleep(0)
        descriptors = [os.dup(0)]
        socket.send_fds(theirs, [said], descriptors) if said else theirs.close()
        os.close(descriptors[0])
        theirs.close()
        await asyncio.wait({call})
        agent.close()
        assert call.exception() is not None or call.result() == number(said)


def number(said: bytes) -> int:
    return int.from_bytes(said[:8], "little", signed=True)
