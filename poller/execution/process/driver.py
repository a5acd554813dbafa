"""The process driver: environments as processes of this host, in sandboxes where the host allows it."""

from __future__ import annotations

import functools
import os
import stat
from pathlib import Path

from poller.execution.concurrent.environment import concurrent
from poller.execution.contract import Driver, Environment, FunctionSpec, Isolating, Stocked
from poller.execution.environment.environment import ProcessEnvironment, serial
from poller.execution.environment.memory import MemoryWatch
from poller.execution.process.host import Host
from poller.execution.process.spares import Spares
from poller.execution.runtimes import catalogue
from poller.execution.runtimes.contract import RuntimeUnavailable
from poller.execution.sandbox.isolation import Isolation, isolation
from poller.execution.sandbox.processes import Spawner
from poller.observe.events import Emit


class ProcessDriver(Driver, Stocked, Isolating):
    """state: folder for runtimes and temporary files. sandbox: auto, bubblewrap or none."""

    def __init__(self, state: Path, emit: Emit, sandbox: str = "auto") -> None:
        self._state = state
        self._emit = emit
        self._sandbox = sandbox
        self._spawner = Spawner()
        self._watch = MemoryWatch()
        self._spares = Spares(self._new, emit)

    @functools.cached_property
    def isolation(self) -> Isolation:
        """What keeps environments apart here; looked for when it is first asked for."""
        return isolation(self._sandbox, self._spawner, self._state)

    def sandbox(self) -> tuple[str, str]:
        """The isolation's words."""
        return self.isolation.description, self.isolation.missing

    def problems(self, spec: FunctionSpec) -> list[str]:
        """Which runtime is missing, or needs what is not here."""
        found = []
        if self._sandbox == "bubblewrap" and not self.isolation.sandboxed:
            found.append(f"sandbox: bubblewrap cannot be had: {self.isolation.description}")
        if problem := self.isolation.problem(self.isolation.network(spec.network)):
            found.append(problem)
        if self.isolation.sandboxed and (folder := _closed(spec.task_root, spec.layers_root)):
            found.append(
                f"functions of a daemon that runs as root run as users of their own, and those may not read {folder}: "
                f"chmod -R o+rX {folder}, or run the daemon as its owner"
            )
        if spec.file_systems and not self.isolation.sandboxed:
            found.append(f"file_system_configs take a sandbox, and there is none ({self.isolation.description})")
        if spec.image is not None:
            return found + ([] if self.isolation.sandboxed else [_rootless("the image", self.isolation)])
        try:
            runtime = catalogue.find(spec.runtime, self._state)
        except RuntimeUnavailable as error:
            return [*found, str(error)]
        if spec.max_concurrency > 1 and not runtime.concurrent:
            found.append(
                "per_execution_environment_max_concurrency takes a client that runs several invocations at once, and that of "
                f"{spec.runtime} does not ({runtime.description}): leave it out, or take python, java, nodejs22.x or later"
            )
        if runtime.root is not None and not self.isolation.sandboxed:
            found.append(_rootless(f"the runtime {spec.runtime}", self.isolation))
        return found

    def environment(self, spec: FunctionSpec) -> Environment:
        """A new environment, not yet started, or a spare."""
        return self._spares.take(spec) or self._new(spec)

    def spares(self) -> dict[str, int]:
        """Those that are ready."""
        return self._spares.counts()

    async def close(self) -> None:
        """Watch memory no longer; whatever still runs is killed."""
        await self._spares.close()
        await self._watch.close()
        await self._spawner.close()

    def _new(self, spec: FunctionSpec) -> ProcessEnvironment:
        made = serial if spec.max_concurrency == 1 else concurrent
        host = Host(spec, self.isolation, self._state)
        return made(spec, host, self._emit, self._watch.watch, self._spares.want)


def _closed(*folders: str | None) -> str:
    """The first folder that only its owner may read, where functions are not its owner; "" without any."""
    if os.geteuid() != 0:
        return ""
    return next((name for name in folders if name and not Path(name).stat().st_mode & stat.S_IXOTH), "")


def _rootless(what: str, isolation: Isolation) -> str:
    return (
        f"{what} has a root file system of its own, which takes a sandbox, and there is none ({isolation.description})"
    )
