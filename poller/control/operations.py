"""What operators may see and ask of mappings while the daemon runs, on its port under ``/_pollerd/mappings``.

``GET`` tells; ``POST .../NAME/pause``, ``resume`` and ``rewind`` change something, and ask for the state folder's token. Answers are JSON,
errors ``{"message": ...}``.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

import orjson
from aiohttp import web

from connectors.contract import SourceError
from poller.control.audit import Audit
from poller.control.configured import Configured
from poller.control.guard import Guard, refusal
from poller.control.mappings import reader
from poller.control.rewind import Rewind, RewindError, rewind, target
from poller.control.running import NotOursError
from poller.settings.mappings import source
from poller.settings.problems import nearest

PATH = "/_pollerd/mappings"
ERRORS: Mapping[type[Exception], HTTPStatus] = {
    RewindError: HTTPStatus.BAD_REQUEST,
    NotOursError: HTTPStatus.CONFLICT,
    SourceError: HTTPStatus.BAD_GATEWAY,
}


class Operations:
    """The routes, to the mappings of a configuration. shown: what is told of all of them. audit: told of pauses."""

    def __init__(
        self,
        configured: Configured,
        shown: Callable[[], Awaitable[list[dict[str, Any]]]],
        guard: Guard,
        audit: Audit,
    ) -> None:
        self._configured = configured
        self._shown = shown
        self._guard = guard
        self._audit = audit

    def routes(self) -> list[web.RouteDef]:
        """For the port."""
        return [
            web.get(PATH, self._guard.page(self._list)),
            web.post(f"{PATH}/{{name}}/pause", self._guarded(self._pause)),
            web.post(f"{PATH}/{{name}}/resume", self._guarded(self._resume)),
            web.post(f"{PATH}/{{name}}/rewind", self._guarded(self._rewind)),
        ]

    async def _list(self, _: web.Request) -> web.Response:
        return _answer({"mappings": await self._shown()})

    def _guarded(
        self, verb: Callable[[str, Mapping[str, Any]], Awaitable[None]]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        """Let through who has the token, names a mapping that runs here, and sends a JSON object or nothing."""

        async def handle(request: web.Request) -> web.Response:
            if not self._guard.has_token(request):
                return refusal("this takes the token of the daemon's state folder")
            name = request.match_info["name"]
            if name not in self._configured.settings.event_source_mappings:
                hint = nearest(name, self._configured.settings.event_source_mappings)
                return _refusal(f"there is no mapping {name!r}; {hint}", HTTPStatus.NOT_FOUND)
            if name not in self._configured.mappings:
                return _refusal(f"the mapping {name} is disabled in the configuration", HTTPStatus.CONFLICT)
            try:
                body = json.loads(await request.read() or b"{}")
                await verb(name, body if isinstance(body, dict) else {})
            except ValueError:
                return _refusal("the body is not JSON", HTTPStatus.BAD_REQUEST)
            except tuple(ERRORS) as error:
                return _refusal(str(error), next(code for kind, code in ERRORS.items() if isinstance(error, kind)))
            return _answer({"mapping": name, "state": self._configured.mappings[name].state})

        return handle

    async def _pause(self, name: str, body: Mapping[str, Any]) -> None:
        await self._switch(name, self._configured.mappings[name].pause, "paused", body)

    async def _resume(self, name: str, body: Mapping[str, Any]) -> None:
        await self._switch(name, self._configured.mappings[name].resume, "resumed", body)

    async def _switch(self, name: str, do: Callable[[], Awaitable[None]], what: str, body: Mapping[str, Any]) -> None:
        """Recorded unless it was so before."""
        running = self._configured.mappings[name]
        was = running.state == "running"
        await do()
        if was != (running.state == "running"):
            await self._audit.done(name, what, who=str(body.get("who") or "operator"), why=str(body.get("why", "")))

    async def _rewind(self, name: str, body: Mapping[str, Any]) -> None:
        settings = self._configured.settings.event_source_mappings[name]
        own = source(settings)
        to = target(str(body.get("to", "")), own.capabilities)
        partition = body.get("partition")
        wish = Rewind(
            partition=None if partition is None else str(partition),
            to=to,
            who=str(body.get("who", "")),
            why=str(body.get("why", "")),
        )
        async with self._configured.mappings[name].halted() as checkpoints:
            if checkpoints is not None:  # a queue's mapping was refused by its target
                await rewind(wish, own, checkpoints, reader(name, settings, checkpoints))


def _answer(value: Any, status: HTTPStatus = HTTPStatus.OK) -> web.Response:
    body = orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    return web.Response(body=body, status=status, content_type="application/json")


def _refusal(sentence: str, status: HTTPStatus) -> web.Response:
    return _answer({"message": sentence}, status)
