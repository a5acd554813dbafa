"""Where the processes of one environment live: in a sandbox, or merely beside each other."""

from __future__ import annotations

import asyncio
import itertools
import signal
import socket
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from poller.execution import procfs
from poller.execution.sandbox.cgroup import Group
from poller.execution.sandbox.processes import Command, Process, Spawner


class Box(Protocol):
    """The place of one environment's processes.

    listener: a socket that listens inside, for the daemon to serve; None: the daemon listens on a port of its own, and asks
    ``admits`` who calls.
    """

    listener: socket.socket | None

    async def start(self, command: Command) -> Process:
        """Start a program in it. Raises SpawnError."""
        ...

    def signal(self, process: Process, number: signal.Signals) -> None:
        """To a process that was started here, with its group."""
        ...

    async def clear(self) -> None:
        """Kill every process; files stay, and others can be started."""
        ...

    async def close(self) -> None:
        """Kill every process and remove the place. Idempotent."""
        ...

    async def dial(self, port: int) -> socket.socket:
        """A connection to 127.0.0.1:port as seen inside. Raises OSError."""
        ...

    def admits(self, server_port: int, client_port: int) -> bool:
        """Whether whoever connects from that local port is one of these processes."""
        ...

    def memory(self) -> int:
        """Resident bytes of all processes together."""
        ...

    def out_of_memory(self) -> bool:
        """Whether the kernel has killed here because the limit was passed."""
        ...


class Sandbox(Box):
    """A bubblewrap's. The holder is process 1 in it; when it ends, all end."""

    def __init__(
        self,
        spawner: Spawner,
        holder: Process,
        listener: socket.socket | None,
        *,
        user: int | None,
        group: Group | None,
        network: Process | None,
        gone: Callable[[], None],
    ) -> None:
        self.listener = listener
        self._spawner = spawner
        self._holder = holder
        self._user = user
        self._group = group
        self._network = network
        self._gone = gone
        self._processes: set[Process] = set()
        self._closed = False

    async def start(self, command: Command) -> Process:
        """Beside the holder, as the sandbox's user, in its control group."""
        cgroup = str(self._group.folder) if self._group else ""
        process = await self._spawner.start(replace(command, user=self._user, cgroup=cgroup), self._holder)
        self._processes.add(process)
        process.ended.add_done_callback(lambda _: self._processes.discard(process))
        return process

    def signal(self, process: Process, number: signal.Signals) -> None:
        """To the process and its group."""
        self._spawner.signal(process, number)

    async def clear(self) -> None:
        """Everything but the holder."""
        await self._spawner.clear(self._holder)
        if self._processes:
            await asyncio.wait({process.ended for process in self._processes})

    async def close(self) -> None:
        """The kernel ends all with the holder, and unmounts what only they saw."""
        if self._closed:
            return
        self._closed = True
        if self._network is not None:
            self._spawner.signal(self._network, signal.SIGKILL)
        self._spawner.signal(self._holder, signal.SIGKILL)
        await asyncio.wait({process.ended for process in (self._holder, *self._processes)})
        if self._group:
            self._group.remove()
        self._gone()

    async def dial(self, port: int) -> socket.socket:
        """Made in the sandbox's network."""
        return await self._spawner.connect(self._holder, port)

    def admits(self, server_port: int, client_port: int) -> bool:
        """In a network of its own nobody else can connect; in the host's the connection must belong to one of ours."""
        if self.listener is not None:
            return True
        # a quick program connects before the spawner has told its process id: then it is known by where it lives
        ours = itertools.chain(self._members(), procfs.neighbours(self._holder.pid))
        return procfs.owns_connection(ours, server_port, client_port)

    def memory(self) -> int:
        """Of all in the sandbox, orphans included: those become the holder's children."""
        return sum(procfs.memory(pid) for pid in self._members())

    def out_of_memory(self) -> bool:
        """Told by the control group."""
        return self._group is not None and self._group.out_of_memory()

    def _members(self) -> list[int]:
        return [self._holder.pid, *(process.pid for process in self._processes)]


class Beside(Box):
    """No sandbox: processes of the daemon's user on the host.

    mark: a variable that all of them have in their environment, by which those that have left their parents are found again.
    """

    listener = None

    def __init__(self, spawner: Spawner, mark: Callable[[], bytes]) -> None:
        self._spawner = spawner
        self._mark = mark
        self._processes: set[Process] = set()

    async def start(self, command: Command) -> Process:
        """As a child of the spawner."""
        process = await self._spawner.start(command)
        self._processes.add(process)
        process.ended.add_done_callback(lambda _: self._processes.discard(process))
        return process

    def signal(self, process: Process, number: signal.Signals) -> None:
        """To the process and its group."""
        self._spawner.signal(process, number)

    async def clear(self) -> None:
        """Those that were started, then the stragglers they have left."""
        for process in self._processes:
            self._spawner.signal(process, signal.SIGKILL)
        if self._processes:
            await asyncio.wait({process.ended for process in self._processes})
        procfs.kill_marked(self._mark())

    async def close(self) -> None:
        """Nothing else is there to remove."""
        await self.clear()

    async def dial(self, port: int) -> socket.socket:
        """On the host's loopback."""
        client = socket.socket()
        client.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", port))
        except BaseException:
            client.close()
            raise
        return client

    def admits(self, server_port: int, client_port: int) -> bool:
        """By descent, or by the mark."""
        ours = itertools.chain((process.pid for process in self._processes), procfs.marked(self._mark()))
        return procfs.owns_connection(ours, server_port, client_port)

    def memory(self) -> int:
        """Of what still descends from the processes that were started."""
        return sum(procfs.memory(process.pid) for process in self._processes)

    def out_of_memory(self) -> bool:
        """Nobody tells."""
        return False
