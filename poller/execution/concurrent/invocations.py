"""The invocations of an environment that runs several at once.

Source: Lambda DG, Understanding the Lambda Managed Instances execution environment; runtime interface emulator, lambda-managed-instances.

What holds here:

1. A timeout is the answer of one invocation. Its code runs on (that is for the function to notice, says the guide), and so it keeps its
   place until it answers after all, too late. Beyond the service: once nothing runs but such code, the environment takes no more
   invocations, so that a worker which hangs for ever is ended with it.
2. The end of the runtime's process, or of an extension, is the answer of all that it had taken. What it had not taken is handed to the
   next process, once. A worker that ends alone is not noticed: its invocation times out, the others go on.
3. Those who find no runtime wait for one INIT together; if it fails, that is the answer of each.
4. Extensions are not told of invocations, and none waits for them.
"""

from __future__ import annotations

import asyncio
import time

from poller.execution.concurrent.api import ConcurrentRuntimeApi, Outstanding
from poller.execution.contract import Invocation, Result
from poller.execution.environment.parts import Parts
from poller.execution.environment.results import Stillborn, answered, shutdown_reason, unanswered
from poller.execution.failures import EXITED
from poller.execution.sandbox.processes import Process


class Concurrent:
    """Of one environment. Cancelled, an invocation is given up; the others are not."""

    def __init__(self, parts: Parts, api: ConcurrentRuntimeApi) -> None:
        self._parts = parts
        self._spec = parts.spec
        self._api = api
        self._capture = parts.capture
        self._companions = parts.companions
        self._processes = parts.processes
        self._init = parts.init
        self._initialising: asyncio.Task[Stillborn | None] | None = None
        self._turn = asyncio.Lock()  # between resets and INITs
        self._stopped = False

    @property
    def overdue(self) -> int:
        """Those that were given up, and have not answered yet."""
        return self._api.overdue

    async def invoke(self, invocation: Invocation) -> Result:
        """Run one event beside others; returns when its answer is known."""
        began = time.monotonic()
        init_ms = self._init.share()
        failed = await self._initialised()
        self._parts.log_start(invocation)
        result = failed.result(invocation.request_id) if failed else await self._run(invocation, began)
        result.init_ms = init_ms
        result.max_memory_mb = self._processes.memory.megabytes()
        self._capture.runtime_done(result)
        result.log_tail = self._capture.end(result, self._spec.memory_mb)
        return result

    async def stop(self) -> None:
        """An INIT that somebody waits for has failed then."""
        self._stopped = True
        if self._initialising is not None:
            self._initialising.cancel()
            await asyncio.wait({self._initialising})

    async def _run(self, invocation: Invocation, began: float) -> Result:
        """The event's answer; what a runtime on its way down has not taken goes to the next one."""
        deadline = began + self._spec.timeout_seconds
        one, process = await self._handed(invocation, deadline)
        if one.lost and not one.taken and not self._stopped and await self._initialised() is None:
            one, process = await self._handed(invocation, deadline)
        answer, took = one.answer.result(), (time.monotonic() - began) * 1000
        ends = answer is not None and answer.truncated and await self._processes.ends(process)
        if answer is not None and not ends:
            return answered(invocation.request_id, answer, took)
        if not (one.lost or ends):
            return self._unanswered(invocation.request_id, None, took)
        if process is not None and self._companions.error is None:
            await asyncio.wait({process.ended})  # known to be over, but perhaps not yet told how
        result = self._unanswered(invocation.request_id, process, took)
        await self._clear(process)
        return result

    def _unanswered(self, request_id: str, process: Process | None, took: float) -> Result:
        broken, ended = self._companions.error, self._processes.end(process)
        seconds = self._spec.timeout_seconds
        return unanswered(request_id, took, broken=broken, ended=ended, timeout_seconds=seconds)

    async def _handed(self, invocation: Invocation, deadline: float) -> tuple[Outstanding, Process | None]:
        """Hand the event out and wait for what comes of it, until the deadline. Returns it, and the process that it was for."""
        process = self._processes.runtime
        left = max(0.0, deadline - time.monotonic())
        one = self._api.hand(invocation, int((time.time() + left) * 1000))
        if not self._processes.running:
            one.settle(None)
        timer = asyncio.get_running_loop().call_later(left, self._api.expire, one)
        try:
            await asyncio.wait({one.answer})
        finally:
            timer.cancel()
            if not one.answer.done():
                self._api.expire(one)
        return one, process

    async def _initialised(self) -> Stillborn | None:
        """Wait until there is a runtime, for which one INIT is made for all who wait; why there is none, if it failed."""
        if self._processes.warm and self._processes.there():
            return None
        task = self._initialising
        if task is None or task.done():
            name = f"init {self._parts.site.premises.name}"
            task = self._initialising = asyncio.create_task(self._begin_anew(), name=name)
        await asyncio.wait({task})  # unlike await, it cancels nothing for the others
        return self._init.stillborn(EXITED, 0.0) if task.cancelled() else task.result()

    async def _begin_anew(self) -> Stillborn | None:
        async with self._turn:
            failure, took = await self._init.run(self._spec.timeout_seconds, "invoke")
            if not failure:
                return None
            failed = self._init.stillborn(failure, took)
            await self._processes.reset(shutdown_reason(failure))
            return failed

    async def _clear(self, process: Process | None) -> None:
        """Leave nothing of a process that has ended, and of what it started. An INIT that is under way has seen to it."""
        if self._initialising is not None and not self._initialising.done():
            return
        async with self._turn:
            if self._processes.runtime is process:
                await self._processes.reset("failure")
