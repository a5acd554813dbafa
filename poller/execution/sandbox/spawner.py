"""A program: starts and ends the processes of all environments for the daemon. Standard library only.

Started once a daemon, as ``python -I -S spawner.py FD``; FD is a SOCK_SEQPACKET socket. A message is a JSON object, descriptors ride
along. It is a process of its own because it forks: a small single thread forks in a millisecond, may enter namespaces, and is the
parent whose end the kernel passes on to every environment.

A sandbox is held by a bubblewrap that has set everything up and waits, never to go on, in ``--block-fd``: it is process 1 of the
sandbox's process namespace. Processes enter beside it, so they may come and go (reset, extensions) while files stay, and nothing of
ours is needed inside. What entering takes the kernel gives to whoever owns the user namespace: no privileges.

Requests, ``id`` is repeated in the reply; a reply with ``error`` is a refusal, ``errno`` with it where the kernel refused:

* ``create`` (program, args: bubblewrap's, network: own or host): reply with ``pid``, the holder's, and, in a network of its own, a socket
  that listens at 127.0.0.1:9001 in it.
* ``start`` (holder or 0, argv, environment, folder, descriptors: numbers for those that came along, limits, cgroup, user or null): reply
  with ``pid``.
* ``connect`` (holder, port): reply with a socket connected to 127.0.0.1:port inside.
* ``clear`` (holder): ends all processes in a sandbox but its holder.
* ``signal`` (pid, number): to a process that was started, with its group; nothing if it has ended.

Unasked: ``{"ended": pid, "status": n}`` for processes and holders; n as waitpid tells it, negative for a signal.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import functools
import json
import os
import resource
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

PORT = 9001
LARGEST = 1 << 20
OUT_OF_THE_WAY = 128
"""Descriptors from here on are no goals of their own."""
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 36, 38
NAMESPACES = {
    "user": 0x10000000,
    "mnt": 0x20000,
    "net": 0x40000000,
    "ipc": 0x8000000,
    "uts": 0x4000000,
    "pid": 0x20000000,
}
LOOK_SECONDS = 0.0003
SETUP_SECONDS = 10.0
"""bubblewrap is given up on after so long; it takes 2 to 15 ms."""

libc = ctypes.CDLL(None, use_errno=True)
own: dict[str, int] = {}
"""Our own namespaces, by inode: those a holder shares with us are not entered."""


class Refused(Exception):
    """A request that cannot be met; the message is for the daemon."""

    def __init__(self, text: str, number: int = 0) -> None:
        super().__init__(text)
        self.number = number


class Setup:
    """A bubblewrap that is setting a sandbox up."""

    def __init__(self, request: Mapping[str, Any]) -> None:
        self.request = request
        self.since = time.monotonic()
        self.holder = 0
        self.said = b""
        words, say = os.pipe()
        os.write(say, b"".join(word.encode() + b"\0" for word in request["args"]))
        os.close(say)
        self.told, tell = os.pipe()
        self.errors, complain = os.pipe()
        block, self.block = os.pipe()  # our end is kept, and never written to: see the module
        self.parent = os.fork()
        if self.parent == 0:
            become_bubblewrap(request, words=words, tell=tell, block=block, complain=complain)
        for fd in (words, tell, complain, block):
            os.close(fd)
        os.set_blocking(self.told, False)

    def look(self) -> bool:
        """Whether the sandbox is ready. Raises Refused."""
        if not self.holder:
            self.holder = self._told()
        if self.holder and settled(self.holder):
            return True
        if self._over():
            with open(self.errors, "rb", closefd=False) as errors:
                text = errors.read().decode(errors="replace").strip()
            raise Refused(text or "bubblewrap ended without a word")
        if time.monotonic() - self.since > SETUP_SECONDS:
            os.kill(self.parent, signal.SIGKILL)
            raise Refused(f"bubblewrap did not set the sandbox up within {SETUP_SECONDS:.0f} s")
        return False

    def close(self) -> None:
        """The pipes; the holder stays as long as our end of the one it waits in."""
        os.close(self.told)
        os.close(self.errors)

    def _told(self) -> int:
        """The holder's process id; 0 before bubblewrap has said it, which it does in several writes."""
        with contextlib.suppress(BlockingIOError):
            self.said += os.read(self.told, 4096)
        try:
            return int(json.loads(self.said)["child-pid"])
        except ValueError:
            return 0

    def _over(self) -> bool:
        return os.waitid(os.P_PID, self.parent, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def main() -> None:
    """Serve the daemon until it hangs up; then everything that was started ends with us."""
    control = socket.socket(fileno=int(sys.argv[1]))
    control.set_inheritable(False)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1)
    own.update({name: os.stat(f"/proc/self/ns/{name}").st_ino for name in NAMESPACES})
    wake, waker = os.pipe()
    os.set_blocking(waker, False)
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(waker)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # the daemon's business, also from a terminal
        signal.signal(number, signal.SIG_IGN)
    serve(control, wake)


