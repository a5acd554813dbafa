"""The top of the program: start, run, drain, stop."""

from __future__ import annotations

import asyncio
import dataclasses
import socket
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from poller.aio.clock import Clock, SystemClock
from poller.aio.stop import Stop
from poller.control import assemble, asynchronous, gauges, shelves
from poller.control.api.access import Access
from poller.control.api.front import Front
from poller.control.api.logs import Logs
from poller.control.api.resources import Resources
from poller.control.checkpoints import CheckpointStore
from poller.control.desired import Desired
from poller.control.fleet import Around, Fleet
from poller.control.guard import Guard
from poller.control.operations import Operations
from poller.control.port import Port, PortError
from poller.control.reload import Read, Reload
from poller.control.supervision import Supervision
from poller.control.surveys import Surveys
from poller.control.urls import Signatures, UrlDoor
from poller.control.views import Views
from poller.control.writer import Writer
from poller.dispatch.backlog import Backlog
from poller.execution.contract import Driver, Isolating, Reporting, Stocked
from poller.observe.ages import Ages
from poller.observe.events import (
    DefectFoundError,
    Emit,
    Fact,
    PortOpened,
    SandboxChosen,
    StopBegan,
    StopEnded,
)
from poller.observe.metrics import Metrics
from poller.observe.notify import Notify
from poller.settings.load import Loaded
from poller.settings.model import Settings

FINISHING_SHARE = 0.75
"""Of the stop timeout, for running invocations to finish; the rest is for cutting, handing back and ending processes."""


