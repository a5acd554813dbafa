"""An environment's container: made by the engine, held by our agent, which also starts what runs in it.

The agent is process 1, and closes the container when the daemon hangs up. Its child starts programs and knows how they ended, as their
parent; process 1 ignores what it inherits. All share the container's network, /tmp, control group, and what the engine has taken away.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import shutil
import signal
import socket
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from poller.execution.container.agent import Agent, Gone
from poller.execution.container.machine import PROGRAM, program
from poller.execution.container.relay import Relay
from poller.execution.runtimes.contract import InvalidEntrypoint
from poller.execution.sandbox import procfs
from poller.execution.sandbox.box import Box
from poller.execution.sandbox.bubblewrap import TEMPORARY
from poller.execution.sandbox.processes import Command, Process, SpawnError

PORT = 9001
"""Of the Runtime API inside, as in every environment."""
SECONDS = 10.0
"""From a container's start, or a process's, to the call from within."""
DISABLE_EXTENSIONS = "/opt/disable-extensions-jwigqn8j"
KILLED = -int(signal.SIGKILL)


class InvalidWorkingDirectory(InvalidEntrypoint):
    """The folder to start in is not there."""

    error_type = "Runtime.InvalidWorkingDir"


class Door:
    """The folder that is mounted into a container: our program, and the socket it calls at."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        inside = folder / Path(PROGRAM).name
        inside.write_bytes(program(os.uname().machine))
        inside.chmod(0o755)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.setblocking(False)
        at = os.open(folder, os.O_PATH)
        try:
            self._listener.bind(f"/proc/self/fd/{at}/daemon")  # however long the folder's name is
        finally:
            os.close(at)
        (folder / "daemon").chmod(0o666)  # the function's user is nobody here; who can reach it is in the container
        self._listener.listen(16)

    async def called(self, pid: int) -> Agent:
        """The agent that is process ``pid`` inside; whoever else calls is sent away. Raises SpawnError."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(SECONDS):
                while True:
                    connection, _ = await loop.sock_accept(self._listener)
                    agent = Agent(connection)
                    with contextlib.suppress(OSError):
                        if await agent.greet() == pid:
                            return agent
                    agent.close()
        except TimeoutError as error:
            raise SpawnError(0, f"nobody called from the container within {SECONDS:g} s") from error

    def close(self) -> None:
        """Nobody can call any more."""
        self._listener.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Container(Box):
    """One container."""

    def __init__(self, door: Door, first: Agent) -> None:
        self.listener: socket.socket | None = None
        self.closing = contextlib.AsyncExitStack()
        """What is to be done when all in it has ended: have it removed, for one."""
        self._door = door
        self._first = first
        self._starter = first
        self._processes: dict[Process, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._kills = 0
        self._starting = asyncio.Lock()
        self._relay = Relay()
        self._closed = False

    @classmethod
    async def open(cls, door: Door, ports: tuple[int, ...]) -> Container:
        """Of a container that was started with the door mounted. ports: of the host, to be reached inside. Raises SpawnError."""
        first = await door.called(1)
        if first.pid == 0:
            first.close()
            raise SpawnError(0, "the container's processes cannot be seen from here: the engine must be on this host")
        box = cls(door, first)
        try:
            await box._set_up(ports)
        except BaseException:
            await box.close()
            if box.listener is not None:
                box.listener.close()
            raise
        return box

    def gone(self) -> bool:
        """The container, or what starts processes in it, has ended by itself."""
        return self._first.gone.done() or self._starter.gone.done()

    async def start(self, command: Command) -> Process:
        """As a child of the starter. Raises SpawnError and InvalidWorkingDirectory."""
        try:
            async with self._starting:
                inside, agent = await self._cloned(self._starter)
            process = Process(agent.pid)
            self._processes[process] = inside
            self._later(self._watch(process, inside), f"process {agent.pid}")
            try:
                await _become(agent, command)
            except BaseException:
                agent.close()  # the process ends with its connection
                raise
        except OSError as error:
            raise SpawnError(error.errno or 0, error.strerror or str(error)) from error
        return process

    def signal(self, process: Process, number: signal.Signals) -> None:
        """To the process and its group, of which it is the leader."""
        inside = self._processes.get(process)
        if inside is not None:
            self._starter.post("kill", -inside, number)

    async def clear(self) -> None:
        """Everything but the agents."""
        with contextlib.suppress(OSError):  # there may be nobody to kill
            await self._starter.call("kill", -1, signal.SIGKILL)
        await self._all_ended()

    async def close(self) -> None:
        """Process 1 ends without us, and the kernel ends all with it; the engine removes what is left."""
        if self._closed:
            return
        self._closed = True
        self._starter.close()
        self._first.close()
        await self._relay.close()
        await self._all_ended()
        await self.closing.aclose()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def dial(self, port: int) -> socket.socket:
        """Made inside."""
        return await self._starter.connect(port)

    def admits(self, server_port: int, client_port: int) -> bool:  # noqa: ARG002  # nobody else can reach the socket
        """Whoever reaches the socket is in the container's network."""
        return True

    def memory(self) -> int:
        """All that descends from process 1."""
        return procfs.memory(self._first.pid)

    def out_of_memory(self) -> bool:
        """Told by the container's group (version 1 or 2)."""
        before, self._kills = self._kills, self._killed_for_memory()
        return self._kills > before

    def _killed_for_memory(self) -> int:
        """How often the kernel has killed in the container's group, as far as it can be read."""
        with contextlib.suppress(OSError, ValueError):
            for line in Path(f"/proc/{self._first.pid}/cgroup").read_text().splitlines():
                _, controllers, path = line.split(":", 2)
                for name in (f"/sys/fs/cgroup{path}/memory.events", f"/sys/fs/cgroup/memory{path}/memory.oom_control"):
                    if controllers in {"", "memory"} and Path(name).exists():
                        counts = dict(each.split() for each in Path(name).read_text().splitlines())
                        return int(counts.get("oom_kill", 0))
        return self._kills

    async def extensions(self) -> dict[str, str]:
        """External extensions of the image: name -> path (Lambda DG, Lambda Extensions API). Raises SpawnError."""
        try:
            if await self._starter.may(os.F_OK, DISABLE_EXTENSIONS):
                return {}
            return {name: f"/opt/extensions/{name}" for name in await self._starter.files("/opt/extensions")}
        except OSError as error:
            raise SpawnError(error.errno or 0, f"/opt/extensions cannot be read: {error.strerror}") from error

    async def _set_up(self, ports: tuple[int, ...]) -> None:
        try:
            await self._first.handle(signal.SIGCHLD, ignored=True)
            _, self._starter = await self._cloned(self._first)
            await self._starter.handle(signal.SIGCHLD, ignored=False)
            self.listener = await self._starter.listen(PORT)
            await self._relay.open(self._starter, ports)
            writable = await self._starter.may(os.W_OK, TEMPORARY)
        except OSError as error:
            raise SpawnError(error.errno or 0, f"the container cannot be used: {error.strerror}") from error
        if not writable:  # the new one has the mode of the image's own: engines see to that
            raise SpawnError(
                errno.EACCES, "the image has a /tmp that not everybody may write to; its mode must be 1777"
            )
        self._later(self._gone(), "container")

    async def _cloned(self, parent: Agent) -> tuple[int, Agent]:
        """A child of an agent, running the same program: its number inside, and itself. Raises OSError."""
        inside = await parent.call("clone", signal.SIGCHLD)
        return inside, await self._door.called(inside)

    async def _watch(self, process: Process, inside: int) -> None:
        """Until it has ended; its parent knows how, unless it is gone, too."""
        code = None
        try:
            await _over(process.pid)
            code = await self._starter.ended(inside)
        except OSError:  # both are gone
            pass
        finally:
            del self._processes[process]
            process.ended.set_result(KILLED if code is None else code)

    async def _gone(self) -> None:
        """A container that ended by itself, or has lost its starter, takes all in it along."""
        await asyncio.wait({self._first.gone, self._starter.gone}, return_when=asyncio.FIRST_COMPLETED)
        self._starter.close()
        self._first.close()

    async def _all_ended(self) -> None:
        ends = {process.ended for process in self._processes}
        if ends:
            await asyncio.wait(ends, timeout=SECONDS)

    def _later(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _become(agent: Agent, command: Command) -> None:
    """Raises OSError, and InvalidWorkingDirectory."""
    await agent.call("setsid")
    await agent.call("umask", 0o022)
    try:
        await agent.enter(command.folder)
    except Gone:
        raise
    except OSError as error:
        raise InvalidWorkingDirectory(f"chdir {command.folder}: {(error.strerror or '').lower()}") from error
    await agent.put(list(command.descriptors.items()))
    await agent.become(command.argv, [f"{name}={value}" for name, value in command.environment.items()])


async def _over(pid: int) -> None:
    """Return when a process has ended; its number stays its own until its parent has asked. Raises OSError."""
    loop = asyncio.get_running_loop()
    fd = os.pidfd_open(pid)
    try:
        ended: asyncio.Future[None] = loop.create_future()
        loop.add_reader(fd, lambda: None if ended.done() else ended.set_result(None))
        await ended
    finally:
        loop.remove_reader(fd)
        os.close(fd)
