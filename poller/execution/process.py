"""The process driver: an environment is a child process with its own Runtime API, log pipe and folder for temporary files.

What holds here:

1. Whatever a handler does, ``invoke`` returns a result. After a timeout or a crash no process of the environment is left.
2. A reset environment starts its process anew inside the next invocation, on that invocation's time; its temporary files stay.
3. There is no sandbox in this version: processes run as the daemon's user and see its files. What keeps environments apart is
   the check of who connects to a Runtime API, and that nothing of the daemon's variables, packages or descriptors is passed on.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import shutil
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from poller.execution import failures, procfs
from poller.execution.contract import Driver, Environment, FunctionSpec, Invocation, Result, Status
from poller.execution.logs import Capture, init_report
from poller.execution.package import temporary_folder
from poller.execution.runtime_api import MAX_ANSWER, Answer, RuntimeApi
from poller.execution.runtimes import catalogue
from poller.execution.runtimes.contract import InvalidEntrypoint, Launch, Places, RuntimeUnavailable
from poller.execution.states import State
from poller.execution.variables import variables
from poller.observe.events import Emit, EnvironmentStarted

INIT_SECONDS = 10.0
"""Lambda DG, lifecycle of an execution environment."""
NOT_READY = frozenset({State.STARTED, State.INIT_ERROR})
WATCH_SECONDS = 0.2
"""Between two looks at the memory of busy environments."""
LAUNCHER = Path(__file__).with_name("launcher.py")
INTERPRETER = os.path.realpath(sys.executable)
"""The interpreter itself, not the virtual environment's link to it, which would bring the daemon's packages."""


class ProcessDriver(Driver):
    """Environments as child processes. state: folder for runtimes and temporary files."""

    def __init__(self, state: Path, emit: Emit) -> None:
        self._state = state
        self._emit = emit
        self._busy: set[ProcessEnvironment] = set()
        self._watch: asyncio.Task[None] | None = None

    def problems(self, spec: FunctionSpec) -> list[str]:
        """Which runtime is missing, or needs what is not here."""
        try:
            runtime = catalogue.find(spec.runtime, self._state)
        except RuntimeUnavailable as error:
            return [str(error)]
        if runtime.root is not None:
            build = f"`pollerd runtimes install {spec.runtime}` without --root"
            return [
                f"the runtime {spec.runtime} has a root file system of its own, and there is no sandbox for it; {build} needs none"
            ]
        return []

    def environment(self, spec: FunctionSpec) -> Environment:
        """A new environment, not yet started."""
        return ProcessEnvironment(spec, self._state, self._emit, self._busy_now)

    async def close(self) -> None:
        """Watch memory no longer."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)

    def _busy_now(self, environment: ProcessEnvironment, busy: bool) -> None:
        (self._busy.add if busy else self._busy.discard)(environment)
        if self._watch is None or self._watch.done():
            self._watch = asyncio.get_running_loop().create_task(self._watch_memory(), name="memory watch")

    async def _watch_memory(self) -> None:
        """Look at busy environments until there are none; one task for all of them."""
        while self._busy:
            await asyncio.sleep(WATCH_SECONDS)
            for environment in list(self._busy):
                environment.check_memory()


