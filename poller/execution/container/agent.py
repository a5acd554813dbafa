"""The daemon's side of the program in a container (machine.py): what it is told, and what comes back.

Calls are answered in their order, so a caller that is cancelled leaves no confusion. None of them may block inside, but for taking
descriptors, which are on their way then. Whatever the function does to it, no more comes of it than a connection that ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import socket
import struct
from collections import deque
from collections.abc import Iterable, Sequence

from poller.execution.container.machine import CALLS, MEMORY, SHOWN, SIZE

HEAD = 7 * 8
SECONDS = 5.0
"""For one call; it takes microseconds unless somebody has stopped the container."""
HERE = -100
"""AT_FDCWD."""
ABOVE = 512
"""Descriptors that are moved go here first, out of the way of the numbers they are meant for."""
CONTROL = 16
"""Bytes before the descriptors in a control message (struct cmsghdr)."""

Answer = tuple[int, bytes, list[int]]


class Gone(OSError):
    """The program inside does not answer any more."""


class Data:
    """Bytes that go along with a call, and their addresses there."""

    def __init__(self) -> None:
        self.content = bytearray()

    def put(self, content: bytes) -> int:
        """Returns the address; a multiple of eight."""
        self.content.extend(bytes(-len(self.content) % 8))
        address = MEMORY + HEAD + len(self.content)
        self.content.extend(content)
        return address

    def text(self, value: str) -> int:
        """A string with its end."""
        return self.put(os.fsencode(value) + b"\0")

    def texts(self, values: Iterable[str]) -> int:
        """An array of strings with its end."""
        addresses = [self.text(value) for value in values]
        return self.put(struct.pack(f"<{len(addresses) + 1}Q", *addresses, 0))


class Agent:
    """One process that runs the program, by its connection. gone: done when it has hung up."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self.pid = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
        """As seen from here; 0 where it cannot be seen."""
        self._connection = connection
        self._calls = CALLS[os.uname().machine]
        self._waiting: deque[asyncio.Future[Answer]] = deque()
        self._handed: list[int] = []
        self._own = -1  # number of the connection's descriptor inside
        loop = asyncio.get_running_loop()
        self.gone: asyncio.Future[None] = loop.create_future()
        loop.add_reader(connection.fileno(), self._readable)

    def close(self) -> None:
        """Hang up. Idempotent."""
        if not self.gone.done():
            asyncio.get_running_loop().remove_reader(self._connection.fileno())
            self._connection.close()
            self.gone.set_result(None)
            for fd in self._handed:
                os.close(fd)
            for answer in self._waiting:
                if not answer.done():
                    answer.set_exception(Gone(errno.ECONNRESET, "the container is gone"))
                    answer.exception()  # it may be that nobody asks any more

    async def call(self, name: str, *arguments: int, data: Data | None = None) -> int:
        """One system call; the result, never negative. Raises OSError with its errno, and Gone."""
        return (await self._call(name, arguments, data))[0]

    def post(self, name: str, *arguments: int) -> None:
        """A call whose result nobody wants."""
        if not self.gone.done():
            self._send(name, arguments, None)

    async def listen(self, port: int) -> socket.socket:
        """A socket that listens on 127.0.0.1 inside. Raises OSError."""
        fd = await self._socket()
        try:
            one = Data()
            await self.call("setsockopt", fd, socket.SOL_SOCKET, socket.SO_REUSEADDR, one.put(b"\1\0\0\0"), 4, data=one)
            await self._at("bind", fd, port)
            await self.call("listen", fd, 64)
            return socket.socket(fileno=await self._take(fd))
        finally:
            self.post("close", fd)

    async def connect(self, port: int) -> socket.socket:
        """A connection to 127.0.0.1:port inside; does not block. Raises OSError."""
        fd = await self._socket()
        try:
            with contextlib.suppress(BlockingIOError):  # under way: whoever uses it waits until it can be written to
                await self._at("connect", fd, port)
            return socket.socket(fileno=await self._take(fd))
        finally:
            self.post("close", fd)

    async def files(self, folder: str) -> list[str]:
        """Names in a folder that are no folders; [] where there is none. Raises OSError."""
        data = Data()
        names: list[str] = []
        try:
            fd = await self.call("openat", HERE, data.text(folder), os.O_NONBLOCK | os.O_CLOEXEC, data=data)
            try:
                while True:
                    got, memory, _ = await self._call("getdents64", (fd, MEMORY + HEAD, SHOWN - HEAD), None)
                    if not got:
                        break
                    names += _entries(memory[HEAD : HEAD + got])
            finally:
                self.post("close", fd)
        except (FileNotFoundError, NotADirectoryError):
            pass
        return sorted(names)

    async def may(self, access: int, path: str) -> bool:
        """Whether its user may do that with a file. access: os.F_OK, W_OK. Raises Gone."""
        data = Data()
        try:
            await self.call("faccessat", HERE, data.text(path), access, data=data)
        except Gone:
            raise
        except OSError:
            return False
        return True

    async def handle(self, number: signal.Signals, *, ignored: bool) -> None:
        """Have a signal ignored, or treated as by default. Raises OSError."""
        data = Data()
        action = data.put(struct.pack("<4Q", 1 if ignored else 0, 0, 0, 0))  # struct sigaction
        await self.call("rt_sigaction", number, action, 0, 8, data=data)

    async def enter(self, folder: str) -> None:
        """Change its working directory. Raises OSError."""
        data = Data()
        await self.call("chdir", data.text(folder), data=data)

    async def ended(self, pid: int) -> int | None:
        """Return code of a child that has ended, negative for a signal; None: it is no child. pid: as seen inside. Raises Gone."""
        try:
            _, memory, _ = await self._call("wait4", (pid, MEMORY + HEAD, os.WNOHANG, 0), None)
        except ChildProcessError:
            return None
        return os.waitstatus_to_exitcode(struct.unpack_from("<i", memory, HEAD)[0])

    async def put(self, descriptors: Sequence[tuple[int, int]]) -> None:
        """Give it descriptors: (number inside, ours). Raises OSError."""
        if not descriptors:
            return
        data = Data()
        room = 8 * ((CONTROL + 4 * len(descriptors) + 7) // 8)
        control = data.put(bytes(room))
        vector = data.put(struct.pack("<2Q", data.put(bytes(1)), 1))
        header = data.put(struct.pack("<QIxxxxQQQQI4x", 0, 0, vector, 1, control, room, 0))
        answer = self._send("recvmsg", (self._own, header, 0), data)
        socket.send_fds(self._connection, [b"x"], [ours for _, ours in descriptors])
        _, memory, _ = await self._answer(answer)
        at = control - MEMORY + CONTROL
        received = struct.unpack_from(f"<{len(descriptors)}i", memory, at)
        moved = [await self.call("fcntl", fd, 1030, ABOVE) for fd in received]  # F_DUPFD_CLOEXEC
        for fd in received:
            await self.call("close", fd)
        for (number, _), fd in zip(descriptors, moved, strict=True):
            await self.call("dup3", fd, number, 0)

    async def become(self, argv: Sequence[str], environment: Iterable[str]) -> None:
        """Have it become a program. Raises OSError when the kernel refuses."""
        data = Data()
        path, words, variables = data.text(argv[0]), data.texts(argv), data.texts(environment)
        try:
            await self.call("execve", path, words, variables, data=data)
        except Gone:
            if not self.gone.done():
                raise
            # its connection has ended with what it was

    async def greet(self) -> int:
        """Ask for its process id as seen inside; its connection's number is learned by the way. Raises Gone."""
        pid, memory, _ = await self._call("getpid", (), None)
        self._own = struct.unpack_from("<q", memory, 8)[0]
        return pid

    async def _socket(self) -> int:
        return await self.call(
            "socket", socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, 0
        )

    async def _at(self, name: str, fd: int, port: int) -> None:
        data = Data()
        address = struct.pack("<H", socket.AF_INET) + struct.pack(">H4B8x", port, 127, 0, 0, 1)
        await self.call(name, fd, data.put(address), len(address), data=data)

    async def _take(self, fd: int) -> int:
        """Have a descriptor handed out; ours for it."""
        data = Data()
        control = data.put(struct.pack("<QIIi4x", CONTROL + 4, socket.SOL_SOCKET, socket.SCM_RIGHTS, fd))
        vector = data.put(struct.pack("<2Q", data.put(b"x"), 1))
        header = data.put(struct.pack("<QIxxxxQQQQI4x", 0, 0, vector, 1, control, 24, 0))
        _, _, fds = await self._call("sendmsg", (self._own, header, 0), data)
        if len(fds) != 1:
            for each in fds:
                os.close(each)
            raise Gone(errno.EPROTO, "the container gave no descriptor")
        return fds[0]

    async def _call(self, name: str, arguments: Sequence[int], data: Data | None) -> Answer:
        if self.gone.done():
            raise Gone(errno.ECONNRESET, "the container is gone")
        return await self._answer(self._send(name, arguments, data))

    async def _answer(self, answer: asyncio.Future[Answer]) -> Answer:
        try:
            async with asyncio.timeout(SECONDS):
                result, memory, fds = await answer
        except TimeoutError as error:
            raise Gone(errno.ETIMEDOUT, f"the container does not answer within {SECONDS:g} s") from error
        if result < 0:
            raise OSError(-result, os.strerror(-result))
        return result, memory, fds

    def _send(self, name: str, arguments: Sequence[int], data: Data | None) -> asyncio.Future[Answer]:
        content = bytes(data.content) if data else b""
        numbers = [self._calls[name], *arguments, *[0] * (6 - len(arguments))]
        message = struct.pack("<7q", *numbers) + content
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        if len(message) > SIZE:
            answer.set_result((-errno.E2BIG, b"", []))
            return answer
        try:
            self._connection.send(message)
        except OSError as error:
            number = errno.E2BIG if error.errno == errno.EMSGSIZE else error.errno
            answer.set_result((-(number or errno.EIO), b"", []))
        else:
            self._waiting.append(answer)
        return answer

    def _readable(self) -> None:
        while not self.gone.done():
            try:
                message, fds, _, _ = socket.recv_fds(self._connection, SHOWN, 4)
            except BlockingIOError:
                return
            except OSError:
                message, fds = b"", []
            self._handed += fds
            if not message or (len(message) == SHOWN and not self._waiting):
                self.close()
            elif len(message) == SHOWN:
                fds, self._handed = self._handed, []
                answer = self._waiting.popleft()
                if answer.done():
                    for fd in fds:
                        os.close(fd)
                else:
                    answer.set_result((struct.unpack_from("<q", message)[0], message, fds))


def _entries(content: bytes) -> list[str]:
    """Names of what is no folder among struct linux_dirent64."""
    names, at = [], 0
    while at + 19 <= len(content):
        length, kind = struct.unpack_from("<HB", content, at + 16)
        name = os.fsdecode(content[at + 19 : at + length].partition(b"\0")[0])
        if kind != 4 and name not in {".", ".."}:  # noqa: PLR2004  # DT_DIR
            names.append(name)
        at += max(length, 19)
    return names
