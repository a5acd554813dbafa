"""One execution environment, from INIT to SHUTDOWN (Lambda DG, Understanding the Lambda execution environment lifecycle).

What holds here:

1. Whatever a function does, ``invoke`` returns a result. After a timeout or a crash none of its processes is left.
2. A reset environment starts its processes anew inside the next invocation, on that invocation's time; its /tmp stays.
3. The runtime talks to this environment's own Runtime API: in a network of its own nobody else can reach it, elsewhere callers are checked.

How invocations run, one at a time or several at once, is the business of its ``Invocations``; where its processes live is that of its
``Premises``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from poller.execution.contract import Environment, FunctionSpec, Invocation, Result
from poller.execution.environment.memory import Watched
from poller.execution.environment.parts import Parts, log_stream
from poller.execution.environment.premises import Premises
from poller.execution.environment.serial import Serial
from poller.execution.environment.site import Site
from poller.execution.logs import Capture
from poller.execution.runtime_api import RuntimeApi
from poller.observe.events import Emit, EnvironmentStarted

Watch = Callable[[Watched], None]
"""Told when an environment begins to run something: its memory is watched from now on, while it does."""
Started = Callable[[FunctionSpec], None]
"""Told when an INIT ahead of any event went well."""


class Invocations(Protocol):
    """How events run in an environment."""

    @property
    def overdue(self) -> int:
        """Invocations that were given up, but whose code may still run; each keeps its place."""
        ...

    async def invoke(self, invocation: Invocation) -> Result:
        """Run one event, INIT first if there is no runtime."""
        ...

    async def stop(self) -> None:
        """The environment is about to end: begin nothing any more. None is running, unless it was cut."""
        ...


class ProcessEnvironment(Environment):
    """One environment."""

    def __init__(self, parts: Parts, invocations: Invocations, emit: Emit, watch: Watch, started: Started) -> None:
        self._spec = parts.spec
        self._id = parts.site.premises.name
        self._parts = parts
        self._processes = parts.processes
        self._invocations = invocations
        self._emit = emit
        self._watch = watch
        self._started = started
        self._inside = 0  # invocations, those that wait for INIT too; or INIT
        self._stopped = False

    @property
    def id(self) -> str:
        """Hex part of the log stream's name."""
        return self._id

    @property
    def alive(self) -> bool:
        """Until it is stopped, or only what was given up runs in it: a reset environment starts again."""
        return not (self._stopped or (self._invocations.overdue and not self._inside))

    @property
    def capacity(self) -> int:
        """What was given up keeps its place."""
        return self._spec.max_concurrency - self._invocations.overdue

    @property
    def busy(self) -> bool:
        """Whether INIT or an invocation is under way."""
        return self._inside > 0

    @property
    def warm(self) -> bool:
        """The runtime is there and has asked for an event."""
        return self._processes.warm

    @property
    def pid(self) -> int | None:
        """Of the runtime's process, while it runs and nobody has killed it."""
        runtime = self._processes.runtime
        return runtime.pid if runtime is not None and self._processes.running else None

    @property
    def prepared(self) -> bool:
        """Whether ``prepare`` has done its work, and it is all still there."""
        return not self._stopped and self._processes.prepared

    async def prepare(self) -> None:
        """Make the sandbox and, if the runtime can wait, start it as far as it goes without the function. INIT has not begun.

        Called once at most, before ``start``. Raises OSError and InvalidEntrypoint; ``stop`` is to follow then.
        """
        await self._processes.prepare()

    async def start(self) -> None:
        """INIT; a failure is remembered by the runtime not being there, and repeated in the first invocation."""
        self._inside += 1
        self._watch(self)
        try:
            failure, took = await self._parts.init.ahead()
        finally:
            self._inside -= 1
        if not failure:
            self._started(self._spec)
        self._emit(
            EnvironmentStarted(
                function=self._spec.name, environment=self._id, init_seconds=took / 1000, error_type=failure
            )
        )

    async def invoke(self, invocation: Invocation) -> Result:
        """Run one event; a runtime that is not there is started first, on the invocation's time."""
        self._inside += 1
        self._watch(self)
        try:
            return await self._invocations.invoke(invocation)
        finally:
            self._inside -= 1

    async def stop(self) -> None:
        """SHUTDOWN: extensions are asked to end; without any, SIGKILL at once (Lambda DG, shutdown phase)."""
        if self._stopped:
            return
        self._stopped = True
        await self._invocations.stop()
        await self._parts.close()

    def check_memory(self) -> None:
        """Kill the runtime if all processes together are past the limit."""
        if self._processes.running and self._processes.memory.look() > self._spec.memory_mb * 1024 * 1024:
            self._processes.starve()


def serial(
    spec: FunctionSpec, premises: Premises, emit: Emit, watch: Watch, started: Started = lambda _: None
) -> ProcessEnvironment:
    """A new environment that runs one invocation at a time; not yet started."""
    site = Site(premises)
    capture = Capture(spec.name, log_stream(spec, premises.name), emit, spec.logging)
    parts = Parts(spec, site, RuntimeApi(site.admits), capture)
    return ProcessEnvironment(parts, Serial(parts), emit, watch, started)
