"""Warm environments of one function. The caller bounds how many invocations run at once; the pool grows on demand and shrinks when idle.

The environment that was used last is used first, so that the others can go idle and be stopped.
"""

from __future__ import annotations

import asyncio

from poller.aio.clock import Clock
from poller.execution.contract import Driver, Environment, FunctionSpec, Invocation, Result
from poller.observe.events import Emit, EnvironmentStopped


class Pool:
    """Environments of one function version."""

    def __init__(
        self, spec: FunctionSpec, driver: Driver, emit: Emit, clock: Clock, idle_timeout_seconds: float
    ) -> None:
        self.spec = spec
        self._driver = driver
        self._emit = emit
        self._clock = clock
        self._idle_timeout = idle_timeout_seconds
        self._idle: list[tuple[float, Environment]] = []  # when it became idle; last used last
        self._busy: set[Environment] = set()
        self._reaper: asyncio.Task[None] | None = None
        self._stopping: set[asyncio.Task[None]] = set()

    def counts(self) -> dict[str, int]:
        """Environments: idle, and busy or starting."""
        return {"idle": len(self._idle), "busy": len(self._busy)}

    async def invoke(self, invocation: Invocation) -> Result:
        """Run one event in an idle environment, or in a new one. Cancelled: the environment is stopped, never reused half-way."""
        environment = self._idle.pop()[1] if self._idle else None
        fresh = environment is None
        environment = environment or self._driver.environment(self.spec)
        self._busy.add(environment)
        try:
            if fresh:
                await environment.start()
            result = await environment.invoke(invocation)
        except BaseException:
            self._busy.discard(environment)
            self._stop_soon(environment, "cut")
            raise
        self._busy.discard(environment)
        if environment.alive:
            self._idle.append((self._clock.now(), environment))
            self._reap_later()
        return result

    async def close(self) -> None:
        """Stop all environments; those that are busy too."""
        if self._reaper is not None:
            self._reaper.cancel()
        for _, environment in self._idle:
            self._stop_soon(environment, "drain")
        for environment in self._busy:
            self._stop_soon(environment, "drain")
        self._idle.clear()
        if self._stopping:
            await asyncio.wait(set(self._stopping))
        if self._reaper is not None:
            await asyncio.gather(self._reaper, return_exceptions=True)

    def _stop_soon(self, environment: Environment, reason: str) -> None:
        task = asyncio.get_running_loop().create_task(environment.stop(), name=f"stop {environment.id}")
        self._stopping.add(task)
        task.add_done_callback(self._stopping.discard)
        self._emit(EnvironmentStopped(function=self.spec.name, environment=environment.id, reason=reason))

    def _reap_later(self) -> None:
        if self._reaper is None or self._reaper.done():
            self._reaper = asyncio.get_running_loop().create_task(self._reap(), name=f"idle {self.spec.name}")

    async def _reap(self) -> None:
        """One timer for all: sleep until the longest idle environment is due, stop it, go on while there are any."""
        while self._idle:
            rest = self._idle[0][0] + self._idle_timeout - self._clock.now()
            if rest > 0:
                await self._clock.sleep(rest)
                continue
            self._stop_soon(self._idle.pop(0)[1], "idle")
