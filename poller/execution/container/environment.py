"""An environment in a container: as any other, but for where its processes live, and who says what is started."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

from poller.execution.container.box import Container
from poller.execution.container.engine import EngineError
from poller.execution.container.housing import Housing
from poller.execution.contract import FunctionSpec
from poller.execution.environment.environment import ProcessEnvironment
from poller.execution.environment.startup import Startup
from poller.execution.runtimes.contract import InvalidEntrypoint
from poller.execution.sandbox.box import Box
from poller.execution.sandbox.processes import SpawnError
from poller.observe.events import Emit


class NoContainer(InvalidEntrypoint):
    """The engine gave none: the invocation fails with the service's word for a failure of its own. The message says why."""

    error_type = "Sandbox.Failure"


class ContainerEnvironment(ProcessEnvironment):
    """One environment; its container is made with the first INIT, and anew should it end by itself."""

    def __init__(
        self,
        spec: FunctionSpec,
        housing: Housing,
        state: Path,
        emit: Emit,
        busy: Callable[[ProcessEnvironment, bool], None],
    ) -> None:
        super().__init__(spec, housing, state, emit, busy=busy)
        self._housing = housing

    async def _place(self) -> tuple[Box, Startup]:
        """The container, and what its image starts."""
        try:
            plan = await self._housing.startup()
            box = await self._placed(plan)
            extensions = await box.extensions() if isinstance(box, Container) else {}
        except (EngineError, SpawnError) as error:
            raise NoContainer(str(error)) from error
        return box, dataclasses.replace(plan, extensions=extensions)
