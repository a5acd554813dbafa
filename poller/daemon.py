"""The top of the program: start, run, drain, stop."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from poller.aio.clock import Clock, SystemClock
from poller.aio.stop import Stop
from poller.control import assemble, gauges, mappings, shelves
from poller.control.api.access import Access
from poller.control.api.front import Front
from poller.control.api.logs import Logs
from poller.control.checkpoints import CheckpointStore, StoredCheckpoints
from poller.control.guard import Guard
from poller.control.operations import Operations
from poller.control.port import Port
from poller.control.running import Running
from poller.control.views import Views
from poller.execution.contract import Driver, Isolating, Preparing, Reporting, Stocked
from poller.observe.ages import Ages
from poller.observe.events import (
    DefectFoundError,
    Emit,
    Fact,
    MappingStarted,
    PortOpened,
    SandboxChosen,
    StopBegan,
    StopEnded,
)
from poller.observe.metrics import Metrics
from poller.pipeline.mapping import Mapping
from poller.pipeline.stream import StreamMapping
from poller.settings.model import Settings

FINISHING_SHARE = 0.75
"""Of the stop timeout, for running invocations to finish; the rest is for cutting, handing back and ending processes."""


class Daemon:
    """Everything that one configuration asks for, from ``run`` to its end. driver: makes what runs the functions, given where facts go."""

    def __init__(
        self, settings: Settings, driver: Callable[[Emit], Driver], log: Emit, clock: Clock | None = None
    ) -> None:
        self._settings = settings
        self._log = log
        self._clock = clock or SystemClock()
        self._metrics = Metrics()
        self._ages = Ages()
        self._log_store = assemble.log_store(settings, self._emit)
        shipping = assemble.log_shipping(settings, self._emit, self._clock)
        self._logged = [each for each in (self._log_store, shipping) if each is not None]
        self._driver = driver(self._emit)
        self._stop: Stop | None = None
        self._slots = assemble.slots(settings)
        self._pools = assemble.pools(settings, self._driver, self._emit, self._clock)
        self._invoker = assemble.invoker(settings, self._pools, self._emit)
        self._checkpoints = CheckpointStore(Path(settings.state), self._emit)
        enabled = (name for name, mapping in settings.event_source_mappings.items() if mapping.enabled)
        self._mappings = {name: self._running(name) for name in enabled}
        self._views = Views(settings, self._mappings, self._ages, lambda: bool(self._stop and self._stop.soft))
        operations = Operations(settings, self._mappings, self._views.operators)
        region = assemble.region(settings.aws)
        access = Access(settings.http, account=settings.aws.account_id, region=region, now=time.time)
        logs = Logs(self._log_store, f"arn:aws:logs:{region}:{settings.aws.account_id}")
        front = Front({}, access, logs=logs.handlers(), emit=self._emit)
        guard = Guard(settings.http, Path(settings.state))
        routes = [*operations.routes(), *front.routes()]
        self._port = Port(self._metrics, self.readiness, self._about, routes, guard=guard)
        self._metrics.watch("slots_in_use", "Slots taken; pool empty: unreserved.", "pool", self._slots.in_use)
        self._metrics.watch("slots_waiting", "Invocations that wait for a slot.", "pool", self._slots.waiting)
        self._metrics.watch("records_in_hand", "Records fetched and not settled.", "mapping", self._views.in_hand)
        gauges.watch(self._metrics, self._pools)
        if isinstance(self._driver, Stocked):
            text = "Execution environments prepared ahead, INIT not begun; none of the others."
            self._metrics.watch("environments_spare", text, "function", self._driver.spares)

    async def run(self, stop: Stop) -> int:
        """Run until the stop, then drain. Returns records cut in flight, which may be delivered twice; 0 when all was finished.

        Raises PortError when the port cannot be opened; nothing was started then.
        """
        with shelves.kept(Path(self._settings.state), (pool.spec for pool in self._pools.values())):
            return await self._run(stop)

    async def _run(self, stop: Stop) -> int:
        self._stop = stop
        url = await self._port.open(self._settings.http)
        self._emit(PortOpened(url=url))
        if isinstance(self._driver, Isolating):
            sandbox, why = self._driver.sandbox()
            self._emit(SandboxChosen(sandbox=sandbox, why=why))
        preparing = asyncio.create_task(self._prepare(), name="preparation")
        for name in self._with_provisioned():
            self._pools[name].provision()
        running = [
            asyncio.create_task(self._keep_running(name, stop), name=f"mapping {name}") for name in self._mappings
        ]
        try:
            await stop.wait()
            return await self._drain(running, stop)
        finally:
            await self._close([*running, preparing])

    def readiness(self) -> dict[str, list[dict[str, Any]]]:
        """What /readyz shows: each mapping, whether it works, and why not; each function with provisioned concurrency or elsewhere."""
        functions = [self._provisioned(name) for name in self._with_provisioned()]
        return {"mappings": self._views.readiness(), "functions": functions + list(self._remotes())}

    async def _prepare(self) -> None:
        if isinstance(self._driver, Preparing):
            try:
                await self._driver.prepare([pool.spec for pool in self._pools.values()])
            except Exception as error:  # noqa: BLE001  # ours; functions try for themselves
                self._found_defect("preparation", error, 0.0)

    def _about(self) -> dict[str, str]:
        """What else /readyz shows, and what makes nothing unready."""
        return {"sandbox": self._driver.sandbox()[0]} if isinstance(self._driver, Isolating) else {}

    async def _keep_running(self, name: str, stop: Stop) -> None:
        settings = self._settings.event_source_mappings[name]
        self._emit(MappingStarted(mapping=name, function=settings.function, source=settings.source.type))
        await self._mappings[name].run(stop)

    def _running(self, name: str) -> Running[Mapping | StreamMapping]:
        settings = self._settings.event_source_mappings[name]
        around = mappings.Around(
            settings=self._settings,
            pools=self._pools,
            slots=self._slots,
            invoker=self._invoker,
            clock=self._clock,
            emit=self._emit,
        )

        def build(checkpoints: StoredCheckpoints | None) -> Mapping | StreamMapping:
            return mappings.stream(name, around, checkpoints) if checkpoints else mappings.queue(name, around)

        def taken() -> AbstractAsyncContextManager[StoredCheckpoints | None]:
            return self._checkpoints.taken(name) if mappings.is_stream(settings) else contextlib.nullcontext()

        return Running(
            name,
            build,
            taken,
            found_defect=lambda error, delay: self._found_defect(f"mapping {name}", error, delay),
            grace=self._settings.stop_timeout_seconds * FINISHING_SHARE,
            clock=self._clock,
            emit=self._emit,
        )

    async def _drain(self, mappings: list[asyncio.Task[None]], stop: Stop) -> int:
        """Let running invocations finish, then cut."""
        began = self._clock.now()
        seconds = self._settings.stop_timeout_seconds * FINISHING_SHARE
        self._emit(StopBegan(reason=stop.reason, seconds=seconds))
        hurry = asyncio.create_task(stop.wait_hurry())
        finishing: asyncio.Future[Any] = asyncio.gather(*mappings)
        first: set[asyncio.Future[Any]] = {hurry, finishing}
        await asyncio.wait(first, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        hurry.cancel()
        unfinished = sum(self._views.in_hand().values())
        finishing.cancel()
        await asyncio.gather(finishing, return_exceptions=True)
        self._emit(StopEnded(unfinished=unfinished, seconds=self._clock.now() - began))
        return unfinished

    async def _close(self, tasks: list[asyncio.Task[None]]) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(pool.close() for pool in self._pools.values()))
        await self._driver.close()
        await self._checkpoints.close()
        await asyncio.gather(*(each.close() for each in self._logged))
        await self._port.close()

    def _with_provisioned(self) -> list[str]:
        return [name for name, function in self._settings.functions.items() if function.provisioned_concurrency]

    def _provisioned(self, name: str) -> dict[str, Any]:
        allocation = self._pools[name].allocation
        ready = allocation.status == "READY"
        return {"function": name, "ready": ready, "provisioned_concurrency": dataclasses.asdict(allocation)}

    def _remotes(self) -> Iterator[dict[str, Any]]:
        """Functions elsewhere that were invoked: ready unless the last invocation was not taken."""
        if not isinstance(self._driver, Reporting):
            return
        for name in self._settings.functions:
            if health := self._driver.health(name):
                shown = dataclasses.asdict(health) | {
                    field: at and datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
                    for field, at in (("last_success", health.last_success), ("failing_since", health.failing_since))
                }
                yield {"function": name, "ready": not health.trouble, "remote": shown}

    def _found_defect(self, part: str, error: Exception, delay: float) -> None:
        trace = "".join(traceback.format_exception(error))
        self._emit(DefectFoundError(part=part, message=repr(error), trace=trace, retry_seconds=delay))

    def _emit(self, fact: Fact) -> None:
        self._metrics.emit(fact)
        self._ages.emit(fact)
        self._log(fact)
        for each in self._logged:
            each(fact)