class Daemon:
    """Everything that one configuration asks for, from ``run`` to its end.

    driver: makes what runs the functions, given where facts go. origin: where the settings were read, for people. read: reads them again.
    notify: the service manager. sockets: those that it opened for us, ``http`` and ``urls``; they stay the caller's.
    """

    def __init__(
        self,
        settings: Settings,
        driver: Callable[[Emit], Driver],
        log: Emit,
        *,
        origin: str = "the configuration",
        read: Read | None = None,
        clock: Clock | None = None,
        notify: Notify | None = None,
        sockets: Mapping[str, socket.socket] | None = None,
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
        self.url = ""
        """Of the port, as soon as it is open."""
        writer = Writer(Path(settings.state))
        self._checkpoints = CheckpointStore(Path(settings.state), self._emit, writer=writer)
        around = Around(
            driver=self._driver,
            checkpoints=self._checkpoints,
            clock=self._clock,
            emit=self._emit,
            found_defect=self._found_defect,
            grace=settings.stop_timeout_seconds * FINISHING_SHARE,
        )
        self.desired = Desired(settings, origin)
        self._fleet = fleet = Fleet(self.desired.settings(self._driver), around)
        self.desired.runs_as(fleet)
        self.backlog: Backlog = asynchronous.backlog(fleet, writer, clock=self._clock, emit=self._emit)
        """Where asynchronous invocations are accepted, while ``run`` is under way."""
        self._views = Views(fleet, self._ages, lambda: bool(self._stop and self._stop.soft))
        self._guard = guard = Guard(settings.http, Path(settings.state))
        operations = Operations(fleet, self._views.operators, guard)
        self._supervision = Supervision(
            notify or Notify(),
            fleet.mappings,
            fleet.slots.waiting,
            self._views.readiness,
            writer=writer,
            stop_seconds=settings.stop_timeout_seconds,
            clock=self._clock,
            emit=self._emit,
        )
        self.reloading = Reload(
            self.desired,
            settings,
            read or (lambda: Loaded(settings)),
            self._use,
            self._emit,
            told=self._supervision.reloading,
        )
        given = sockets or {}
        identify = Signatures(self._secret, time.time).identify
        self._urls = UrlDoor(fleet, identify, self._emit, grace=around.grace, given=given.get("urls"))
        resources = Resources(self.desired, self.backlog, lambda: self.url, self._urls.address)
        self._calls = resources.invoke
        self.offered = resources.handlers().keys() | resources.invoke.raw().keys()
        """Operations of the Lambda API."""
        region = assemble.region_of(settings.aws)
        self._access = access = Access(settings.http, account=settings.aws.account_id, region=region, now=time.time)
        logs = Logs(self._log_store, f"arn:aws:logs:{region}:{settings.aws.account_id}")
        front = Front(resources.handlers(), access, logs=logs.handlers(), raw=resources.invoke.raw(), emit=self._emit)
        routes = [*operations.routes(), *self.reloading.routes(guard), *resources.routes(), *front.routes()]
        surveys = Surveys(fleet.mappings, self._metrics)
        self._port = Port(
            self._metrics, self.readiness, self._about, routes, surveys.take, guard=guard, given=given.get("http")
        )
        self._metrics.watch("slots_in_use", "Slots taken; pool empty: unreserved.", "pool", fleet.slots.in_use)
        self._metrics.watch("slots_waiting", "Invocations that wait for a slot.", "pool", fleet.slots.waiting)
        self._metrics.watch("records_in_hand", "Records fetched and not settled.", "mapping", self._views.in_hand)
        text = "Age of the last record of a batch when its invocation ended (IteratorAge), of the oldest partition; 0: all is done."
        self._metrics.watch("iterator_age_seconds", text, "mapping", self._ages.all)
        gauges.watch(self._metrics, fleet.pools)
        gauges.watch_backlog(self._metrics, self.backlog)
        if isinstance(self._driver, Stocked):
            text = "Execution environments prepared ahead, INIT not begun; none of the others."
            self._metrics.watch("environments_spare", text, "function", self._driver.spares)

    async def run(self, stop: Stop) -> int:
        """Run until the stop, then drain. Returns records and events cut in flight, which may come twice; 0 when all was finished.

        Raises PortError when the port cannot be opened; nothing was started then.
        """
        with shelves.kept(Path(self._settings.state), (pool.spec for pool in self._fleet.pools.values())):
            return await self._run(stop)

    async def _run(self, stop: Stop) -> int:
        self._stop = stop
        self.url = await self._port.open(self._settings.http)
        self._emit(PortOpened(url=self.url))
        try:
            await self._urls.open()
        except PortError:
            await self._port.close()
            raise
        if isinstance(self._driver, Isolating):
            sandbox, why = self._driver.sandbox()
            self._emit(SandboxChosen(sandbox=sandbox, why=why))
        self._fleet.start(stop)
        later = asyncio.create_task(self._keep_backlog(stop), name="asynchronous invocations")
        supervised = asyncio.create_task(self._supervision.keep(), name="supervision")
        self._supervision.ready()
        try:
            await stop.wait()
            self._supervision.stopping(stop.reason)
            return await self._drain(later, stop)
        finally:
            supervised.cancel()
            await asyncio.gather(supervised, return_exceptions=True)
            await self._close(later)

    def _use(self, settings: Settings) -> None:
        """Let what is neither function nor mapping be as these settings have it. Raises PortError."""
        self._port.renew(settings.http.tls)
        self._access.use(settings.http)
        self._guard.use(settings.http)
        self._settings = settings

    def readiness(self) -> dict[str, list[dict[str, Any]]]:
        """What /readyz shows: each mapping, whether it works, and why not; each function with provisioned concurrency or elsewhere."""
        return {"mappings": self._views.readiness(), "functions": [*self._provisioned(), *self._remotes()]}

    def _about(self) -> dict[str, str]:
        """What else /readyz shows, and what makes nothing unready."""
        return {"sandbox": self._driver.sandbox()[0]} if isinstance(self._driver, Isolating) else {}

    async def _keep_backlog(self, stop: Stop) -> None:
        await asynchronous.keep_running(
            self.backlog,
            Path(self._settings.state),
            stop,
            found_defect=lambda error, delay: self._found_defect("asynchronous invocations", error, delay),
            clock=self._clock,
            emit=self._emit,
        )

    async def _drain(self, later: asyncio.Task[None], stop: Stop) -> int:
        """Let running invocations finish, then cut. later: those of the backlog."""
        began = self._clock.now()
        seconds = self._settings.stop_timeout_seconds * FINISHING_SHARE
        self._emit(StopBegan(reason=stop.reason, seconds=seconds))
        hurry = asyncio.create_task(stop.wait_hurry())
        finishing: asyncio.Future[Any] = asyncio.gather(
            self._fleet.finish(), self._calls.finish(), self._urls.close(), later
        )
        first: set[asyncio.Future[Any]] = {hurry, finishing}
        await asyncio.wait(first, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        hurry.cancel()
        unfinished = sum(self._views.in_hand().values()) + self.backlog.running
        finishing.cancel()
        await asyncio.gather(finishing, return_exceptions=True)
        self._emit(StopEnded(unfinished=unfinished, seconds=self._clock.now() - began))
        return unfinished

    async def _close(self, later: asyncio.Task[None]) -> None:
        later.cancel()
        await asyncio.gather(later, return_exceptions=True)
        await self._urls.close()
        await self._fleet.close()
        await self._driver.close()
        await self.backlog.close()
        await self._checkpoints.close()
        await asyncio.gather(*(each.close() for each in self._logged))
        await self._port.close()

    def _provisioned(self) -> Iterator[dict[str, Any]]:
        for target, pool in self._fleet.pools.items():
            if (allocation := pool.allocation).requested:
                ready = allocation.status == "READY"
                yield {"function": target, "ready": ready, "provisioned_concurrency": dataclasses.asdict(allocation)}

    def _remotes(self) -> Iterator[dict[str, Any]]:
        """Functions elsewhere that were invoked: ready unless the last invocation was not taken."""
        if not isinstance(self._driver, Reporting):
            return
        for name in self._fleet.settings.functions:
            if health := self._driver.health(name):
                shown = dataclasses.asdict(health) | {
                    field: at and datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
                    for field, at in (("last_success", health.last_success), ("failing_since", health.failing_since))
                }
                yield {"function": name, "ready": not health.trouble, "remote": shown}

    def _secret(self, access_key_id: str, function: str) -> str | None:
        """Of a key that may call the function."""
        key = self._settings.http.keys.get(access_key_id)
        if key is None or key.read_only or (key.functions and function not in key.functions):
            return None
        return key.secret_access_key

    def _found_defect(self, part: str, error: Exception, delay: float) -> None:
        trace = "".join(traceback.format_exception(error))
        self._emit(DefectFoundError(part=part, message=repr(error), trace=trace, retry_seconds=delay))

    def _emit(self, fact: Fact) -> None:
        self._metrics.emit(fact)
        self._ages.emit(fact)
        self._supervision.heard(fact)
        self._log(fact)
        for each in self._logged:
            each(fact)
