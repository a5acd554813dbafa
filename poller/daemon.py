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

from poller import __version__
from poller.aio.clock import Clock, SystemClock
from poller.aio.stop import Stop
from poller.control import assemble, asynchronous, gauges, shelves, tracing
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
from poller.control.status import Status
from poller.control.supervision import Supervision
from poller.control.surveys import Surveys
from poller.control.urls import Signatures, UrlDoor
from poller.control.views import Views
from poller.control.writer import Writer
from poller.dispatch import lineage
from poller.dispatch.backlog import Backlog
from poller.envelope.moments import with_milliseconds
from poller.execution.contract import Driver, Isolating, Reporting
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
from poller.observe.latest import Latest
from poller.observe.loop import watch_loop
from poller.observe.metrics import Metrics
from poller.observe.notify import Notify
from poller.observe.traces import Traces
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
        self._origin = origin
        self._log = log
        self._clock = clock or SystemClock()
        self._metrics = Metrics()
        self._ages = Ages()
        self._latest = Latest(self._clock.epoch)
        self._exporter = exporter = tracing.exporter(settings.tracing, self._emit)
        self._traces = Traces(settings.tracing.sampling_ratio, exporter) if settings.tracing and exporter else None
        self._log_store = assemble.log_store(settings, self._emit)
        shipping = assemble.log_shipping(settings, self._emit, self._clock)
        self._logged = [each for each in (self._log_store, shipping) if each is not None]
        self._driver = driver(self._emit)
        self._stop: Stop | None = None
        self._began = self._clock.now(), self._clock.epoch()
        self.url = ""
        """Of the port, as soon as it is open."""
        writer = Writer(Path(settings.state), emit=self._emit)
        self._checkpoints = CheckpointStore(Path(settings.state), self._emit, writer=writer)
        around = Around(
            driver=self._driver,
            checkpoints=self._checkpoints,
            clock=self._clock,
            emit=self._emit,
            found_defect=self._found_defect,
            grace=settings.stop_timeout_seconds * FINISHING_SHARE,
            onward=self._traces.onward if self._traces else None,
        )
        beginning = self._traces.beginning if self._traces else lineage.new_trace
        self.desired = Desired(settings, origin)
        self._fleet = fleet = Fleet(self.desired.settings(self._driver), around)
        self.desired.runs_as(fleet)
        self.backlog: Backlog = asynchronous.backlog(
            fleet, writer, clock=self._clock, emit=self._emit, beginning=beginning
        )
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
            during=self._supervision.during_reload,
        )
        given = sockets or {}
        identify = Signatures(self._secret, time.time).identify
        self._urls = UrlDoor(fleet, identify, self._emit, grace=around.grace, given=given.get("urls"))
        resources = Resources(
            self.desired, self.backlog, lambda: self.url, self._urls.address, emit=self._emit, beginning=beginning
        )
        self._calls = resources.invoke
        self.offered = resources.handlers().keys() | resources.invoke.raw().keys()
        """Operations of the Lambda API."""
        region = assemble.region_of(settings.aws)
        self._access = access = Access(settings.http, account=settings.aws.account_id, region=region, now=time.time)
        logs = Logs(self._log_store, f"arn:aws:logs:{region}:{settings.aws.account_id}")
        front = Front(resources.handlers(), access, logs=logs.handlers(), raw=resources.invoke.raw(), emit=self._emit)
        status = Status(self.desired, self.backlog, self._latest, self._self, self._views.operators)
        routes = [
            *operations.routes(),
            *self.reloading.routes(guard),
            *status.routes(guard),
            *resources.routes(),
            *front.routes(),
        ]
        surveys = Surveys(fleet.mappings, self._metrics)
        self._port = Port(
            self._metrics, self.readiness, self._about, routes, surveys.take, guard=guard, given=given.get("http")
        )
        gauges.watch(self._metrics, fleet.pools)
        gauges.watch_slots(self._metrics, fleet.slots)
        gauges.watch_mappings(self._metrics, self._views.in_hand, self._ages.all)
        gauges.watch_backlog(self._metrics, self.backlog)
        gauges.watch_driver(self._metrics, self._driver)

    @property
    def metrics(self) -> Metrics:
        """What /metrics shows."""
        return self._metrics

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
        if self._exporter is not None:
            self._exporter.start()
        self._fleet.start(stop)
        turning = asyncio.create_task(watch_loop(self._emit), name="event loop")
        later = asyncio.create_task(self._keep_backlog(stop), name="asynchronous invocations")
        supervised = asyncio.create_task(self._supervision.keep(), name="supervision")
        self._supervision.ready()
        try:
            await stop.wait()
            self._supervision.stopping(stop.reason)
            return await self._drain(later, stop)
        finally:
            supervised.cancel()
            turning.cancel()
            await asyncio.gather(supervised, turning, return_exceptions=True)
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

    def _self(self) -> dict[str, Any]:
        """What ``/_pollerd/status`` tells of the daemon itself."""
        now, epoch = self._began
        return {
            "version": __version__,
            "state": "stopping" if self._stop and self._stop.soft else "running",
            "started": with_milliseconds(epoch),
            "uptime_seconds": round(self._clock.now() - now, 3),
            "configuration": self._origin,
            "state_folder": self._settings.state,
            "url": self.url,
            **self._about(),
        }

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
        if self._exporter is not None:
            await self._exporter.close(self._settings.stop_timeout_seconds * (1 - FINISHING_SHARE) / 2)
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
        self._latest.emit(fact)
        self._supervision.heard(fact)
        if self._traces is not None:
            self._traces.emit(fact)
        self._log(fact)
        for each in self._logged:
            each(fact)
