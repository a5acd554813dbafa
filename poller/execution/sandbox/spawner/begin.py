"""Starting a process, in a sandbox or not."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import resource
import signal
import time
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from poller.execution.sandbox.spawner import kernel
from poller.execution.sandbox.spawner.job import Job, Refused, Reply, held, started

SECONDS = 10.0
"""A process that has not become its program by then is killed."""
OUT_OF_THE_WAY = 128
"""Descriptors from here on are no goals of their own."""


class Start(Job):
    """A process on its way to its program."""

    def __init__(self, request: Mapping[str, Any], fds: list[int]) -> None:
        self.request = request
        self._deadline = time.monotonic() + SECONDS
        self._said = b""
        self.wake, tell = os.pipe()
        spawner = os.getpid()
        try:
            self._first = os.fork()
            if self._first == 0:
                begin(request, fds, tell, spawner)
        except OSError:
            os.close(self.wake)
            raise
        finally:
            os.close(tell)
        os.set_blocking(self.wake, False)

    def look(self) -> Reply | None:
        """The process, when it has become the program: the pipe ends with exec."""
        try:
            while piece := os.read(self.wake, 4096):
                self._said += piece
        except BlockingIOError:
            if time.monotonic() < self._deadline:
                return None
            self._kill()
            raise Refused(f"the process did not begin within {SECONDS:.0f} s") from None
        pid, refusal = told(self._said)
        if refusal:
            number, text, at = refusal
            raise Refused(text, number, at)
        if not pid:
            raise Refused("the starting process was killed")
        started.add(pid)
        return {"pid": pid}, []

    def close(self) -> None:
        """The pipe."""
        os.close(self.wake)

    def _kill(self) -> None:
        pid, _ = told(self._said)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid or self._first, signal.SIGKILL)


def told(said: bytes) -> tuple[int, list[Any]]:
    """The number of the process, 0 if it was not told, and why it cannot begin, [] if it can: a line each.

    They come from two processes, in either order: a child may have failed before its parent has told of it.
    """
    pid, refusal = 0, list[Any]()
    for line in said.splitlines():
        value = json.loads(line)
        pid, refusal = (pid, value) if isinstance(value, list) else (value, refusal)
    return pid, refusal


def begin(request: Mapping[str, Any], fds: list[int], tell: int, spawner: int) -> NoReturn:
    """In a new process: enter the sandbox and start the program from there; its number in our own namespace is told first."""
    at = ""
    try:
        holder = request["holder"]
        if request["cgroup"]:
            with open(os.path.join(request["cgroup"], "cgroup.procs"), "w", encoding="ascii") as file:
                file.write("0")
        with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
            file.write("500")  # should the host run out of memory, functions go first, not the daemon
        user = held[holder].user if holder else -1
        reset_signals()
        close_all_but({tell, user, *fds})
        if holder:
            kernel.prctl(kernel.PR_SET_DUMPABLE, 0)  # our memory is the daemon's business; exec brings a new one
            kernel.enter(kernel.opened(holder, tuple(kernel.NAMESPACES)))
            pid = os.fork()  # the process namespace is that of our children
            if pid:
                os.write(tell, b"%d\n" % pid)
                os._exit(0)
            if user >= 0:
                kernel.enter([("user", user)])
        else:
            os.write(tell, b"%d\n" % os.getpid())
            kernel.end_with_parent(spawner)
        prepare(request)
        at = request["folder"]
        os.chdir(at)
        at = ""
        become(request, fds)
    except OSError as error:
        os.write(tell, refused(error.errno or 0, error.strerror or str(error), at))
    except ValueError as error:  # what cannot be a path or a variable
        os.write(tell, refused(errno.EINVAL, str(error), at))
    finally:
        os._exit(127)


def refused(number: int, text: str, at: str) -> bytes:
    """The line of a process that cannot begin."""
    return json.dumps([number, text, at]).encode() + b"\n"


def close_all_but(kept: Iterable[int]) -> None:
    """Whatever there is beyond standard input, output and error."""
    low = 3
    for fd in sorted(fd for fd in kept if fd >= low):
        os.closerange(low, fd)
        low = fd + 1
    os.closerange(low, resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def prepare(request: Mapping[str, Any]) -> None:
    """Session, limits, user."""
    os.setsid()
    os.umask(0o022)
    for name, value in request["limits"].items():
        number = getattr(resource, name)
        hard = resource.getrlimit(number)[1]
        least = value if hard == resource.RLIM_INFINITY else min(value, hard)  # it may be lower for the daemon itself
        resource.setrlimit(number, (least, least))
    if request["holder"]:
        kernel.drop_capabilities()
    if request["user"] is not None:
        os.setgroups([])
        os.setresgid(*[request["user"]] * 3)
        os.setresuid(*[request["user"]] * 3)


def become(request: Mapping[str, Any], fds: list[int]) -> NoReturn:
    """Descriptors, the last locks, and the program."""
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, OUT_OF_THE_WAY) for fd in fds]
    for number, fd in zip(request["descriptors"], high, strict=True):
        os.dup2(fd, number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    if request["filter"]:
        kernel.filter_system_calls(bytes.fromhex(request["filter"]))
    os.execve(request["argv"][0], request["argv"], request["environment"])


def reset_signals() -> None:
    """A program expects defaults; what is ignored or blocked stays so across exec."""
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
