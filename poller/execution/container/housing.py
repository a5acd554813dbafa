"""Where an environment in a container is put: its image, limits and network, and the making of its box."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path

from poller.execution.container.box import Container, Door
from poller.execution.container.configuration import FIRST_MAPPED_USER, FIRST_USER, container
from poller.execution.container.engine import Engine, EngineError, Found
from poller.execution.container.images import Images
from poller.execution.contract import EngineImage, FunctionSpec
from poller.execution.environment.premises import Premises
from poller.execution.environment.startup import Startup
from poller.execution.runtimes.contract import InvalidEntrypoint, Launch
from poller.execution.sandbox.bubblewrap import Layout
from poller.execution.sandbox.processes import SpawnError
from poller.observe.events import Emit, EngineFailedError


class Users:
    """Numbers of users, one an environment."""

    def __init__(self) -> None:
        self._taken: set[int] = set()

    def take(self, first: int) -> int:
        """The first from there on that nobody has; to be given back with ``give_back``."""
        number = next(n for n in range(first, first + len(self._taken) + 1) if n not in self._taken)
        self._taken.add(number)
        return number

    def give_back(self, number: int) -> None:
        """Others may have it now."""
        self._taken.discard(number)


class NoContainer(InvalidEntrypoint):
    """The engine gave none: the invocation fails with the service's word for a failure of its own. The message says why."""

    error_type = "Sandbox.Failure"


class Housing(Premises):
    """Of one environment. folder: for the doors of containers. network: of the engine, for functions that name none.

    Its container is made with the first INIT, and anew should it end by itself.
    """

    def __init__(
        self,
        spec: FunctionSpec,
        image: EngineImage,
        *,
        engine: Callable[[], Engine],
        images: Images,
        users: Users,
        labels: Mapping[str, str],
        folder: Path,
        network: str,
        emit: Emit,
    ) -> None:
        self.name = uuid.uuid4().hex
        self._spec = spec
        self._image = image
        self._engine = engine
        self._images = images
        self._users = users
        self._labels = labels
        self._folder = folder
        self._engine_network = network
        self._emit = emit
        self._found: Found | None = None
        self._container: Container | None = None

    async def plan(self) -> Startup:
        """What the image starts; its extensions are known when there is a container. Raises InvalidEntrypoint."""
        try:
            found = self._found = await self._images.found(self._image)
        except EngineError as error:
            raise NoContainer(str(error)) from error
        image = self._image
        entrypoint = found.entrypoint if image.entrypoint is None else image.entrypoint
        argv = entrypoint + (found.cmd if image.cmd is None else image.cmd)
        if not argv:
            raise InvalidEntrypoint(
                f"the image {image.name} has neither ENTRYPOINT nor CMD: name what to start in image_config"
            )
        if not argv[0].startswith("/"):
            raise InvalidEntrypoint(f"fork/exec {argv[0]}: no such file or directory")
        return Startup(
            spec=self._spec,
            launch=Launch(
                argv=argv,
                directory=image.working_directory or found.working_directory,
                environment={**found.environment, "AWS_EXECUTION_ENV": "AWS_Lambda_Image"},
            ),
            layout=Layout(root=None, mounts={}, temporary_bytes=0),
            extensions={},
            temporary="",
        )

    async def box(self, plan: Startup, mark: Callable[[], bytes]) -> Container:  # noqa: ARG002  # nobody else reaches its listener
        """A container, started, with our agent in it. Raises NoContainer."""
        try:
            box = self._container = await self._made()
        except (EngineError, SpawnError) as error:
            raise NoContainer(str(error)) from error
        return box

    async def extensions(self, plan: Startup) -> Mapping[str, str]:  # noqa: ARG002  # only inside they can be seen
        """Those of the image, as seen in the container. Raises NoContainer."""
        assert self._container is not None  # noqa: S101  # the box comes first
        try:
            return await self._container.extensions()
        except SpawnError as error:
            raise NoContainer(str(error)) from error

    def close(self) -> None:
        """Nothing is left: the container took it along."""

    async def _made(self) -> Container:
        assert self._found is not None  # noqa: S101  # the plan comes first
        engine, spec = self._engine(), self._spec
        network = "none" if spec.network == "none" else self._engine_network
        async with contextlib.AsyncExitStack() as undo:
            user = self._users.take(FIRST_MAPPED_USER if await engine.maps_users() else FIRST_USER)
            undo.callback(self._users.give_back, user)
            door = Door(self._folder / self.name)
            undo.callback(door.close)  # an agent that has called meanwhile ends with it, and so does its container
            configuration = container(
                spec, self._found.id, door=door.folder, network=network, user=user, labels=self._labels
            )
            identifier = await engine.start(configuration)
            undo.push_async_callback(self._remove, engine, identifier)
            box = await Container.open(door, spec.host_ports)
            box.closing = undo.pop_all()
        return box

    async def _remove(self, engine: Engine, identifier: str) -> None:
        try:
            await engine.remove(identifier)
        except EngineError as error:  # it ends without the engine, too
            self._emit(EngineFailedError(verb="remove", message=str(error)))
