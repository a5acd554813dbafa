"""What a configuration leads to, tried: each enabled source is connected to, an environment of each function is started to readiness.

Nothing is received, joined or made at a source, and no function is given an event. Functions that run elsewhere are not asked: every
question there is an invocation.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial

from connectors.contract import Probing, SourceError
from poller.aio.clock import Clock
from poller.control import assemble
from poller.execution.contract import Driver, FunctionSpec
from poller.observe.events import Emit, EnvironmentStarted, Fact
from poller.settings.mappings import source
from poller.settings.model import MappingSettings, Settings
from poller.settings.package import PackageError

PATIENCE = 30.0
"""Seconds for one source. A connector's own limits are below this; who hangs past them is told so."""
AT_ONCE = 8
"""Sources that are tried at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One thing that was tried. kind: mapping or function. text: what was found there, or why it does not work; no secrets."""

    kind: str
    name: str
    ok: bool
    seconds: float
    text: str


async def trials(
    settings: Settings, driver: Callable[[Emit], Driver], emit: Emit, clock: Clock, told: Callable[[Trial], None]
) -> None:
    """Try all of it: mappings, told as they are done, then functions one after the other. emit: gets what environments tell."""
    room = asyncio.Semaphore(AT_ONCE)
    async with asyncio.TaskGroup() as group:
        for name, mapping in settings.event_source_mappings.items():
            if mapping.enabled:
                group.create_task(_mapping(name, mapping, room, clock, told), name=f"trial of {name}")
    started: dict[str, EnvironmentStarted] = {}

    def heard(fact: Fact) -> None:
        if isinstance(fact, EnvironmentStarted):
            started[fact.environment] = fact
        emit(fact)

    runs = driver(heard)
    try:
        for name, function in settings.functions.items():
            if function.remote is None:
                told(await _timed("function", name, clock, partial(_started, name, settings, runs, started)))
    finally:
        await runs.close()


async def _mapping(
    name: str, mapping: MappingSettings, room: asyncio.Semaphore, clock: Clock, told: Callable[[Trial], None]
) -> None:
    async with room:
        told(await _timed("mapping", name, clock, partial(_found, mapping)))


async def _found(mapping: MappingSettings) -> tuple[bool, str]:
    """Whether the source is there, and what it is."""
    tried = source(mapping)
    try:
        async with asyncio.timeout(PATIENCE):
            identity = await (tried.probe() if isinstance(tried, Probing) else tried.open())
    except SourceError as error:
        return False, str(error)
    except TimeoutError:
        return False, f"no answer within {PATIENCE:g} seconds"
    finally:
        await tried.close()
    return True, identity.label


async def _started(
    name: str, settings: Settings, driver: Driver, started: Mapping[str, EnvironmentStarted]
) -> tuple[bool, str]:
    """Whether INIT of a function goes well, and why not; its log has more."""
    try:
        spec: FunctionSpec = await asyncio.to_thread(assemble.spec, name, settings.functions[name], settings)
    except PackageError as error:
        return False, str(error)
    environment = driver.environment(spec)
    try:
        await environment.start()
        ready = environment.warm
    finally:
        await environment.stop()
    fact = started.get(environment.id)
    why = f": {fact.error_type}" if fact and fact.error_type else ""
    return ready, "INIT went well" if ready else f"INIT failed{why}"


async def _timed(kind: str, name: str, clock: Clock, attempt: Callable[[], Awaitable[tuple[bool, str]]]) -> Trial:
    began = clock.now()
    ok, text = await attempt()
    return Trial(kind=kind, name=name, ok=ok, seconds=clock.now() - began, text=text)
