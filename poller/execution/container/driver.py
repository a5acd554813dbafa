"""The container driver: functions from images that an engine runs, Docker or Podman's service.

The engine makes, limits and removes containers. What runs in one is started, told and ended by the daemon through an agent inside
(machine.py, agent.py), so logs, extensions, resets and exits are as in every other environment, and the Runtime API is served on a socket
that was opened inside: it cannot be reached from anywhere else, whatever the engine's networks are.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from poller.execution.container.engine import Engine, EngineError, find
from poller.execution.container.housing import Housing, Users
from poller.execution.container.images import Images
from poller.execution.container.machine import CALLS
from poller.execution.container.ownership import DAEMON, FUNCTION, STATE, daemon_id, lives, state_id
from poller.execution.contract import Driver, Environment, FunctionSpec, Preparing
from poller.execution.environment.environment import serial
from poller.execution.environment.memory import MemoryWatch
from poller.observe.events import Emit, EngineFailedError

ALONE = (
    "the container driver runs one invocation at a time in an environment: leave out per_execution_environment_max_concurrency, "
    "or let the process driver run the image"
)


class ContainerDriver(Driver, Preparing):
    """state: folder of the daemon. endpoint_url: of the engine, "" to look for one. network: of the engine."""

    def __init__(self, state: Path, emit: Emit, endpoint_url: str = "", network: str = "default") -> None:
        self._folder = state.absolute() / "container"
        self._emit = emit
        self._endpoint_url = endpoint_url
        self._network = network
        self._found: Engine | None = None
        self._images = Images(self._engine, emit)
        self._users = Users()
        self._watch = MemoryWatch()

    def problems(self, spec: FunctionSpec) -> list[str]:
        """Whether there is an engine; it is connected to, and asked nothing."""
        machine = os.uname().machine
        if machine not in CALLS:
            return [f"the container driver runs on {' and '.join(CALLS)}, and this is {machine}"]
        _, trouble = find(self._endpoint_url)
        return [*([trouble] if trouble else []), *([ALONE] if spec.max_concurrency > 1 else [])]

    async def prepare(self, specs: Iterable[FunctionSpec]) -> None:
        """Remove what a killed daemon has left, and find out which images the functions have, fetching those that are not there."""
        images = {spec.engine_image for spec in specs if spec.engine_image}
        if images:
            await self._sweep()
            await asyncio.gather(*(self._images.found(image) for image in images), return_exceptions=True)

    def environment(self, spec: FunctionSpec) -> Environment:
        """A new environment, not yet started."""
        if spec.engine_image is None:
            raise ValueError(f"{spec.name} has no image of an engine")
        daemon = daemon_id()
        housing = Housing(
            spec,
            spec.engine_image,
            engine=self._engine,
            images=self._images,
            users=self._users,
            labels={STATE: state_id(self._folder), DAEMON: daemon, FUNCTION: spec.name},
            folder=self._folder / daemon,
            network=self._network,
            emit=self._emit,
        )
        return serial(spec, housing, self._emit, self._watch.watch)

    async def close(self) -> None:
        """Forget the engine."""
        await self._watch.close()
        await self._images.close()
        if self._found is not None:
            await self._found.close()
        shutil.rmtree(self._folder / daemon_id(), ignore_errors=True)

    def _engine(self) -> Engine:
        """The engine that was found; looked for again until there is one. Raises EngineError."""
        if self._found is None:
            url, trouble = find(self._endpoint_url)
            if trouble:
                raise EngineError(trouble)
            self._found = Engine(url)
        return self._found

    async def _sweep(self) -> None:
        """Containers and folders of daemons that are gone. Those end by themselves; this is for an engine that has not noticed."""
        try:
            engine = self._engine()
            for container, labels in (await engine.labelled(f"{STATE}={state_id(self._folder)}")).items():
                if not lives(labels.get(DAEMON, "")):
                    await engine.remove(container)
        except EngineError as error:
            self._emit(EngineFailedError(verb="sweep", message=str(error)))
            return
        for folder in self._folder.iterdir():
            if folder.is_dir() and not lives(folder.name):
                shutil.rmtree(folder, ignore_errors=True)
