"""The configuration files, read again while the daemon runs: on SIGHUP, on a change of theirs, at ``POST /_pollerd/reload``.

What is read is checked whole, and then in force as a whole (fleet.py). What cannot be used, or takes a restart, changes nothing and is
told.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import Callable
from contextlib import AbstractContextManager
from http import HTTPStatus
from pathlib import Path

import orjson
from aiohttp import web

from poller.control.desired import Desired, RefusedError
from poller.control.fleet import Changed
from poller.control.guard import Guard, refusal
from poller.control.port import PortError
from poller.control.store import StoreError
from poller.observe.events import ConfigurationRefusedError, ConfigurationReloaded, Emit
from poller.settings.load import Loaded
from poller.settings.model import Settings
from poller.settings.package import PackageError
from poller.settings.problems import SettingsError

PATH = "/_pollerd/reload"

LIVE = {"functions", "event_source_mappings", "concurrency", "http"}
"""Keys of a configuration that take effect without a restart; of ``http`` not all."""

Read = Callable[[], Loaded]
"""Reads and checks the configuration files; called in a thread. Raises SettingsError."""
Told = Callable[[], AbstractContextManager[None]]
"""Whoever is to know that a reload is under way."""


class Reload:
    """Of one daemon, one at a time.

    before: what is in force. use: puts in force what no function or mapping is; raises PortError. told: entered while it lasts.
    """

    def __init__(
        self,
        desired: Desired,
        before: Settings,
        read: Read,
        use: Callable[[Settings], None],
        emit: Emit,
        *,
        told: Told = contextlib.nullcontext,
    ) -> None:
        self._desired = desired
        self._before = before
        self._read = read
        self._use = use
        self._emit = emit
        self._told = told
        self._reading = asyncio.Lock()
        self.files: tuple[Path, ...] = ()
        """What was read the last time, whether it could be used or not; () before the first."""

    async def reload(self) -> Changed:
        """Put the files as they are now in force; returns what that concerned. Raises RefusedError, which the log tells, too."""
        async with self._reading:
            with self._told():
                return await self._once()

    async def _once(self) -> Changed:
        try:
            settings = (await asyncio.to_thread(self._read_files)).settings
            _refuse_fixed(self._before, settings)
            changed = await self._desired.reload(settings, lambda: self._use(settings))
        except (SettingsError, RefusedError, PackageError, StoreError, PortError) as error:
            self._emit(ConfigurationRefusedError(message=str(error)))
            raise RefusedError(str(error)) from error
        self._before = settings
        self._emit(ConfigurationReloaded(functions=changed.functions, mappings=changed.mappings))
        return changed

    def _read_files(self) -> Loaded:
        try:
            loaded = self._read()
        except SettingsError as error:
            self.files = error.files or self.files
            raise
        self.files = loaded.files
        return loaded

    def routes(self, guard: Guard) -> list[web.RouteDef]:
        """For the port."""

        async def handle(request: web.Request) -> web.Response:
            if not guard.has_token(request):
                return refusal("this takes the token of the daemon's state folder")
            try:
                changed = await self.reload()
            except RefusedError as error:
                return _answer({"message": str(error)}, HTTPStatus.CONFLICT)
            return _answer(dataclasses.asdict(changed), HTTPStatus.OK)

        return [web.post(PATH, handle)]


def _answer(value: object, status: HTTPStatus) -> web.Response:
    body = orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    return web.Response(body=body, status=status, content_type="application/json")


def _refuse_fixed(before: Settings, after: Settings) -> None:
    """Raises RefusedError that names the keys that differ and that a running daemon cannot change."""
    names = [field.name for field in dataclasses.fields(Settings) if field.name not in LIVE]
    fixed = [name for name in names if getattr(before, name) != getattr(after, name)]
    was, wanted = before.http, after.http
    if was.listen != wanted.listen:
        fixed.append("http.listen")
    if (was.tls is None) != (wanted.tls is None):
        fixed.append("http.tls")
    elif was.tls and wanted.tls and was.tls.client_ca != wanted.tls.client_ca:
        fixed.append("http.tls.client_ca")
    if fixed:
        raise RefusedError(f"{' and '.join(fixed)} can be changed by a restart only")
