"""Where the processes of one environment live: in a sandbox, or merely beside each other."""

from __future__ import annotations

import asyncio
import errno
import itertools
import signal
import socket
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Protocol

from poller.execution.sandbox import egress, procfs
from poller.execution.sandbox.cgroup import Group
from poller.execution.sandbox.processes import Command, Process, Spawner, SpawnerLost


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
        """Bytes that all processes together use now."""
        ...

    def gone(self) -> bool:
        """Whether it has ended by itself: the next box is a new one."""
        ...

    def out_of_memory(self) -> bool:
        """Whether the kernel has killed here for want of memory since this was last asked."""
        ...


def _memory(pids: Iterable[int], limit: int) -> int:
    """Of processes and their descendants. What they share (forks do) is looked into only when it decides about the limit."""
    pids = list(pids)
    resident = sum(map(procfs.memory, pids))
    return resident if resident <= limit else sum(map(procfs.own_memory, pids))


class Sandbox(Box):
    """A bubblewrap's. The holder is process 1 in it; when it ends, all end.

    user: of its processes, None: the holder's. limit: bytes of memory. system_calls: filter. closed: called at the end.
    """

    def __init__(
        self,
        spawner: Spawner,
        holder: Process,
        listener: socket.socket | None,
        *,
        user: int | None,
        group: Group | None,
        limit: int,
        system_calls: bytes,
        closed: Callable[[], None],
    ) -> None:
        self.listener = listener
        self._spawner = spawner
        self._holder = holder
        self._user = user
        self._group = group
        self._filter = system_calls
        self._limit = limit
        self._network: Process | None = None
        self._when_closed = closed
        self._processes: set[Process] = set()
        self._closed = False

    async def start(self, command: Command) -> Process:
        """Beside the holder, as the sandbox's user, in its control group."""
        cgroup = str(self._group.folder) if self._group else ""
        command = replace(command, user=self._user, cgroup=cgroup, filter=self._filter)
        process = await self._spawner.start(command, self._holder)
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
        ours = [self._holder, *self._processes] + ([self._network] if self._network else [])
        for process in (self._holder, self._network):
            if process is not None:
                self._spawner.signal(process, signal.SIGKILL)
        await asyncio.wait({process.ended for process in ours})
        if self._group:
            self._group.remove()
        self._when_closed()

    async def connect_network(self, ports: tuple[int, ...]) -> None:
        """Give its network a way out. Raises SpawnerLost when the sandbox is gone meanwhile, else OSError."""
        try:
            self._network = await self._spawner.start(egress.command(self._holder.pid, ports))
            await egress.up(self._holder.pid, self._network)
        except OSError as error:
            if self.gone() or error.errno in {
                errno.ENOENT,
                errno.ESRCH,
                errno.EINVAL,
            }:  # of /proc: there is no such process
                raise SpawnerLost(errno.ECONNRESET, "the sandbox ended while its network was connected") from error
            raise

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
        """Of all in the sandbox, orphans included: those become the holder's children. The control group knows better."""
        counted = self._group.memory() if self._group else None
        return _memory(self._members(), self._limit) if counted is None else counted

    def gone(self) -> bool:
        """Its holder was killed, or the spawner with it."""
        return not self._holder.running

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

    def __init__(self, spawner: Spawner, mark: Callable[[], bytes], limit: int) -> None:
        self._spawner = spawner
        self._limit = limit
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
        return _memory((process.pid for process in self._processes), self._limit)

    def gone(self) -> bool:
        """There is nothing that could."""
        return False

    def out_of_memory(self) -> bool:
        """Nobody tells."""
        return False
