"""INIT of one environment: its processes started within their time, and what is told of how it went."""

from __future__ import annotations

import asyncio
import time

from poller.execution.contract import FunctionSpec
from poller.execution.environment.companions import Companions
from poller.execution.environment.processes import Processes
from poller.execution.environment.results import KILLED, Stillborn, shutdown_reason
from poller.execution.logs import Capture, init
from poller.execution.runtime_api import RuntimeApi
from poller.execution.runtimes.contract import InvalidEntrypoint


class Init:
    """Run ahead of any event, and again inside an invocation that finds no runtime."""

    def __init__(
        self, spec: FunctionSpec, processes: Processes, api: RuntimeApi, capture: Capture, companions: Companions
    ) -> None:
        self._spec = spec
        self._processes = processes
        self._api = api
        self._capture = capture
        self._companions = companions
        self._refused: InvalidEntrypoint | None = None
        self._share: float | None = None

    def share(self) -> float | None:
        """Milliseconds of an INIT ahead of any event, for the invocation that comes first; None for all others."""
        share, self._share = self._share, None
        return share

    async def ahead(self) -> tuple[str, float]:
        """INIT ahead of any event; after a failure nothing is left of it. Returns what ``run`` does."""
        failure, took = await self.run(self._spec.init_seconds, "init")
        if failure:
            await self._processes.reset(shutdown_reason(failure))
        else:
            self._share = took
        return failure, took

    async def run(self, seconds: float, phase: str) -> tuple[str, float]:
        """Start the processes and wait until the runtime asks for an event. Returns the error type, "" when ready, and milliseconds.

        phase: init, or invoke on an invocation's time. What has failed is still there, for ``stillborn`` to look at.
        """
        began = time.monotonic()
        self._refused = None
        await self._processes.reset("failure")
        try:
            async with asyncio.timeout(seconds):
                failure = await self._processes.begin(phase)
        except TimeoutError:
            failure = init.TIMED_OUT
        except InvalidEntrypoint as refused:
            self._refused = refused
            failure = refused.error_type
        took = (time.monotonic() - began) * 1000
        self._tell(failure, took, phase)
        return failure, took

    def stillborn(self, failure: str, took: float) -> Stillborn:
        """How ``run`` has failed just now."""
        runtime = self._processes.runtime
        return Stillborn(
            error_type=failure,
            milliseconds=took,
            timeout_seconds=self._spec.timeout_seconds,
            said=self._api.init_error,
            broken=self._companions.error,
            refused=str(self._refused or ""),
            code=runtime.ended.result() if runtime is not None and runtime.ended.done() else KILLED,
        )

    def _tell(self, failure: str, took: float, phase: str) -> None:
        """How INIT went. From now on telemetry is made only for who has subscribed."""
        if not self._api.ready.done():
            self._capture.note(init.runtime_done(self._spec, phase, failure))
        for seen in init.extensions_seen(self._companions.api.extensions):
            self._capture.note(seen)
        self._capture.note(init.report(self._spec, phase, failure, took))
        if not self._companions.telemetry.listening:
            self._capture.tell = None
