"""Premises on this host: a box of the isolation in force, for what the function's spec says."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path

from poller.execution.contract import FunctionSpec
from poller.execution.environment.premises import Premises
from poller.execution.environment.startup import Startup, startup
from poller.execution.package import temporary_folder
from poller.execution.sandbox.box import Box
from poller.execution.sandbox.isolation import Demand, Isolation


class Host(Premises):
    """Of one environment. state: folder for temporary files, where there is no sandbox."""

    def __init__(self, spec: FunctionSpec, isolation: Isolation, state: Path) -> None:
        self.name = uuid.uuid4().hex
        self._spec = spec
        self._isolation = isolation
        self._state = state
        self._temporary: Path | None = None
        self._startup: Startup | None = None

    async def plan(self) -> Startup:
        """Made once: what starts in the box later must find there what the box was made for."""
        if self._startup is None:
            if self._temporary is None and not self._isolation.sandboxed:
                self._temporary = temporary_folder(self._state, self.name)
            temporary = self._temporary or Path("/tmp")  # noqa: S108  # a sandbox has its own there
            self._startup = startup(self._spec, self._state, sandboxed=self._isolation.sandboxed, temporary=temporary)
        return self._startup

    async def box(self, plan: Startup, mark: Callable[[], bytes]) -> Box:
        """Of the isolation."""
        demand = Demand(
            name=self.name,
            layout=plan.layout,
            memory_mb=self._spec.memory_mb,
            network=self._isolation.network(self._spec.network),
            ports=self._spec.host_ports,
        )
        return await self._isolation.box(demand, mark)

    async def extensions(self, plan: Startup) -> Mapping[str, str]:
        """Those in the layers or in the image, which are files of this host."""
        return plan.extensions

    def close(self) -> None:
        """Remove what stood in the place of /tmp."""
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)
