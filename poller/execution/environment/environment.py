"""The life of one execution environment: INIT, INVOKE after INVOKE, reset after a failure, SHUTDOWN.

Source: Lambda DG, Understanding the Lambda execution environment lifecycle.

What holds here:

1. Whatever a function does, ``invoke`` returns a result. After a timeout or a crash none of its processes is left.
2. A reset environment starts its processes anew inside the next invocation, on that invocation's time; its /tmp stays.
3. The runtime talks to this environment's own Runtime API: in a network of its own nobody else can reach it, elsewhere callers are checked.
"""

from __future__ import annotations

import asyncio
import errno
import math
import os
import shutil
import signal
import socket
import time
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from poller.execution import failures
from poller.execution.contract import FunctionSpec, Invocation, Result, Status
from poller.execution.environment.companions import Companions
from poller.execution.environment.held import Held
from poller.execution.environment.startup import Startup, startup
from poller.execution.logs import Capture, init
from poller.execution.package import temporary_folder
from poller.execution.process.spares import Spare
from poller.execution.runtime_api import MAX_ANSWER, Answer, RuntimeApi
from poller.execution.runtime_api.states import State
from poller.execution.runtimes.contract import GATE, InvalidEntrypoint, InvalidWorkingDir
from poller.execution.sandbox.box import Box
from poller.execution.sandbox.isolation import Demand, Isolation
from poller.execution.sandbox.processes import Command, Process, SpawnerLost, SpawnError
from poller.observe.events import Emit, EnvironmentStarted

TIMED_OUT = init.TIMED_OUT
NOT_READY = frozenset({State.STARTED, State.INIT_ERROR})
LOOK_SECONDS = 1.0
"""Between two looks at the memory of an environment for REPORT: a look costs as much as a short invocation."""


