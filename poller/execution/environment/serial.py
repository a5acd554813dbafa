"""Invocations, one at a time: as every function's but those with several in an environment.

A reset environment starts its processes anew inside the next invocation, on that invocation's time.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import replace

from poller.execution.contract import Invocation, Result
from poller.execution.environment.deadline import Deadline
from poller.execution.environment.parts import Parts
from poller.execution.environment.processes import first
from poller.execution.environment.results import answered, shutdown_reason, unanswered
from poller.execution.runtime_api import Answer
from poller.execution.telemetry.facts import Span


class Serial:
    """The invocations of one environment."""

    overdue = 0
    """None that were given up: their processes have been ended."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._spec = parts.spec
        self._api = parts.api
        self._capture = parts.capture
        self._companions = parts.companions
        self._processes = parts.processes
        self._init = parts.init
        self._deadline = Deadline(parts.api.give_up)
        self._told: asyncio.Future[None] | None = (
            None  # done when the extensions are back from the event they were told of
        )
        self._finishing: asyncio.Task[None] | None = None  # of an invocation that has its answer

    async def invoke(self, invocation: Invocation) -> Result:
        """Run one event. Returns as soon as there is an answer; what extensions still do is waited for before the next event."""
        if self._finishing is not None:
            await self._finishing
        began = time.monotonic()
        init_ms = self._init.share()
        if not (self._processes.warm and self._processes.there()):
            failure, took = await self._init.run(self._spec.timeout_seconds, "invoke")
            if failure:
                return await self._init_failed(invocation, failure, took)
        self._parts.log_start(invocation)
        deadline = began + self._spec.timeout_seconds
        answer = await self._answer(invocation, deadline) or await self._answer_anew(invocation, deadline)
        result = self._result(invocation.request_id, answer, (time.monotonic() - began) * 1000)
        result.init_ms = init_ms
        result.max_memory_mb = self._processes.memory.megabytes()
        await self._end(invocation, result, deadline, answered=answer is not None)
        return result

    async def stop(self) -> None:
        """Wait for no extension any longer."""
        self._deadline.close()
        if self._finishing is not None:
            self._finishing.cancel()
            await asyncio.wait({self._finishing})

    async def _init_failed(self, invocation: Invocation, failure: str, took: float) -> Result:
        """The answer of an invocation whose INIT failed."""
        self._parts.log_start(invocation)
        result = self._init.stillborn(failure, took).result(invocation.request_id)
        await self._processes.reset(shutdown_reason(failure))
        result.max_memory_mb = self._processes.memory.megabytes()
        self._capture.runtime_done(result)
        result.log_tail = self._capture.end(result, self._spec.memory_mb)
        return result

    async def _answer_anew(self, invocation: Invocation, deadline: float) -> Answer | None:
        """The same once more where a runtime ended before it took the event, which may have been on its way down since its last answer.

        The function has not run.
        """
        if self._processes.running or self._processes.killed or not self._api.waiting:
            return None
        failure, _ = await self._init.run(deadline - time.monotonic(), "invoke")
        return None if failure else await self._answer(invocation, deadline)

    async def _answer(self, invocation: Invocation, deadline: float) -> Answer | None:
        """Hand out the event and wait for its answer; None: the runtime ended, or the deadline came, before one."""
        left = max(0.0, deadline - time.monotonic())
        deadline_ms = int((time.time() + left) * 1000)
        answer = self._api.deliver(invocation, deadline_ms)
        self._told = self._companions.invoke(invocation, deadline_ms)
        if not self._processes.running:
            return None
        self._deadline.set(left)
        try:
            found = await answer
            return None if found and found.truncated and await self._processes.ends(self._processes.runtime) else found
        finally:
            self._deadline.met()

    def _result(self, request_id: str, answer: Answer | None, duration_ms: float) -> Result:
        """What came first: an answer, the end of something, or the timeout."""
        if answer is not None:
            return answered(request_id, answer, duration_ms)
        runtime = self._processes.runtime
        broken, ended = self._companions.error, self._processes.end(runtime)
        seconds = self._spec.timeout_seconds
        return unanswered(request_id, duration_ms, broken=broken, ended=ended, timeout_seconds=seconds)

    async def _end(self, invocation: Invocation, result: Result, deadline: float, *, answered: bool) -> None:
        """All that is left to do once the answer is known. Returns when the next event may be waited for."""
        reset = "" if answered else shutdown_reason(result.error_type)
        if not self._companions.some:  # there is nobody to wait for: no task is needed
            self._capture.runtime_done(result)
            if reset:
                await self._processes.reset(reset)
            result.log_tail = self._capture.end(result, self._spec.memory_mb)
            return
        name = f"extensions {self._parts.site.premises.name}"
        self._finishing = asyncio.create_task(self._finish(result, deadline, reset), name=name)
        if invocation.tail:
            await self._finishing

    async def _finish(self, result: Result, deadline: float, reset: str) -> None:
        """Wait for runtime and extensions: the function's timeout is theirs too; an extension that is late or broken costs a reset.

        Telemetry and REPORT tell of it all; the result, which somebody may have, stays as it is.
        """
        told, self._told = self._told, None
        began = time.monotonic()
        spans: tuple[Span, ...] = ()
        overhead = None if reset else await self._returned(deadline)
        self._capture.runtime_done(result, overhead)
        if not reset and told is not None:
            at, since = time.time(), time.monotonic()
            if not await self._companions.back(told, deadline):
                reset = "failure" if self._companions.error else "timeout"
            took = round((time.monotonic() - since) * 1000, 3)
            spans = (Span(name="extensionOverhead", start=at, duration_ms=took),)
        whole = replace(result, duration_ms=result.duration_ms + (time.monotonic() - began) * 1000)
        if reset:
            await self._processes.reset(reset)
        result.log_tail = self._capture.end(whole, self._spec.memory_mb, spans)

    async def _returned(self, deadline: float) -> float | None:
        """Milliseconds until the runtime asks for a further event; None if it ends, or the deadline comes, before that."""
        runtime = self._processes.runtime
        if runtime is None:
            return None
        began, back = time.monotonic(), self._api.returned()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, deadline - began)):
                await first(back, runtime.ended)
        return (time.monotonic() - began) * 1000 if back.done() else None