class ProcessEnvironment(Environment):
    """One environment; see the module."""

    def __init__(
        self, spec: FunctionSpec, state: Path, emit: Emit, busy: Callable[[ProcessEnvironment, bool], None]
    ) -> None:
        self._spec = spec
        self._state = state
        self._emit = emit
        self._set_busy = busy
        self._id = uuid.uuid4().hex
        self._stream = f"{time.strftime('%Y/%m/%d', time.gmtime())}/[{spec.version}]{self._id}"
        self._api = RuntimeApi(self._admits)
        self._capture = Capture(spec.name, self._stream, emit)
        self._temporary: Path | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._exit: asyncio.Task[int] | None = None
        self._init_ms: float | None = None
        self._peak = 0
        self._peak_read = -math.inf
        self._killed = False
        self._stopped = False
        self._refused: InvalidEntrypoint | None = None

    @property
    def id(self) -> str:
        """Hex part of the log stream's name."""
        return self._id

    @property
    def alive(self) -> bool:
        """Until it is stopped: a reset environment starts again."""
        return not self._stopped

    @property
    def pid(self) -> int | None:
        """Of the first process, while it runs and nobody has killed it."""
        return None if self._exited or self._killed or self._process is None else self._process.pid

    @property
    def _exited(self) -> bool:
        return self._exit is None or self._exit.done()

    async def start(self) -> None:
        """INIT, at most 10 s; a failure is remembered by there being no process, and repeated in the first invocation."""
        await self._api.open()
        self._temporary = temporary_folder(self._state, self._id)
        failure, took = await self._init(INIT_SECONDS)
        if failure:
            status = "timeout" if failure == "Sandbox.Timedout" else "error"
            self._capture.drain()
            self._capture.platform(init_report(took, "init", status, "" if status == "timeout" else failure))
            self._kill()
        else:
            self._init_ms = took
        self._emit(
            EnvironmentStarted(
                function=self._spec.name, environment=self._id, init_seconds=took / 1000, error_type=failure
            )
        )

    async def invoke(self, invocation: Invocation) -> Result:
        """Run one event; a process that is not there is started first, on the invocation's time."""
        self._set_busy(self, True)
        try:
            return await self._invoke(invocation)
        except asyncio.CancelledError:
            self._kill()
            raise
        finally:
            self._set_busy(self, False)

    async def stop(self) -> None:
        """Without extensions there is nobody to ask: SIGKILL at once (Lambda DG, shutdown phase)."""
        if self._stopped:
            return
        self._stopped = True
        self._kill()
        if self._exit is not None:
            await asyncio.wait({self._exit})
        await self._api.close()
        self._capture.close()
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)

    def check_memory(self) -> None:
        """Kill the environment if its processes together are past the limit: the invocation then fails as on AWS."""
        if (pid := self.pid) is not None:
            used = procfs.memory(pid)
            self._peak = max(self._peak, used)
            if used > self._spec.memory_mb * 1024 * 1024:
                self._kill()

    async def _invoke(self, invocation: Invocation) -> Result:
        began = time.monotonic()
        init_ms, self._init_ms = self._init_ms, None
        if not self._runs() or self._api.state in NOT_READY:
            failure, took = await self._init(self._spec.timeout_seconds)
            if failure:
                return self._init_failed(invocation, failure, took)
        self._capture.begin(invocation.request_id, self._spec.version, tail=invocation.tail)
        answer = await self._deliver(invocation, began + self._spec.timeout_seconds)
        result = self._result(invocation.request_id, answer, (time.monotonic() - began) * 1000)
        result.init_ms, result.max_memory_mb = init_ms, self._high_water()
        result.log_tail = self._capture.end(result, self._spec.memory_mb)
        return result

    def _runs(self) -> bool:
        """Whether the process is there. The kernel is asked: the loop may not have heard yet that it was killed while idle."""
        pid = self.pid
        if pid is None:
            return False
        try:
            return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
        except ChildProcessError:  # somebody has waited for it already
            return False

    async def _deliver(self, invocation: Invocation, deadline: float) -> Answer | None:
        """Hand out the event and wait for its answer; None: the process ended, or the deadline came, before one.

        A process that ends before it took the event (it may have been on its way down since the last answer) is started
        once more: the function has not run.
        """
        answer = await self._answer(invocation, deadline)
        if answer is None and self._exited and self._api.waiting and not self._killed:
            failure, _ = await self._init(deadline - time.monotonic())
            if not failure:
                answer = await self._answer(invocation, deadline)
        return answer

    async def _answer(self, invocation: Invocation, deadline: float) -> Answer | None:
        left = max(0.0, deadline - time.monotonic())
        answer = self._api.deliver(invocation, int((time.time() + left) * 1000))
        if self._exited:
            return None
        timer = asyncio.get_running_loop().call_later(left, self._api.give_up)
        try:
            return await answer
        finally:
            timer.cancel()

    def _result(self, request_id: str, answer: Answer | None, duration_ms: float) -> Result:
        """What came first: an answer, the process's end, or the timeout."""
        if answer is not None:
            return _answered(request_id, answer, duration_ms)
        if self._exit is not None and self._exit.done():
            payload, kind = failures.exited(request_id, self._exit.result()), "Runtime.ExitError"
            status = Status.FAILURE
        else:
            payload, kind = failures.timed_out(request_id, self._spec.timeout_seconds), "Sandbox.Timedout"
            status = Status.TIMEOUT
        self._kill()
        return Result(request_id=request_id, status=status, payload=payload, error_type=kind, duration_ms=duration_ms)

    def _init_failed(self, invocation: Invocation, failure: str, took: float) -> Result:
        """The answer of an invocation whose INIT failed: the runtime's own words if it had any."""
        request_id = invocation.request_id
        self._capture.drain()
        status = "timeout" if failure == "Sandbox.Timedout" else "error"
        self._capture.platform(init_report(took, "invoke", status, "" if status == "timeout" else failure))
        self._capture.begin(request_id, self._spec.version)
        if status == "timeout":
            payload, kind = failures.timed_out(request_id, self._spec.timeout_seconds), Status.TIMEOUT
        elif self._api.init_error is not None:
            payload, kind = self._api.init_error, Status.ERROR
        elif self._refused is not None:
            payload, kind = failures.body(failure, request_id, str(self._refused)), Status.FAILURE
        else:
            code = self._exit.result() if self._exit and self._exit.done() else -9
            payload, kind = failures.exited(request_id, code), Status.FAILURE
        self._kill()
        result = Result(request_id=request_id, status=kind, payload=payload, error_type=failure, duration_ms=took)
        result.log_tail = self._capture.end(result, self._spec.memory_mb)
        return result

    async def _init(self, seconds: float) -> tuple[str, float]:
        """Start the process and wait until it asks for its first event. Returns the error type, "" when ready, and milliseconds."""
        began = time.monotonic()
        await self._gone()
        self._api.reset()
        self._killed = False
        self._peak = 0
        self._refused = None
        try:
            launch = self._launch()
        except InvalidEntrypoint as refused:
            self._refused = refused
            return refused.error_type, (time.monotonic() - began) * 1000
        self._process = await asyncio.create_subprocess_exec(
            INTERPRETER,
            *("-I", "-S", str(LAUNCHER), str(os.getpid())),
            *launch.argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=self._capture.write_end,
            stderr=self._capture.write_end,
            cwd=launch.directory,
            env=self._variables(launch),
            start_new_session=True,
        )
        self._exit = asyncio.create_task(self._process.wait(), name=f"exit of {self._id}")
        self._exit.add_done_callback(self._ended)
        left = seconds - (time.monotonic() - began)
        await _first(self._api.ready, self._exit, seconds=left)
        took = (time.monotonic() - began) * 1000
        if self._exit.done():
            error = self._api.init_error
            return ("Runtime.ExitError" if error is None else failures.error_type(error)), took
        return ("" if self._api.ready.done() else "Sandbox.Timedout"), took

    def _ended(self, exit_: asyncio.Task[int]) -> None:
        if exit_ is self._exit:
            self._api.give_up()

    def _launch(self) -> Launch:
        try:
            runtime = catalogue.find(self._spec.runtime, self._state)
        except RuntimeUnavailable as error:  # it was there when the daemon began
            raise InvalidEntrypoint(str(error)) from error
        return runtime.launch(self._spec, Places.on_host(Path(self._spec.task_root)))

    def _variables(self, launch: Launch) -> dict[str, str]:
        return variables(
            self._spec,
            launch,
            address=f"127.0.0.1:{self._api.port}",
            log_stream=self._stream,
            temporary=str(self._temporary),
        )

    def _admits(self, client_port: int) -> bool:
        return self._process is not None and procfs.owns_connection(
            self._process.pid, self._mark(), self._api.port, client_port
        )

    def _mark(self) -> bytes:
        return b"AWS_LAMBDA_RUNTIME_API=127.0.0.1:%d\0" % self._api.port

    def _kill(self) -> None:
        """SIGKILL to everything that belongs to the environment; the end is awaited before the next start."""
        self._killed = True
        if self._process is not None:
            with contextlib.suppress(OSError):
                procfs.kill(self._process.pid, self._mark())

    async def _gone(self) -> None:
        """Wait for the end of a process that was killed, or that is still there though nobody needs it."""
        if self._exit is not None:
            self._kill()
            await asyncio.wait({self._exit})

    def _high_water(self) -> int:
        """Megabytes, rounded up; looked at seldom, because a look costs as much as a short invocation."""
        now = time.monotonic()
        if now - self._peak_read > 1.0 and (pid := self.pid) is not None:
            self._peak_read = now
            self._peak = max(self._peak, procfs.memory(pid))
        return math.ceil(self._peak / (1024 * 1024))


async def _first(*futures: asyncio.Future[Any], seconds: float) -> None:
    """Wait until any of them is done, or for so long."""
    await asyncio.wait(futures, timeout=max(0.0, seconds), return_when=asyncio.FIRST_COMPLETED)


def _answered(request_id: str, answer: Answer, duration_ms: float) -> Result:
    if answer.oversized:
        payload, kind, status = failures.too_large(MAX_ANSWER), "Function.ResponseSizeTooLarge", Status.ERROR
    elif answer.error:
        payload, kind, status = answer.body, failures.error_type(answer.body), Status.ERROR
    else:
        payload, kind, status = answer.body, "", Status.SUCCESS
    return Result(request_id=request_id, status=status, payload=payload, error_type=kind, duration_ms=duration_ms)