class ProcessEnvironment(Spare):
    """One environment; see the module. busy: told when it begins and ends to run an event.

    started: told when an INIT ahead of any event went well.
    """

    _kind_of_api: ClassVar[type[RuntimeApi]] = RuntimeApi
    _kind_of_capture: ClassVar[type[Capture]] = Capture

    def __init__(
        self,
        spec: FunctionSpec,
        isolation: Isolation,
        state: Path,
        emit: Emit,
        *,
        busy: Callable[[ProcessEnvironment, bool], None],
        started: Callable[[FunctionSpec], None] = lambda _: None,
    ) -> None:
        self._spec = spec
        self._isolation = isolation
        self._state = state
        self._emit = emit
        self._set_busy = busy
        self._started = started
        self._id = uuid.uuid4().hex
        self._stream = f"{time.strftime('%Y/%m/%d', time.gmtime())}/[{spec.version}]{self._id}"
        self._api = self._kind_of_api(self._admits)
        self._companions = Companions(spec, self._dial, self._api.give_up)
        for api in self._companions.apis:
            self._api.serve(api)
        self._told: asyncio.Future[None] | None = (
            None  # done when the extensions are back from the event they were told of
        )
        self._finishing: asyncio.Task[None] | None = None  # of an invocation that has its answer
        self._capture = self._kind_of_capture(spec.name, self._stream, emit, spec.logging)
        self._companions.telemetry.subscribed = self._capture.subscribed
        self._temporary: Path | None = None
        self._startup: Startup | None = None
        self._box: Box | None = None
        self._held: Held | None = None
        self._runtime: Process | None = None
        self._refused: InvalidEntrypoint | None = None
        self._init_ms: float | None = None
        self._peak = 0
        self._peak_read = -math.inf
        self._killed = False
        self._stopped = False

    @property
    def id(self) -> str:
        """Hex part of the log stream's name."""
        return self._id

    @property
    def alive(self) -> bool:
        """Until it is stopped: a reset environment starts again."""
        return not self._stopped

    @property
    def warm(self) -> bool:
        """The runtime is there and has asked for an event."""
        return self._running and self._api.state not in NOT_READY

    @property
    def pid(self) -> int | None:
        """Of the runtime's process, while it runs and nobody has killed it."""
        return self._runtime.pid if self._runtime is not None and self._running else None

    @property
    def _running(self) -> bool:
        return self._runtime is not None and self._runtime.running and not self._killed

    @property
    def prepared(self) -> bool:
        """Whether ``prepare`` has done its work, and it is all still there."""
        return self._box is not None and not self._stopped and (self._held is None or self._held.waits)

    async def prepare(self) -> None:
        """Make the sandbox and, if the runtime can wait, start it as far as it goes without the function. INIT has not begun.

        Called once at most, before ``start``. Raises OSError and InvalidEntrypoint; ``stop`` is to follow then.
        """
        plan = self._plan()
        box = await self._placed(plan)
        if plan.launch.held:
            self._held = await Held.start(box, self._runtime_command(plan, plan.launch.held), GATE)

    async def start(self) -> None:
        """INIT; a failure is remembered by the runtime not being there, and repeated in the first invocation."""
        self._set_busy(self, True)  # its memory is watched
        try:
            failure, took = await self._init(self._spec.init_seconds, "init")
            if failure:
                await self._reset(shutdown_reason(failure))
        finally:
            self._set_busy(self, False)
        if not failure:
            self._init_ms = took
            self._started(self._spec)
        self._emit(
            EnvironmentStarted(
                function=self._spec.name, environment=self._id, init_seconds=took / 1000, error_type=failure
            )
        )

    async def invoke(self, invocation: Invocation) -> Result:
        """Run one event; a runtime that is not there is started first, on the invocation's time.

        Returns as soon as the runtime has answered; what extensions still do is waited for before the next event.
        """
        self._set_busy(self, True)
        try:
            if self._finishing is not None:
                await self._finishing
            return await self._invoke(invocation)
        finally:
            self._set_busy(self, False)

    async def stop(self) -> None:
        """SHUTDOWN: extensions are asked to end; without any, SIGKILL at once (Lambda DG, shutdown phase)."""
        if self._stopped:
            return
        self._stopped = True
        if self._finishing is not None:
            self._finishing.cancel()
            await asyncio.wait({self._finishing})
        await self._companions.shut_down(self._runtime, "spindown")
        if self._held is not None:
            self._held.close()
        if self._box is not None:
            await self._box.close()
        await self._companions.close()
        await self._api.close()
        self._capture.close()
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)

    def check_memory(self) -> None:
        """Kill the runtime if all processes together are past the limit: the invocation then fails as on AWS."""
        if self._running and self._box is not None and self._runtime is not None:
            used = self._box.memory()
            self._peak = max(self._peak, used)
            if used > self._spec.memory_mb * 1024 * 1024:
                self._box.signal(self._runtime, signal.SIGKILL)

    async def _invoke(self, invocation: Invocation) -> Result:
        began = time.monotonic()
        init_ms, self._init_ms = self._init_ms, None
        if not (self.warm and self._there()):
            failure, took = await self._init(self._spec.timeout_seconds, "invoke")
            if failure:
                return await self._init_failed(invocation, failure, took)
        self._log_start(invocation)
        deadline = began + self._spec.timeout_seconds
        answer = await self._deliver(invocation, deadline)
        result = self._result(invocation.request_id, answer, (time.monotonic() - began) * 1000)
        result.init_ms, result.max_memory_mb = init_ms, self._high_water()
        self._capture.runtime_done(result)
        reset = "" if answer is not None else shutdown_reason(result.error_type)
        if not self._companions.some:  # there is nobody to wait for: no task is needed
            if reset:
                await self._reset(reset)
            result.log_tail = self._capture.end(result, self._spec.memory_mb)
            return result
        self._finishing = asyncio.create_task(self._finish(result, deadline, reset), name=f"extensions {self._id}")
        if invocation.tail:
            await self._finishing
        return result

    async def _finish(self, result: Result, deadline: float, reset: str) -> None:
        """Wait for the extensions: the function's timeout is theirs too; one that is late or broken costs the environment a reset."""
        told, self._told = self._told, None
        if not reset and told is not None and not await self._companions.back(told, deadline):
            reset = "failure" if self._companions.error else "timeout"
        if reset:
            await self._reset(reset)
        result.log_tail = self._capture.end(result, self._spec.memory_mb)

    def _there(self) -> bool:
        """Whether the runtime's process is there. The kernel is asked: nobody may have told yet that it was killed while idle."""
        try:
            os.kill(self._runtime.pid if self._runtime else 0, 0)
        except ProcessLookupError:
            return False
        except PermissionError:  # it is there, as a user of its own
            return True
        return True

    async def _deliver(self, invocation: Invocation, deadline: float) -> Answer | None:
        """Hand out the event and wait for its answer; None: the runtime ended, or the deadline came, before one.

        A runtime that ends before it took the event (it may have been on its way down since the last answer) is started once
        more: the function has not run.
        """
        answer = await self._answer(invocation, deadline)
        if answer is None and not self._running and self._api.waiting and not self._killed:
            failure, _ = await self._init(deadline - time.monotonic(), "invoke")
            if not failure:
                answer = await self._answer(invocation, deadline)
        return answer

    async def _answer(self, invocation: Invocation, deadline: float) -> Answer | None:
        left = max(0.0, deadline - time.monotonic())
        deadline_ms = int((time.time() + left) * 1000)
        answer = self._api.deliver(invocation, deadline_ms)
        self._told = self._companions.invoke(invocation, deadline_ms)
        if not self._running:
            return None
        timer = asyncio.get_running_loop().call_later(left, self._api.give_up)
        try:
            return await answer
        finally:
            timer.cancel()

    def _result(self, request_id: str, answer: Answer | None, duration_ms: float) -> Result:
        """What came first: an answer, the runtime's end, or the timeout."""
        if answer is not None:
            return answered(request_id, answer, duration_ms)
        return self._unanswered(request_id, self._runtime, duration_ms)

    def _unanswered(self, request_id: str, process: Process | None, duration_ms: float) -> Result:
        """What came before an answer: the end of an extension, that of the process which had the event, or the timeout."""
        if self._companions.error is not None:
            kind, reason = self._companions.error
            payload, status = failures.body(kind, request_id, reason), Status.FAILURE
        elif process is not None and process.ended.done():
            payload, kind = failures.exited(request_id, process.ended.result()), "Runtime.ExitError"
            status = Status.FAILURE
        else:
            payload, kind = failures.timed_out(request_id, self._spec.timeout_seconds), TIMED_OUT
            status = Status.TIMEOUT
        return Result(request_id=request_id, status=status, payload=payload, error_type=kind, duration_ms=duration_ms)

    async def _init_failed(self, invocation: Invocation, failure: str, took: float) -> Result:
        """The answer of an invocation whose INIT failed."""
        self._log_start(invocation)
        failed = self._stillborn(failure, took)
        await self._reset(shutdown_reason(failure))
        result = failed(invocation.request_id)
        self._capture.runtime_done(result)
        result.log_tail = self._capture.end(result, self._spec.memory_mb)
        return result

    def _stillborn(self, failure: str, took: float) -> Callable[[str], Result]:
        """Request id -> answer of an invocation whose INIT failed as it did just now: the runtime's own words if it had any."""
        status = Status.FAILURE
        words: Callable[[str], bytes]
        if failure == TIMED_OUT:
            status, words = Status.TIMEOUT, partial(failures.timed_out, seconds=self._spec.timeout_seconds)
        elif (error := self._api.init_error) is not None:
            status, words = Status.ERROR, partial(_as_it_is, error)
        elif self._companions.error is not None:
            words = partial(failures.body, failure, reason=self._companions.error[1])
        elif self._refused is not None:
            words = partial(failures.body, failure, reason=str(self._refused))
        else:
            code = self._runtime.ended.result() if self._runtime and self._runtime.ended.done() else -9
            words = partial(failures.exited, returncode=code)

        def result(request_id: str) -> Result:
            payload = words(request_id)
            return Result(request_id=request_id, status=status, payload=payload, error_type=failure, duration_ms=took)

        return result

    def _log_start(self, invocation: Invocation) -> None:
        self._capture.begin(
            invocation.request_id,
            self._spec.version,
            tail=invocation.tail,
            trace=invocation.trace_id,
            tenant_id=invocation.tenant_id,
        )

    def _log_init(self, failure: str, took: float, phase: str) -> None:
        """How INIT went. From now on telemetry is made only for who has subscribed."""
        if not self._api.ready.done():
            self._capture.note(init.runtime_done(self._spec, phase, failure))
        for seen in init.extensions_seen(self._companions.api.extensions):
            self._capture.note(seen)
        self._capture.note(init.report(self._spec, phase, failure, took))
        if not self._companions.telemetry.listening:
            self._capture.tell = None

    async def _init(self, seconds: float, phase: str) -> tuple[str, float]:
        """Start the processes and wait until the runtime asks for an event. Returns the error type, "" when ready, and milliseconds.

        phase: init, or invoke on an invocation's time.
        """
        began = time.monotonic()
        self._refused = None
        await self._reset("failure")
        try:
            async with asyncio.timeout(seconds):
                failure = await self._begun(phase)
        except TimeoutError:
            failure = TIMED_OUT
        except InvalidEntrypoint as refused:
            self._refused = refused
            failure = refused.error_type
        took = (time.monotonic() - began) * 1000
        self._log_init(failure, took, phase)
        return failure, took

    async def _begun(self, phase: str) -> str:
        """``_begin``, anew if the spawner was killed meanwhile, and with it all there was."""
        try:
            return await self._begin(phase)
        except SpawnerLost:
            return await self._begin(phase)

    async def _begin(self, phase: str) -> str:
        """The error type, "" when the runtime is ready. Raises InvalidEntrypoint."""
        box, plan = await self._place()
        self._api.reset()
        self._capture.tell = self._companions.telemetry.tell
        self._capture.note(plan.init_start(phase, self._stream))
        self._killed, self._peak, self._told = False, 0, None
        await self._companions.launch(box, self._extensions(plan))
        if self._companions.error is None:
            self._runtime = await self._launched(box, plan)
            self._runtime.ended.add_done_callback(self._ended)
            await _first(self._api.ready, self._runtime.ended, self._companions.failed)
            if not self._runtime.running:
                error = self._api.init_error
                return "Runtime.ExitError" if error is None else failures.error_type(error)
            self._capture.note(init.runtime_done(self._spec, phase, ""))
            await self._companions.ready()
        return "" if self._companions.error is None else self._companions.error[0]

    async def _place(self) -> tuple[Box, Startup]:
        """Where the processes live, and what starts there. Raises InvalidEntrypoint."""
        plan = self._plan()
        return await self._placed(plan), plan

    def _plan(self) -> Startup:
        """Made once: what starts in the box later must find there what the box was made for."""
        if self._startup is None:
            if self._temporary is None and not self._isolation.sandboxed:
                self._temporary = temporary_folder(self._state, self._id)
            temporary = self._temporary or Path("/tmp")  # noqa: S108  # a sandbox has its own there
            self._startup = startup(self._spec, self._state, sandboxed=self._isolation.sandboxed, temporary=temporary)
        return self._startup

    async def _placed(self, plan: Startup) -> Box:
        """The environment's box, made with the first INIT, or when the former was killed, and its Runtime API, listening in it."""
        if self._box is not None and self._box.gone():
            await self._box.close()
            await self._api.close()
            self._box = None
        if self._box is None:
            spec = self._spec
            network = self._isolation.network(spec.network)
            demand = Demand(
                name=self._id,
                layout=plan.layout,
                memory_mb=spec.memory_mb,
                network=network,
                ports=spec.host_ports,
            )
            self._box = await self._isolation.box(demand, self._mark)
            await self._api.open(self._box.listener)
        return self._box

    async def _launched(self, box: Box, plan: Startup) -> Process:
        if self._held is not None:
            held, self._held = self._held, None
            if process := held.release():
                return process
        argv = plan.launch.argv
        try:
            return await box.start(self._runtime_command(plan, argv))
        except SpawnerLost:
            raise
        except SpawnError as error:
            if error.folder:
                raise InvalidWorkingDir.of(error.folder, error) from error
            raise InvalidEntrypoint.of(argv[0], error) from error

    def _runtime_command(self, plan: Startup, argv: tuple[str, ...]) -> Command:
        variables = plan.runtime_variables(self._address, self._stream)
        return self._command(plan, argv, variables, self._capture.descriptors(framed=plan.launch.framed))

    def _extensions(self, plan: Startup) -> dict[str, Command]:
        variables = plan.extension_variables(self._address, self._stream)
        return {
            name: self._command(plan, (path,), variables, self._capture.extension_descriptors(name))
            for name, path in plan.extensions.items()
        }

    def _command(
        self, plan: Startup, argv: tuple[str, ...], variables: Mapping[str, str], descriptors: Mapping[int, int]
    ) -> Command:
        return Command(
            argv=argv,
            environment=variables,
            folder=plan.launch.directory,
            descriptors=descriptors,
            limits=plan.limits(),
        )

    @property
    def _address(self) -> str:
        return f"127.0.0.1:{self._api.port}"

    async def _dial(self, port: int) -> socket.socket:
        if self._box is None:
            raise ConnectionRefusedError(errno.ECONNREFUSED, "there is no environment yet")
        return await self._box.dial(port)

    def _ended(self, _: asyncio.Future[int]) -> None:
        """The runtime's end is the end of all waiting for its answer."""
        if self._runtime is not None and not self._runtime.running:
            self._api.give_up()

    def _admits(self, client_port: int) -> bool:
        return self._box is not None and self._box.admits(self._api.port, client_port)

    def _mark(self) -> bytes:
        return f"AWS_LAMBDA_RUNTIME_API={self._address}\0".encode()

    async def _reset(self, reason: str) -> None:
        """End every process of the environment; its files stay. reason: as extensions are told."""
        if self._box is None or self._held is not None or (self._killed and not self._running):
            return
        await self._companions.shut_down(self._runtime, reason)
        self._killed = True
        await self._box.clear()

    def _high_water(self) -> int:
        """Megabytes, rounded up."""
        now = time.monotonic()
        if now - self._peak_read > LOOK_SECONDS and self._box is not None and self._running:
            self._peak_read = now
            self._peak = max(self._peak, self._box.memory())
        return math.ceil(self._peak / (1024 * 1024))


def _as_it_is(body: bytes, _request_id: str) -> bytes:
    return body


async def _first(*futures: asyncio.Future[Any]) -> None:
    """Wait until any of them is done."""
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)


def answered(request_id: str, answer: Answer, duration_ms: float) -> Result:
    """What an invocation comes to whose runtime has answered."""
    if answer.oversized:
        payload, kind, status = failures.too_large(MAX_ANSWER), "Function.ResponseSizeTooLarge", Status.ERROR
    elif answer.truncated:
        payload, kind, status = answer.body, failures.error_type(answer.body), Status.FAILURE
    elif answer.error:
        payload, kind, status = answer.body, failures.error_type(answer.body), Status.ERROR
    else:
        payload, kind, status = answer.body, "", Status.SUCCESS
    return Result(request_id=request_id, status=status, payload=payload, error_type=kind, duration_ms=duration_ms)


def shutdown_reason(failure: str) -> str:
    """Why an environment is reset, in the words of a SHUTDOWN event."""
    return "timeout" if failure == TIMED_OUT else "failure"
