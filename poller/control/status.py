"""All that a daemon has and does, in one answer for who looks at it: ``GET /_pollerd/status``. Reads; changes nothing.

``GET /_pollerd/daemon`` is its first member alone, for who only wants to know which daemon that is.

``{"daemon": …, "concurrency": …, "functions": […], "mappings": […], "asynchronous": …}``. Members that are not known are left out, those
that stand are promises: ``pollerd ps --json`` prints the same. Times are ISO 8601 in UTC with milliseconds, durations seconds.

* ``daemon``: version, pid, started, uptime_seconds, configuration (where it was read), state_folder, url, state (running,
  stopping), sandbox.
* ``concurrency``: limit, in_use, waiting; of all functions together.
* a function: function, origin (file, api), runs_as (runtime, ``image`` or ``remote``), slots (in_use, waiting, limit, and reserved),
  aliases (by name: version -> share of the invocations), versions (below), trouble (why it cannot be used; it has no versions then).
* a version, ``$LATEST`` first: version, environments (starting, idle, busy), waiting (invocations in line for an environment), provisioned
  (requested, allocated, available, status, status_reason), last_invocation (ended, status, error_type, seconds).
* a mapping: what ``/_pollerd/mappings`` tells (views.py), and origin, last_progress (when a record was last done with), last_batch (ended,
  verdict, delivered, failed, why).
* ``asynchronous``: running, waiting (by function), deliveries_waiting (by target).
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
from aiohttp import web

from poller.control.desired import Desired
from poller.control.guard import Guard
from poller.control.made import Kind
from poller.dispatch.backlog import Backlog
from poller.envelope.moments import with_milliseconds
from poller.execution.pool import Pool
from poller.observe.events import BatchJudged, InvocationEnded
from poller.observe.latest import Latest, Moment
from poller.settings.model import AliasSettings, FunctionSettings, ImageCode
from poller.settings.references import LATEST

PATH = "/_pollerd/status"
ABOUT = "/_pollerd/daemon"


class Status:
    """Of one daemon. about: what is told of itself. mappings: what operators are told of them."""

    def __init__(
        self,
        desired: Desired,
        backlog: Backlog,
        latest: Latest,
        about: Callable[[], Mapping[str, Any]],
        mappings: Callable[[], Awaitable[list[dict[str, Any]]]],
    ) -> None:
        self._desired = desired
        self._backlog = backlog
        self._latest = latest
        self._about = about
        self._mappings = mappings

    def routes(self, guard: Guard) -> list[web.RouteDef]:
        """For the port, for those who may see its pages."""
        return [web.get(PATH, guard.page(self._page)), web.get(ABOUT, guard.page(self._page_about))]

    async def told(self) -> dict[str, Any]:
        """The whole, as JSON has it. Sources are asked what waits in them, for as long as surveys.py has patience."""
        settings = self._desired.fleet.settings
        broken = {name: why for (kind, name), why in self._desired.broken.items() if kind == "functions"}
        self._latest.keep(settings.functions, settings.event_source_mappings)
        mappings = [view | self._of_mapping(view["mapping"]) for view in await self._mappings()]
        return {
            "daemon": self._daemon(),
            "concurrency": self._concurrency(),
            "functions": [
                *(self._function(name, each) for name, each in sorted(settings.functions.items())),
                *({"function": name, "origin": "api", "trouble": why} for name, why in sorted(broken.items())),
            ],
            "mappings": mappings,
            "asynchronous": {
                "running": self._backlog.running,
                "waiting": self._backlog.waiting(),
                "deliveries_waiting": self._backlog.untold(),
            },
        }

    async def _page(self, _: web.Request) -> web.Response:
        return _answer(await self.told())

    async def _page_about(self, _: web.Request) -> web.Response:
        return _answer(self._daemon())

    def _daemon(self) -> dict[str, Any]:
        return {"pid": os.getpid(), **self._about()}

    def _concurrency(self) -> dict[str, int]:
        slots = self._desired.fleet.slots
        in_use, waiting = sum(slots.in_use().values()), sum(slots.waiting().values())
        return {"limit": self._desired.fleet.settings.concurrency, "in_use": in_use, "waiting": waiting}

    def _function(self, name: str, settings: FunctionSettings) -> dict[str, Any]:
        slots = self._desired.fleet.slots
        in_use, waiting = slots.standing(name)
        limits = {"limit": slots.limit(name), "reserved": settings.reserved_concurrency}
        pools = [pool for pool in self._desired.fleet.pools.values() if pool.spec.name == name]
        return {
            "function": name,
            "origin": self._origin("functions", name),
            "runs_as": _kind(settings),
            "slots": {"in_use": in_use, "waiting": waiting} | _known(limits),
            "aliases": {alias: _shares(to) for alias, to in sorted(settings.aliases.items())},
            "versions": [self._version(pool) for pool in sorted(pools, key=_order)],
        }

    def _version(self, pool: Pool) -> dict[str, Any]:
        allocation = pool.allocation
        told: dict[str, Any] = {
            "version": pool.spec.version,
            "environments": pool.counts(),
            "waiting": pool.waiting,
        }
        if allocation.requested:
            told["provisioned"] = dataclasses.asdict(allocation)
        if (last := self._latest.invocation(pool.spec.name, pool.spec.version)) is not None:
            told["last_invocation"] = _invocation(last)
        return told

    def _of_mapping(self, name: str) -> dict[str, Any]:
        progress = self._latest.progress(name)
        told: dict[str, Any] = {"origin": self._origin("event_source_mappings", name)}
        if progress is not None:
            told["last_progress"] = with_milliseconds(progress)
        if (last := self._latest.batch(name)) is not None:
            told["last_batch"] = _batch(last)
        return told

    def _origin(self, kind: Kind, name: str) -> str:
        return "file" if self._desired.is_filed(kind, name) else "api"


def _answer(told: Mapping[str, Any]) -> web.Response:
    body = orjson.dumps(told, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    return web.Response(body=body, content_type="application/json")


def _order(pool: Pool) -> int:
    return 0 if pool.spec.version == LATEST else int(pool.spec.version)


def _kind(settings: FunctionSettings) -> str:
    if settings.remote is not None:
        return "remote"
    return "image" if isinstance(settings.code, ImageCode) else settings.runtime


def _known(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _shares(to: AliasSettings) -> dict[str, float]:
    return {to.version: 1 - sum(to.weights.values()), **to.weights}


def _invocation(moment: Moment[InvocationEnded]) -> dict[str, Any]:
    fact = moment.fact
    told = {"ended": with_milliseconds(moment.at), "status": fact.status, "seconds": round(fact.seconds, 3)}
    return told | ({"error_type": fact.error_type} if fact.error_type else {})


def _batch(moment: Moment[BatchJudged]) -> dict[str, Any]:
    fact = moment.fact
    told = {"verdict": fact.verdict, "delivered": fact.delivered, "failed": fact.failed, "why": fact.why}
    return {"ended": with_milliseconds(moment.at)} | told
