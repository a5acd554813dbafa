"""The daemon's side of the spawner: processes and sandboxes as objects, their ends as futures."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import resource
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from poller.execution.sandbox import procfs

PROGRAM = (
    "import sys; sys.path.append(sys.argv.pop(1)); from poller.execution.sandbox.spawner import service; service.main()"
)
ROOT = Path(__file__).parents[3]
LARGEST = 1 << 20
GONE = {"error": "the spawner ended", "errno": errno.ECONNRESET, "at": ""}
UNFIT = {errno.EMSGSIZE, errno.ETOOMANYREFS}
"""The fault of one message: too long, as an image's command may be; too many descriptors under way."""


class SpawnError(OSError):
    """A process or a sandbox could not be started; errno and strerror are the kernel's where it was the kernel.

    folder: the working directory, if it is that which cannot be had; else "".
    """

    folder = ""


class SpawnerLost(SpawnError):
    """The spawner ended meanwhile, and with it all that it had started. The next start brings a new one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A program to start. argv[0]: a path, as seen from inside. environment: all of it. folder: to start in.

    descriptors: number inside -> ours, kept open by the caller; 0 is always empty. limits: RLIMIT_... -> value. user: number to become,
    None: stay. cgroup: folder of the group to join, "" for none. filter: of system calls, for seccomp; b"" for none.
    """

    argv: Sequence[str]
    environment: Mapping[str, str]
    folder: str
    descriptors: Mapping[int, int]
    limits: Mapping[str, int] = field(default_factory=dict)
    user: int | None = None
    cgroup: str = ""
    filter: bytes = b""