def serve(control: socket.socket, wake: int) -> None:
    """One turn a message, a setup's progress, a child's end."""
    setups: list[Setup] = []
    poll = select.poll()
    poll.register(control, select.POLLIN)
    poll.register(wake, select.POLLIN)
    while True:
        ready = dict(poll.poll(LOOK_SECONDS * 1000 if setups else None))
        if control.fileno() in ready:
            message, fds = receive(control, LARGEST)
            if not message:
                end_all()
            handle(control, json.loads(message), fds, setups)
        for setup in setups:
            answer(control, setup.request, functools.partial(finish, setup, setups))
        if wake in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(wake, 4096)
            reap(control)


def receive(peer: socket.socket, most: int) -> tuple[bytes, list[int]]:
    """A message with its descriptors; empty when the peer is gone. Nobody we start inherits them by accident."""
    try:
        message, fds, _, _ = socket.recv_fds(peer, most, 16)
    except ConnectionResetError:
        return b"", []
    for fd in fds:
        os.set_inheritable(fd, False)
    return message, list(fds)


def handle(control: socket.socket, request: dict[str, Any], fds: list[int], setups: list[Setup]) -> None:
    """Meet one request; descriptors that came along are ours to close."""
    meet = {"start": start, "connect": connect, "clear": clear, "signal": send_signal}
    try:
        if request["do"] == "create":
            setups.append(Setup(request))
        else:
            answer(control, request, lambda: meet[request["do"]](request, fds))
    finally:
        for fd in fds:
            os.close(fd)


Reply = tuple[dict[str, Any], list[int]] | None


def answer(control: socket.socket, request: Mapping[str, Any], meet: Callable[[], Reply]) -> None:
    """Reply with what ``meet`` returns, or its refusal; None: there is nothing to reply yet."""
    fds: list[int] = []
    try:
        reply = meet()
        if reply is None:
            return
        said, fds = reply
    except Refused as error:
        said = {"error": str(error), "errno": error.number}
    except OSError as error:
        said = {"error": error.strerror or str(error), "errno": error.errno or 0}
    socket.send_fds(control, [json.dumps({"id": request["id"], **said}).encode()], fds)
    for fd in fds:
        os.close(fd)


def finish(setup: Setup, setups: list[Setup]) -> Reply:
    """Hand out a sandbox that is ready."""
    try:
        if not setup.look():
            return None
    except Refused:
        setups.remove(setup)
        setup.close()
        os.close(setup.block)
        raise
    setups.remove(setup)
    setup.close()
    blocks[setup.holder] = (setup.parent, setup.block)
    fds = [] if setup.request["network"] == "host" else [inside(setup.holder, ("user", "net"), listening)]
    return {"pid": setup.holder}, fds


blocks: dict[int, tuple[int, int]] = {}
"""Holder -> bubblewrap that watches over it, and our end of the pipe it waits in."""


def become_bubblewrap(request: Mapping[str, Any], *, words: int, tell: int, block: int, complain: int) -> NoReturn:
    """In a new process: exec. Its arguments come through a pipe, so that nobody inside can read them off process 1."""
    try:
        reset_signals()
        for fd in (words, tell, block):
            os.set_inheritable(fd, True)
        os.dup2(complain, 2)
        os.dup2(os.open(os.devnull, os.O_RDWR), 0)
        os.dup2(0, 1)
        program = request["program"]
        argv = ["bwrap", "--args", str(words), "--info-fd", str(tell), "--block-fd", str(block), "--", "/none"]
        os.execve(program, argv, {})
    finally:
        os._exit(127)


