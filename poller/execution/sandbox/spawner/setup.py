"""Making a sandbox: bubblewrap, watched until all it has to do is wait; then what it cannot do itself."""

from __future__ import annotations

import functools
import json
import os
import signal
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from poller.execution.sandbox.spawner import kernel
from poller.execution.sandbox.spawner.begin import reset_signals
from poller.execution.sandbox.spawner.job import Held, Job, Refused, Reply, held, receive

PORT = 9001
SECONDS = 10.0
"""bubblewrap is given up on after so long; it takes 2 to 15 ms."""


class Setup(Job):
    """A bubblewrap that is setting a sandbox up."""

    wake = -1

    def __init__(self, request: Mapping[str, Any]) -> None:
        self.request = request
        self._deadline = time.monotonic() + SECONDS
        self._holder = 0
        self._text = b""
        words = os.memfd_create("arguments")  # not a pipe: they may be more than one takes
        with open(words, "wb", closefd=False) as file:
            file.write(b"".join(os.fsencode(word) + b"\0" for word in request["args"]))
        os.lseek(words, 0, os.SEEK_SET)
        self._told, tell = os.pipe()
        self._errors, complain = os.pipe()
        spawner = os.getpid()
        block, self._block = os.pipe()  # our end is kept, and never written to: see the package
        try:
            self._parent = os.fork()
            if self._parent == 0:
                become_bubblewrap(request, spawner, words=words, tell=tell, block=block, complain=complain)
        except OSError:
            for fd in (self._told, self._errors, self._block):
                os.close(fd)
            raise
        finally:
            for fd in (words, tell, complain, block):
                os.close(fd)
        os.set_blocking(self._told, False)
        os.set_blocking(self._errors, False)

    def look(self) -> Reply | None:
        """The holder and maybe a socket, when the sandbox is ready."""
        if not self._holder:
            self._holder = self._told_holder()
        if self._holder and settled(self._holder):
            return self._ready()
        if self._over() or (self._holder and not os.path.exists(f"/proc/{self._holder}")):
            raise Refused(self._complaint() or "bubblewrap ended without a word")
        if time.monotonic() > self._deadline:
            raise Refused(f"bubblewrap did not set the sandbox up within {SECONDS:.0f} s")
        return None

    def close(self) -> None:
        """The pipes; of a sandbox that was not to be, its bubblewrap too. The holder stays as long as our end of the one it waits in."""
        os.close(self._told)
        os.close(self._errors)
        if self._holder not in held:
            os.close(self._block)
            if not self._over():
                os.kill(self._parent, signal.SIGKILL)

    def _ready(self) -> Reply:
        separate = os.stat(f"/proc/{self._holder}/ns/user").st_ino != kernel.own["user"]
        own_network = self.request["network"] == "own"
        made = inside(
            self._holder,
            ("user", "net", "mnt") if own_network else ("user", "mnt"),
            functools.partial(furnish, files=self.request["files"], own_network=own_network, separate=separate),
        )
        user = made.pop() if separate else -1
        held[self._holder] = Held(self._parent, self._block, os.pidfd_open(self._holder), user)
        return {"pid": self._holder}, made

    def _told_holder(self) -> int:
        """It is said in pieces."""
        try:
            self._text += os.read(self._told, 4096)
            return int(json.loads(self._text)["child-pid"])
        except (BlockingIOError, ValueError):
            return 0

    def _complaint(self) -> str:
        try:
            return os.read(self._errors, 4096).decode(errors="replace").strip()
        except BlockingIOError:
            return ""

    def _over(self) -> bool:
        try:
            return os.waitid(os.P_PID, self._parent, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:  # buried already
            return True


def become_bubblewrap(
    request: Mapping[str, Any], spawner: int, *, words: int, tell: int, block: int, complain: int
) -> NoReturn:
    """In a new process: exec. Its arguments do not stand in its command line, so that nobody inside can read them off process 1."""
    try:
        kernel.end_with_parent(spawner)
        reset_signals()
        # the holder adopts orphans and never waits for any: the kernel buries them
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        for fd in (words, tell, block):
            os.set_inheritable(fd, True)
        os.dup2(complain, 2)
        os.dup2(os.open(os.devnull, os.O_RDWR), 0)
        os.dup2(0, 1)
        argv = [request["name"], "--args", str(words), "--info-fd", str(tell), "--block-fd", str(block), "--", "/none"]
        os.execve(request["program"], argv, {})
    finally:
        os._exit(127)


def settled(holder: int) -> bool:
    """Whether bubblewrap has left the host's root and taken away what it built the new one with: all it has to do then is wait.

    Mounts are listed as seen from the root that the holder had when the list was opened. Where it has changed roots meanwhile, the one
    it built in seems to be all there is (since 0.11 with a /proc), though it may still lie on top of the new one.
    """
    try:
        root = os.stat(f"/proc/{holder}/root")
        if os.path.samestat(root, os.stat("/")):
            return False
        with open(f"/proc/{holder}/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
            points = [line.split(" ", 5)[4] for line in file]
        if not os.path.samestat(root, os.stat(f"/proc/{holder}/root")):
            return False
    except OSError:
        return False
    # for a moment the root that it built the new one in lies on top of it: whoever enters then finds that one
    own_root = points.count("/") == 1
    return own_root and "/proc" in points and not any(point.startswith(("/newroot", "/oldroot")) for point in points)


def furnish(process: int, *, files: int, own_network: bool, separate: bool) -> list[int]:
    """In the sandbox: what bubblewrap cannot do. Returns the listening socket, if any, and the user namespace of its processes, if any.

    An empty file takes no bytes of a tmpfs, but kernel memory: their number is limited too. The namespace: the function's processes are
    apart from the holder, which has the same user but no limits, filter or control group, and which they could take over by its memory.
    """
    kernel.remount_tmpfs("/tmp", f"nr_inodes={files}")  # noqa: S108  # the sandbox's
    made = [listening()] if own_network else []
    if separate:
        user, group = os.getuid(), os.getgid()
        kernel.new_user_namespace()
        for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
            fd = os.open(name, os.O_WRONLY, dir_fd=process)
            os.write(
                fd, text.encode()
            )  # no file objects: their codecs would be imported, from a root that has no Python
            os.close(fd)
        made.append(os.open("ns/user", os.O_RDONLY, dir_fd=process))
    return made


def listening() -> int:
    """The socket of the environment's Runtime API."""
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(("127.0.0.1", PORT))
    server.listen(64)
    return server.detach()


def inside(holder: int, names: Sequence[str], work: Callable[[int], list[int]]) -> list[int]:
    """Have a child enter namespaces, and make descriptors there. work: is given the child's folder in our own /proc. Raises Refused.

    The child is waited for: it is in no process namespace of the sandbox's, so nobody there can stop it.
    """
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        try:
            process = os.open("/proc/self", os.O_RDONLY | os.O_DIRECTORY)
            kernel.enter(kernel.opened(holder, names))
            socket.send_fds(theirs, [b"ok"], work(process))
        except OSError as error:
            theirs.send(json.dumps([error.errno or 0, error.strerror or str(error)]).encode())
        finally:
            os._exit(0)
    theirs.close()
    with ours:
        said, fds = receive(ours, 4096)
    os.waitpid(pid, 0)
    if said != b"ok":
        number, text = json.loads(said or b'[0, "the helper in the sandbox was killed"]')
        raise Refused(text, number)
    return fds


def tcp_socket(request: Mapping[str, Any], _: list[int]) -> Reply:
    """A socket of the sandbox's network. Who listens there may be slow to answer, so the daemon connects it, and waits."""
    return {}, inside(request["holder"], ("user", "net"), lambda _: [socket.socket().detach()])
