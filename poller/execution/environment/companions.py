"""The extensions of one environment, as its life goes: started before the runtime, told of each event, asked to end.

Rules of the service (Lambda DG, Lambda Extensions API): external ones are started together, and the runtime only when all have
registered; INIT is over when runtime and extensions wait for their first event; an invocation is over when all who were told of it wait
again; one that ends or gives up takes the environment with it.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from poller.execution.contract import FunctionSpec, Invocation
from poller.execution.extensions.api import MAX_EXTENSIONS, About, ExtensionsApi
from poller.execution.listener.listener import Api
from poller.execution.sandbox.box import Box
from poller.execution.sandbox.processes import Command, Process, SpawnError
from poller.execution.telemetry.api import TelemetryApi
from poller.execution.telemetry.delivery import Dial
from poller.execution.telemetry.records import CONCURRENT_SCHEMAS, TELEMETRY_SCHEMAS

INTERNAL_SECONDS, EXTERNAL_SECONDS = 0.5, 2.0
"""For SHUTDOWN, with internal extensions only, and with external ones (Lambda DG, shutdown phase). Without any: none."""
RUNTIME_SECONDS = 0.3
"""The runtime's share when there are external ones (documented; the emulator takes 30 % of all)."""


class Companions:
    """All extensions of one environment. broken: called when one of them has ended the environment (see ``error``)."""

    def __init__(self, spec: FunctionSpec, dial: Dial, broken: Callable[[], None]) -> None:
        account = spec.arn.split(":")[4] if spec.arn.count(":") > 4 else ""  # noqa: PLR2004  # arn:aws:lambda:region:account:...
        about = About(function_name=spec.name, function_version=spec.version, handler=spec.handler, account_id=account)
        self._alone = spec.max_concurrency == 1
        self.api = ExtensionsApi(about, told_of_invocations=self._alone)
        self.telemetry = TelemetryApi(self.api, dial, TELEMETRY_SCHEMAS if self._alone else CONCURRENT_SCHEMAS)
        self._broken = broken
        self._processes: dict[str, Process] = {}
        self._box: Box | None = None
        self._ending = False
        self.error: tuple[str, str] | None = None
        """Why the environment cannot go on: the service's error type, and the reason."""
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when there is an ``error``."""

    @property
    def apis(self) -> tuple[Api, ...]:
        """What the environment's listener serves for them. The older Logs API knows only one invocation at a time."""
        return (self.api, self.telemetry, self.telemetry.logs) if self._alone else (self.api, self.telemetry)

    @property
    def some(self) -> bool:
        """Whether any extension is known, external or internal."""
        return self.api.some

    async def launch(self, box: Box, commands: Mapping[str, Command]) -> None:
        """Start the external ones and wait until all have registered, or one is broken. commands: by name."""
        self._box, self._ending, self.error = box, False, None
        self.failed = asyncio.get_running_loop().create_future()
        self.api.failed.add_done_callback(self._gave_up)
        if len(commands) > MAX_EXTENSIONS:
            self._break("Extension.LaunchError", f"{len(commands)} extensions; at most {MAX_EXTENSIONS} are allowed")
            return
        self.api.expect(commands)
        await asyncio.gather(*(self._start(box, name, command) for name, command in commands.items()))
        await self._unless_broken(self.api.registered)

    async def ready(self) -> None:
        """Wait until all of them wait for their first event, or one is broken; INIT is over then, and with it all subscribing."""
        await self._unless_broken(self.api.ready)
        self.telemetry.close_subscriptions()

    def invoke(self, invocation: Invocation, deadline_ms: int) -> asyncio.Future[None] | None:
        """Tell those who want to know. Returns what is done when all are back; None when there is nobody to wait for."""
        return self.api.invoke(invocation, deadline_ms) if self.some else None

    async def back(self, all_back: asyncio.Future[None], deadline: float) -> bool:
        """Wait until those who were told are back; False: the deadline (monotonic) came first, or one is broken."""
        try:
            async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
                await self._unless_broken(all_back)
        except TimeoutError:
            return False
        self.telemetry.flush()
        return self.error is None

    async def shut_down(self, runtime: Process | None, reason: str) -> None:
        """SIGTERM to the runtime, SHUTDOWN to who subscribed, each with its time; what is left then is the caller's to kill.

        Without extensions nobody is asked (Lambda DG, shutdown phase). reason: spindown, timeout or failure.
        """
        box, self._ending = self._box, True
        if box is None or not self.some:
            return
        total = EXTERNAL_SECONDS if self._processes else INTERNAL_SECONDS
        began = time.monotonic()
        if runtime is not None and runtime.running:
            box.signal(runtime, signal.SIGTERM)
            await _ended([runtime], RUNTIME_SECONDS if self._processes else INTERNAL_SECONDS)
            box.signal(runtime, signal.SIGKILL)
        left = total - (time.monotonic() - began)
        told = self.api.shutdown(reason, int((time.time() + left) * 1000))
        for name, process in self._processes.items():
            if name not in told:
                box.signal(process, signal.SIGKILL)
        await _ended(self._processes.values(), left)
        await self.telemetry.drain()

    async def close(self) -> None:
        """The environment is gone."""
        await self.telemetry.close()

    async def _start(self, box: Box, name: str, command: Command) -> None:
        try:
            process = self._processes[name] = await box.start(command)
        except SpawnError as error:
            self.api.launch_failed(name, "Extension.LaunchError")
            self._break(
                "Extension.LaunchError", f"fork/exec {command.argv[0]}: {(error.strerror or str(error)).lower()}"
            )
            return
        process.ended.add_done_callback(lambda ended: self._ended(name, process, ended.result()))

    def _ended(self, name: str, process: Process, status: int) -> None:
        if self._processes.get(name) is not process:
            return
        del self._processes[name]
        self.api.exited(name, killed=self._ending)
        if not self._ending:
            reason = f"exit code {status}" if status >= 0 else f"signal: {signal.Signals(-status).name}"
            self._break("Extension.Crash", reason)

    def _gave_up(self, failed: asyncio.Future[Any]) -> None:
        if not failed.cancelled() and failed is self.api.failed:
            self._break(failed.result().kind, failed.result().error_type)

    def _break(self, kind: str, reason: str) -> None:
        if self.error is None:
            self.error = (kind, reason)
            self.failed.set_result(None)
            self._broken()

    async def _unless_broken(self, done: asyncio.Future[None]) -> None:
        await asyncio.wait({done, self.failed}, return_when=asyncio.FIRST_COMPLETED)


async def _ended(processes: Iterable[Process], seconds: float) -> None:
    """Wait for their ends, so long at most."""
    ends = {process.ended for process in processes if process.running}
    if ends:
        await asyncio.wait(ends, timeout=max(0.0, seconds))