def settled(holder: int) -> bool:
    """Whether bubblewrap has left the host's root and taken away what it built the new one with: all it has to do then is wait."""
    try:
        if os.path.samestat(os.stat(f"/proc/{holder}/root"), os.stat("/")):
            return False
        with open(f"/proc/{holder}/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
            points = [line.split(" ", 5)[4] for line in file]
    except OSError:
        return False
    # for a moment the root that it built the new one in lies on top of it: whoever enters then finds that one
    own_root = points.count("/") == 1
    return own_root and "/proc" in points and not any(point.startswith(("/newroot", "/oldroot")) for point in points)


def enter(holder: int, names: Sequence[str]) -> None:
    """Join namespaces of a sandbox; the user's first, it gives the right to the others."""
    fds = [(name, os.open(f"/proc/{holder}/ns/{name}", os.O_RDONLY)) for name in names]
    for name, fd in fds:
        if os.fstat(fd).st_ino != own[name] and libc.setns(fd, NAMESPACES[name]):
            number = ctypes.get_errno()
            raise OSError(number, f"the sandbox's {name} namespace cannot be entered: {os.strerror(number)}")
        os.close(fd)


def inside(holder: int, names: Sequence[str], work: Callable[[], int]) -> int:
    """Have a child enter namespaces, and make a descriptor there. Raises Refused."""
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        try:
            enter(holder, names)
            socket.send_fds(theirs, [b"ok"], [work()])
        except OSError as error:
            theirs.send(json.dumps([error.errno or 0, error.strerror or str(error)]).encode())
        finally:
            os._exit(0)
    theirs.close()
    with ours:
        said, fds = receive(ours, 4096)
    os.waitpid(pid, 0)
    if not fds:
        number, text = json.loads(said or b'[0, "the helper in the sandbox was killed"]')
        raise Refused(text, number)
    return fds[0]


def listening() -> int:
    """The socket of the environment's Runtime API."""
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(("127.0.0.1", PORT))
    server.listen(64)
    return server.detach()


def connect(request: Mapping[str, Any], _: list[int]) -> Reply:
    """A connection that begins inside the sandbox."""

    def connected() -> int:
        client = socket.create_connection(("127.0.0.1", request["port"]), timeout=1.0)
        return client.detach()

    return {}, [inside(request["holder"], ("user", "net"), connected)]


def start(request: Mapping[str, Any], fds: list[int]) -> Reply:
    """Start a process, in a sandbox or not. Returns when it has become the program, or cannot."""
    told, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(told)
        begin(request, fds, tell)
    os.close(tell)
    with open(told, "rb") as reading:
        said = reading.read()  # ends when the program has begun: the descriptor closes with exec
    if request["holder"]:
        os.waitpid(pid, 0)
    pid = 0
    for line in said.splitlines():
        value = json.loads(line)
        if isinstance(value, list):
            raise Refused(value[1], value[0])
        pid = value
    if not pid:
        raise Refused("the starting process was killed")
    started.add(pid)
    return {"pid": pid}, []


started: set[int] = set()


def begin(request: Mapping[str, Any], fds: list[int], tell: int) -> NoReturn:
    """In a new process: enter the sandbox and start the program from there; its number in our own namespace is told first."""
    try:
        if request["cgroup"]:
            with open(os.path.join(request["cgroup"], "cgroup.procs"), "w", encoding="ascii") as file:
                file.write("0")
        with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
            file.write("500")  # should the host run out of memory, functions go first, not the daemon
        if request["holder"]:
            enter(request["holder"], tuple(NAMESPACES))
            pid = os.fork()  # the process namespace is that of our children
            if pid:
                os.write(tell, b"%d\n" % pid)
                os._exit(0)
        else:
            os.write(tell, b"%d\n" % os.getpid())
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        become(request, fds)
    except OSError as error:
        os.write(tell, json.dumps([error.errno or 0, error.strerror or str(error)]).encode())
    finally:
        os._exit(127)


def become(request: Mapping[str, Any], fds: list[int]) -> NoReturn:
    """Limits, user, descriptors; then the program."""
    os.setsid()
    os.umask(0o022)
    reset_signals()
    for name, value in request["limits"].items():
        resource.setrlimit(getattr(resource, name), (value, value))
    os.chdir(request["folder"])
    if request["user"] is not None:
        os.setgroups([])
        os.setresgid(*[request["user"]] * 3)
        os.setresuid(*[request["user"]] * 3)
        if not request["holder"]:
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # forgotten when the user changes
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, OUT_OF_THE_WAY) for fd in fds]
    for number, fd in zip(request["descriptors"], high, strict=True):
        os.dup2(fd, number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.execve(request["argv"][0], request["argv"], request["environment"])


def reset_signals() -> None:
    """A program expects defaults; what is ignored or blocked stays so across exec."""
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def clear(request: Mapping[str, Any], _: list[int]) -> Reply:
    """SIGKILL to all in a sandbox but process 1. One look is enough: who is in the middle of a fork is killed with its child."""
    pid = os.fork()
    if pid == 0:
        try:
            enter(request["holder"], ("user", "pid"))
            killer = os.fork()  # the process namespace is that of our children
            if killer:
                os.waitpid(killer, 0)  # or it might hit whoever is started next
            else:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(-1, signal.SIGKILL)
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    return {}, []


def send_signal(request: Mapping[str, Any], _: list[int]) -> Reply:
    """To the process and its group. A holder takes its whole sandbox along."""
    pid = request["pid"]
    if pid in blocks:
        os.kill(pid, request["number"])
    elif pid in started:
        try:
            os.killpg(pid, request["number"])
        except ProcessLookupError:
            os.kill(pid, request["number"])  # it has not become the leader of its group yet
    return {}, []


def reap(control: socket.socket) -> None:
    """Tell the daemon who has ended."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        for holder, (parent, block) in list(blocks.items()):
            if parent == pid:
                os.close(block)
                del blocks[holder]
                pid = holder  # bubblewrap's own end is the sandbox's
                tell_end(control, pid, -9)
        if pid in started:
            started.discard(pid)
            tell_end(control, pid, os.waitstatus_to_exitcode(status))


def tell_end(control: socket.socket, pid: int, status: int) -> None:
    """A daemon that is gone need not know."""
    try:
        control.send(json.dumps({"ended": pid, "status": status}).encode())
    except OSError as error:
        if error.errno not in {errno.EPIPE, errno.ECONNRESET}:
            raise


def end_all() -> NoReturn:
    """The daemon is gone, however it went: nothing of it stays."""
    for holder in blocks:
        with contextlib.suppress(OSError):
            os.kill(holder, signal.SIGKILL)
    for pid in started:
        with contextlib.suppress(OSError):
            os.killpg(pid, signal.SIGKILL)
    os._exit(0)


if __name__ == "__main__":
    main()