class Process:
    """A process that was started. ended: its return code, negative for a signal."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    @property
    def running(self) -> bool:
        """Whether it has not ended, as far as was heard."""
        return not self.ended.done()


class Spawner:
    """Starts processes; started itself with the first of them. Should it end, all processes end with it; the next start starts it anew."""

    def __init__(self) -> None:
        self._control: socket.socket | None = None
        self._program: subprocess.Popen[bytes] | None = None
        self._burials: list[asyncio.Future[None]] = []
        self._replies: dict[int, asyncio.Future[tuple[dict[str, Any], list[int]]]] = {}
        self._living: dict[int, Process] = {}
        self._unsent: deque[tuple[int, bytes, Sequence[int]]] = deque()
        self._last_id = 0

    async def create(
        self, program: str, arguments: Sequence[str], *, own_network: bool, files: int
    ) -> tuple[Process, socket.socket | None]:
        """Set up a sandbox. Returns its holder, and a socket listening at 127.0.0.1:9001 inside. Raises SpawnError.

        files: most in its /tmp.
        """
        network = "own" if own_network else "host"
        self._open()
        assert self._program is not None  # noqa: S101  # it was opened
        said, fds = await self._ask(
            "create",
            program=program,
            name=_bubblewraps(self._program.pid).decode().rstrip("\0"),
            args=list(arguments),
            network=network,
            files=files,
        )
        return said["process"], socket.socket(fileno=fds[0]) if fds else None

    async def start(self, command: Command, holder: Process | None = None) -> Process:
        """Start a program, in a sandbox or not. Returns once it has begun; raises SpawnError when it cannot."""
        said, _ = await self._ask(
            "start",
            list(command.descriptors.values()),
            holder=holder.pid if holder else 0,
            argv=list(command.argv),
            environment=dict(command.environment),
            folder=command.folder,
            descriptors=list(command.descriptors),
            limits=dict(command.limits),
            cgroup=command.cgroup,
            user=command.user,
            filter=command.filter.hex(),
        )
        process: Process = said["process"]
        return process

    async def connect(self, holder: Process, port: int) -> socket.socket:
        """A connection to 127.0.0.1:port made inside a sandbox; does not block. Raises OSError."""
        _, fds = await self._ask("socket", holder=holder.pid)
        client = socket.socket(fileno=fds[0])
        client.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", port))
        except BaseException:
            client.close()
            raise
        return client

    async def clear(self, holder: Process) -> None:
        """Kill all processes in a sandbox; it stays."""
        if holder.running:
            try:
                await self._ask("clear", holder=holder.pid)
            except SpawnError as error:
                if error.errno != errno.ESRCH:  # it has just ended, and all with it
                    raise

    def signal(self, process: Process, number: signal.Signals) -> None:
        """Send a signal to a process and its group, or to a whole sandbox by its holder; nothing if it has ended."""
        if process.running and self._control is not None:
            self._send({"id": 0, "do": "signal", "pid": process.pid, "number": int(number)}, ())

    async def close(self) -> None:
        """Hang up: what still runs is killed."""
        self._hang_up()
        burials, self._burials = self._burials, []
        await asyncio.gather(*burials)

    async def _ask(self, do: str, fds: Sequence[int] = (), **more: Any) -> tuple[dict[str, Any], list[int]]:
        self._open()
        self._last_id += 1
        reply = self._replies[self._last_id] = asyncio.get_running_loop().create_future()
        kept = [os.dup(fd) for fd in fds]  # the caller may close its own before the message has left
        self._send({"id": self._last_id, "do": do, **more}, kept)
        said, received = await reply
        if "error" in said:
            kind = SpawnerLost if said is GONE else SpawnError
            error = kind(said["errno"], said["error"])
            error.folder = said["at"]
            raise error
        return said, received

    def _open(self) -> None:
        if self._control is not None:
            return
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for end in (ours, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, LARGEST)
        ours.setblocking(False)
        _raise_descriptors()
        command = [os.path.realpath(sys.executable), "-I", "-S", "-c", PROGRAM, str(ROOT), str(theirs.fileno())]
        with theirs:
            self._program = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, env={})
        self._control = ours
        asyncio.get_running_loop().add_reader(ours, self._readable)

    def _send(self, message: Mapping[str, Any], fds: Sequence[int]) -> None:
        first = not self._unsent
        self._unsent.append((message["id"], json.dumps(message).encode(), fds))
        if first:
            self._writable()

    def _writable(self) -> None:
        """Send what waits, until the spawner is behind; then go on when it has caught up."""
        if self._control is None:
            return
        loop = asyncio.get_running_loop()
        while self._unsent:
            number, message, fds = self._unsent[0]
            try:
                socket.send_fds(self._control, [message], fds)
            except BlockingIOError:
                loop.add_writer(self._control, self._writable)
                return
            except OSError as error:
                if error.errno not in UNFIT:
                    self._hang_up()
                    return
                self._received({"id": number, "error": error.strerror, "errno": error.errno, "at": ""}, [])
            self._unsent.popleft()
            for fd in fds:
                os.close(fd)
        loop.remove_writer(self._control)

    def _readable(self) -> None:
        while self._control is not None:
            try:
                message, fds, _, _ = socket.recv_fds(self._control, LARGEST, 16)
            except BlockingIOError:
                return
            except OSError:
                message, fds = b"", []
            if not message:
                self._hang_up()
                return
            for fd in fds:
                os.set_inheritable(fd, False)
            self._received(json.loads(message), list(fds))

    def _received(self, said: dict[str, Any], fds: list[int]) -> None:
        if "ended" in said:
            if process := self._living.pop(said["ended"], None):
                process.ended.set_result(said["status"])
            return
        reply = self._replies.pop(said["id"], None)
        if reply is None or reply.done():
            self._unwanted(said, fds)
        else:
            if "pid" in said:  # known from now on: its end may be the next message
                said["process"] = self._living[said["pid"]] = Process(said["pid"])
            reply.set_result((said, fds))

    def _unwanted(self, said: Mapping[str, Any], fds: Sequence[int]) -> None:
        """What was asked for by somebody who is gone ends at once."""
        for fd in fds:
            os.close(fd)
        if "pid" in said:
            self._send({"id": 0, "do": "signal", "pid": said["pid"], "number": int(signal.SIGKILL)}, ())

    def _hang_up(self) -> None:
        """The spawner is gone, or shall go; with it everything it has started."""
        if self._control is None:
            return
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._control)
        loop.remove_writer(self._control)
        self._control.close()
        self._control = None
        if self._program is not None:
            self._burials.append(loop.run_in_executor(None, _bury, self._program))
        for _, _, fds in self._unsent:
            for fd in fds:
                os.close(fd)
        self._unsent.clear()
        replies, self._replies = self._replies, {}
        for reply in replies.values():
            if not reply.done():
                reply.set_result((GONE, []))
        living, self._living = self._living, {}
        for process in living.values():
            process.ended.set_result(-int(signal.SIGKILL))


def _bury(spawner: subprocess.Popen[bytes]) -> None:
    """Wait for its end, and see to what it could not: a bubblewrap killed with it, when it had hardly begun, leaves a child that waits."""
    spawner.wait()
    procfs.kill_marked(_bubblewraps(spawner.pid), "cmdline")


def _bubblewraps(spawner: int) -> bytes:
    """How those of a spawner begin their command lines, which everybody may read."""
    return b"bwrap for spawner %d\0" % spawner


def _raise_descriptors() -> None:
    """As many descriptors as we may have: each environment takes a few. Functions have a limit of their own.

    Nor could we else send any while a function of our own user keeps that many under way in its sockets (unix(7), ETOOMANYREFS).
    """
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
