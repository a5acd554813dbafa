"""The program's loop: requests, jobs, ends."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import resource
import select
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from poller.execution.sandbox.spawner import kernel
from poller.execution.sandbox.spawner.begin import Start
from poller.execution.sandbox.spawner.clearing import Clearing
from poller.execution.sandbox.spawner.job import LARGEST, Job, Refused, Reply, held, receive, started
from poller.execution.sandbox.spawner.setup import Setup, tcp_socket

LOOK_MS = 1
"""Between two looks at jobs that cannot wake us."""
PATIENT_MS = 500
"""The same for those that can: only their deadline is looked at."""


def main() -> None:
    """Serve the daemon until it hangs up; then everything that was started ends with us."""
    control = socket.socket(fileno=int(sys.argv[1]))
    control.set_inheritable(
        False
    )  # nobody else has the daemon's end: it closes with the daemon, and there is time to end what was started
    kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # two descriptors a sandbox
    wake, waker = os.pipe()
    os.set_blocking(waker, False)
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # the daemon's business, also from a terminal
        signal.signal(number, signal.SIG_IGN)
    Service(control, wake).run()


class Service:
    """control: the daemon's. wake: readable when a child has ended."""

    def __init__(self, control: socket.socket, wake: int) -> None:
        self._control = control
        self._wake = wake
        self._jobs: list[Job] = []
        self._ends: dict[int, int] = {}  # heard of, and not told yet

    def run(self) -> NoReturn:
        """One turn a message, a job's progress, a child's end."""
        while True:
            poll = select.poll()
            jobs = [job.wake for job in self._jobs if job.wake >= 0]
            for fd in (self._control.fileno(), self._wake, *jobs, *(each.watch for each in held.values())):
                poll.register(fd, select.POLLIN)
            ready = dict(poll.poll(self._patience()))
            if self._control.fileno() in ready:
                self._take()
            if self._wake in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wake, 4096)
                self._bury()
            for job in self._jobs[:]:
                self._look(job)
            for holder in [holder for holder, each in held.items() if each.watch in ready]:
                self._end(holder)
            self._tell_ends()

    def _patience(self) -> float | None:
        if not self._jobs:
            return None
        return PATIENT_MS if all(job.wake >= 0 for job in self._jobs) else LOOK_MS

    def _take(self) -> None:
        """Meet one request, or begin to; descriptors that came along are ours to close."""
        message, fds = receive(self._control, LARGEST)
        if not message:
            end_all()
        request = json.loads(message)
        try:
            self._answer(request, lambda: self._begun(request, fds))
        finally:
            for fd in fds:
                os.close(fd)

    def _begun(self, request: Mapping[str, Any], fds: list[int]) -> Reply | None:
        match request["do"]:
            case "create":
                self._jobs.append(Setup(request))
            case "start":
                self._jobs.append(Start(request, fds))
            case "clear":
                self._jobs.append(Clearing(request))
            case "socket":
                return tcp_socket(request, fds)
            case "signal":
                send_signal(request["pid"], request["number"])
        return None

    def _look(self, job: Job) -> None:
        if self._answer(job.request, job.look):
            self._jobs.remove(job)
            job.close()

    def _answer(self, request: Mapping[str, Any], meet: Callable[[], Reply | None]) -> bool:
        """Reply with what ``meet`` returns, or its refusal. Returns whether there was anything to reply."""
        fds: list[int] = []
        try:
            reply = meet()
            if reply is None:
                return False
            said, fds = reply
        except Refused as error:
            said = {"error": str(error), "errno": error.number, "at": error.at}
        except OSError as error:
            said = {"error": error.strerror or str(error), "errno": error.errno or 0, "at": ""}
        except ValueError as error:  # a path that cannot be one
            said = {"error": str(error), "errno": errno.EINVAL, "at": ""}
        self._say({"id": request["id"], **said}, fds)
        for fd in fds:
            os.close(fd)
        return True

    def _end(self, holder: int) -> None:
        """Of a sandbox. Its bubblewrap need not notice: it is told that its children are no business of its."""
        ended = held.pop(holder)
        if ended.parent:
            os.kill(ended.parent, signal.SIGKILL)
        ended.close()
        self._say({"ended": holder, "status": -int(signal.SIGKILL)})

    def _bury(self) -> None:
        """Children that have ended. A bubblewrap that was killed takes its sandbox along."""
        parents = {each.parent: holder for holder, each in held.items()}
        with contextlib.suppress(ChildProcessError):
            while (buried := os.waitpid(-1, os.WNOHANG))[0]:
                pid, status = buried
                if pid in parents:
                    held[parents[pid]].kill()
                    held[parents[pid]] = held[parents[pid]]._replace(parent=0)
                else:
                    self._ends[pid] = os.waitstatus_to_exitcode(status)

    def _tell_ends(self) -> None:
        """After the looks: a process may end before it was seen that it had begun."""
        for pid in started & self._ends.keys():
            started.discard(pid)
            self._say({"ended": pid, "status": self._ends.pop(pid)})
        if self._ends and not any(isinstance(job, Start) for job in self._jobs):
            self._ends.clear()

    def _say(self, message: Mapping[str, Any], fds: list[int] | None = None) -> None:
        """A daemon that is gone need not know."""
        try:
            socket.send_fds(self._control, [json.dumps(message).encode()], fds or [])
        except OSError as error:
            if error.errno not in {errno.EPIPE, errno.ECONNRESET}:
                raise


def send_signal(pid: int, number: int) -> None:
    """To the process and its group. A holder takes its whole sandbox along."""
    if pid in held:
        signal.pidfd_send_signal(held[pid].watch, number)
    elif pid in started:
        try:
            os.killpg(pid, number)
        except ProcessLookupError:
            os.kill(pid, number)  # it has not become the leader of its group yet


def end_all() -> NoReturn:
    """The daemon is gone, however it went: nothing of it stays. What has left its parents has become a child of ours."""
    for each in held.values():
        with contextlib.suppress(OSError):
            each.kill()
    for pid in started:
        with contextlib.suppress(OSError):
            os.killpg(pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        while True:
            with open("/proc/thread-self/children", encoding="ascii") as file:
                children = file.read().split()
            for child in children:
                with contextlib.suppress(OSError):
                    os.kill(int(child), signal.SIGKILL)
            os.waitpid(-1, 0)
    os._exit(0)
