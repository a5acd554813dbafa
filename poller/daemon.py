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
from poller.control import assemble, asynchronous, gauges, shelves
from poller.control.api.access import Access
from poller.control.api.front import Front
from poller.control.api.logs import Logs
from poller.control.api.resources import Resources
from poller.control.audit import Audit
from poller.control.checkpoints import CheckpointStore
from poller.control.desired import Desired
from poller.control.fleet import Around, Fleet
from poller.control.guard import Guard
from poller.control.health import Health
from poller.control.observers import Observers
from poller.control.operations import Operations
from poller.control.port import Port, PortError
from poller.control.reload import Read, Reload
from poller.control.status import Status
from poller.control.supervision import Supervision
from poller.control.surveys import Surveys
from poller.control.urls import Signatures, UrlDoor
from poller.control.views import Views
from poller.control.writer import Writer
from poller.dispatch.backlog import Backlog
from poller.envelope.moments import with_milliseconds
from poller.execution.contract import Driver, Isolating, Reporting
from poller.observe.events import (
    DefectFoundError,
    Emit,
    PortOpened,
    SandboxChosen,
    StopBegan,
    StopEnded,
)
from poller.observe.loop import watch_loop
from poller.observe.metrics import Metrics
from poller.observe.notify import Notify
from poller.settings.load import Loaded
from poller.settings.model import Settings

FINISHING_SHARE = 0.75
"""Of the stop timeout, for running invocations to finish; the rest is for cutting, handing back and ending processes."""

HEALTH_PAUSE = 10.0
"""Seconds between a defect of ours in looking after health and the next look."""


class Daemon:
    """Everything that one configuration asks for, from ``run`` to its end.

    driver: makes what runs the functions, given where facts go. origin: where the settings were read, for people. read: reads them again.
    notify: the service manager. sockets: those that it opened for us, ``http`` and ``urls``; they stay the caller's.
    """

    def __init__(  # the list of parts, one after the other
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
        self._clock = clock or SystemClock()
        self._observers = heard = Observers(settings, log, self._clock)
        self._emit = heard.emit
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
            onward=heard.onward,
        )
        self._audit = Audit(writer, clock=self._clock, emit=self._emit)
        heard.listen(self._audit.heard)
        self.desired = Desired(settings, origin, self._audit.changed)
        self._fleet = fleet = Fleet(self.desired.settings(self._driver), around)
        self.desired.runs_as(fleet)
        self.backlog: Backlog = asynchronous.backlog(
            fleet, writer, clock=self._clock, emit=self._emit, beginning=heard.beginning
        )
        """Where asynchronous invocations are accepted, while ``run`` is under way."""
        self._health = Health(fleet, heard.courses, self._stopping, clock=self._clock, emit=self._emit)
        self._views = Views(
            fleet, heard.ages, heard.courses, self._health, self._stopping, stranded=self.desired.stranded
        )
        self._guard = guard = Guard(settings.http, Path(settings.state))
        operations = Operations(fleet, self._views.operators, guard, self._audit)
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
        heard.listen(self._supervision.heard)
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
        resources = Resources(
            self.desired, self.backlog, self._urls.address, emit=self._emit, beginning=heard.beginning
        )
        self._calls = resources.invoke
        self.offered = resources.handlers().keys() | resources.invoke.raw().keys()
        """Operations of the Lambda API."""
        region = assemble.region_of(settings.aws)
        self._access = access = Access(settings.http, account=settings.aws.account_id, region=region, now=time.time)
        logs = Logs(heard.log_store, f"arn:aws:logs:{region}:{settings.aws.account_id}")
        front = Front(resources.handlers(), access, logs=logs.handlers(), raw=resources.invoke.raw(), emit=self._emit)
        status = Status(self.desired, self.backlog, heard.latest, self._self, self._views.operators)
        routes = [
            *operations.routes(),
            *self.reloading.routes(guard),
            *status.routes(guard),
            *resources.routes(),
            *front.routes(),
        ]
        surveys = Surveys(fleet.mappings, heard.metrics)
        self._port = Port(
            heard.metrics, self.readiness, self._about, routes, surveys.take, guard=guard, given=given.get("http")
        )
        gauges.watch(heard.metrics, fleet.pools)
        gauges.watch_slots(heard.metrics, fleet.slots)
        gauges.watch_mappings(heard.metrics, self._views.in_hand, heard.ages.all, self._health.healthy)
        gauges.watch_backlog(heard.metrics, self.backlog)
        gauges.watch_driver(heard.metrics, self._driver)

    @property
    def metrics(self) -> Metrics:
        """What /metrics shows."""
        return self._observers.metrics

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
        self._observers.start()
        self._audit.begin(self._fleet.settings.event_source_mappings)
        self._fleet.start(stop)
        later = asyncio.create_task(self._keep_backlog(stop), name="asynchronous invocations")
        beside = [
            asyncio.create_task(watch_loop(self._emit), name="event loop"),
            asyncio.create_task(self._supervision.keep(), name="supervision"),
            asyncio.create_task(self._keep_health(stop), name="health"),
        ]
        self._supervision.ready()
        try:
            await stop.wait()
            self._supervision.stopping(stop.reason)
            return await self._drain(later, stop)
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
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

    async def _keep_health(self, stop: Stop) -> None:
        while not stop.soft:
            try:
                await self._health.run(stop)
            except Exception as error:  # noqa: BLE001  # ours; health is to be looked after all the same
                self._found_defect("health", error, HEALTH_PAUSE)
                await stop.or_stop(self._clock.sleep(HEALTH_PAUSE))

    def _stopping(self) -> bool:
        return bool(self._stop and self._stop.soft)

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
        await self._audit.close()
        await self._checkpoints.close()
        await self._observers.close(self._settings.stop_timeout_seconds * (1 - FINISHING_SHARE) / 2)
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
