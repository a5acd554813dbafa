"""What runs in one environment: the runtime and its extensions, started together by INIT and ended together by a reset."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping
from typing import Any

from poller.execution import failures
from poller.execution.contract import FunctionSpec
from poller.execution.environment.companions import Companions
from poller.execution.environment.held import Held
from poller.execution.environment.memory import HighWater
from poller.execution.environment.results import KILLED, Ended
from poller.execution.environment.site import Site
from poller.execution.environment.startup import Startup
from poller.execution.logs import Capture, init
from poller.execution.runtime_api import RuntimeApi
from poller.execution.runtime_api.states import State
from poller.execution.runtimes.contract import GATE, InvalidEntrypoint, InvalidWorkingDir
from poller.execution.sandbox.box import Box
from poller.execution.sandbox.processes import Command, Process, SpawnerLost, SpawnError

NOT_READY = frozenset({State.STARTED, State.INIT_ERROR})
GOING_SECONDS = 0.1
"""A process that ends hangs up first; its end is known a few milliseconds later."""


class Processes:
    """None before the first INIT. token: for the metadata endpoint."""

    def __init__(
        self, spec: FunctionSpec, site: Site, api: RuntimeApi, capture: Capture, companions: Companions, *, token: str
    ) -> None:
        self._spec = spec
        self._site = site
        self._api = api
        self._capture = capture
        self._companions = companions
        self._token = token
        self._held: Held | None = None
        self._killed = False
        self._starved = False  # the runtime was killed for its memory
        self.runtime: Process | None = None
        self.memory = HighWater(self._memory, spec.memory_mb * 1024 * 1024)

    @property
    def running(self) -> bool:
        """Whether the runtime's process is there, as far as was heard, and nobody has killed it."""
        return not self._killed and self.runtime is not None and not self.runtime.ended.done()

    @property
    def killed(self) -> bool:
        """Whether all of them were ended since the last INIT."""
        return self._killed

    @property
    def warm(self) -> bool:
        """The runtime is there and has asked for an event."""
        return self._api.state not in NOT_READY and self.running

    @property
    def prepared(self) -> bool:
        """Whether ``prepare`` has done its work, and it is all still there."""
        return self._site.box is not None and (self._held is None or self._held.waits)

    def there(self) -> bool:
        """Whether the runtime's process is there. The kernel is asked: nobody may have told yet that it was killed while idle."""
        try:
            os.kill(self.runtime.pid if self.runtime else 0, 0)
        except ProcessLookupError:
            return False
        except PermissionError:  # it is there, as a user of its own
            return True
        return True

    async def prepare(self) -> None:
        """Make the box and, if the runtime can wait, start it as far as it goes without the function. Raises as ``begin``."""
        plan = await self._site.premises.plan()
        box = await self._site.ready(plan, self._api)
        if plan.launch.held:
            self._held = await Held.start(box, self._runtime_command(plan, plan.launch.held), GATE)

    async def begin(self, phase: str) -> str:
        """Start them. Returns the error type, "" when the runtime is ready. phase: as ``logs.init`` has it.

        Begins anew if the spawner was killed meanwhile, and with it all there was. Raises InvalidEntrypoint, OSError.
        """
        try:
            return await self._begin(phase)
        except SpawnerLost:
            return await self._begin(phase)

    async def reset(self, reason: str) -> None:
        """End every process of the environment; its files stay. reason: as extensions are told."""
        box = self._site.box
        if box is None or self._held is not None or (self._killed and not self.running):
            return
        await self._companions.shut_down(self.runtime, reason)
        self._killed = True
        await box.clear()

    async def ends(self, runtime: Process | None) -> bool:
        """Whether a runtime that hung up in the middle of an answer did so because it ended; it may not be known yet."""
        if runtime is None:
            return False
        await asyncio.wait({runtime.ended}, timeout=GOING_SECONDS)
        return runtime.ended.done()

    def end(self, runtime: Process | None) -> Ended | None:
        """How a runtime has ended that was started here since the last INIT; None while it runs, and for none."""
        if runtime is None or not runtime.ended.done():
            return None
        code = runtime.ended.result()
        if code != KILLED or not (self._starved or self._site.out_of_memory()):
            return Ended(code)
        self._starved = True
        self.memory.exhausted()
        return Ended(code, failures.OUT_OF_MEMORY)

    def starve(self) -> None:
        """SIGKILL to the runtime, for its memory: the invocation then fails as on AWS."""
        if self._site.box is not None and self.runtime is not None:
            self._starved = True
            self._site.box.signal(self.runtime, signal.SIGKILL)

    async def shut_down(self) -> None:
        """Ask those to end that want to be asked; the rest ends with the box."""
        await self._companions.shut_down(self.runtime, "spindown")
        if self._held is not None:
            self._held.close()

    def _memory(self) -> int:
        """Bytes; 0 when there is nothing to look at."""
        return self._site.memory() if self.running else 0

    async def _begin(self, phase: str) -> str:
        plan = await self._site.premises.plan()
        box = await self._site.ready(plan, self._api)
        extensions = await self._site.premises.extensions(plan)
        self._api.reset()
        self._capture.tell = self._companions.telemetry.tell
        self._capture.note(plan.init_start(phase, self._capture.stream))
        self._killed = self._starved = False
        self.memory.begin()
        await self._companions.launch(box, self._extension_commands(plan, extensions))
        if self._companions.error is None:
            runtime = self.runtime = await self._launched(box, plan)
            runtime.ended.add_done_callback(self._ended)
            await first(self._api.ready, runtime.ended, self._companions.failed)
            if ended := self.end(runtime):
                error = self._api.init_error
                return ended.error_type if error is None else failures.error_type(error)
            self._capture.note(init.runtime_done(self._spec, phase, ""))
            await self._companions.ready()
        return "" if self._companions.error is None else self._companions.error[0]

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
        variables = plan.runtime_variables(self._site.address, self._token, self._capture.stream)
        return plan.command(argv, variables, self._capture.descriptors(framed=plan.launch.framed))

    def _extension_commands(self, plan: Startup, extensions: Mapping[str, str]) -> Mapping[str, Command]:
        variables = plan.extension_variables(self._site.address, self._token, self._capture.stream)
        return {
            name: plan.command((path,), variables, self._capture.extension_descriptors(name))
            for name, path in extensions.items()
        }

    def _ended(self, _: asyncio.Future[int]) -> None:
        """The runtime's end is the end of all waiting for its answer."""
        if self.runtime is not None and not self.runtime.running:
            self._api.give_up()


async def first(*futures: asyncio.Future[Any]) -> None:
    """Wait until any of them is done."""
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
