"""Packages to fetch over the daemon's port: what ``Location`` in an answer leads to.

An address holds a secret and is good for ten minutes, as the ones that AWS signs are (Lambda API reference, FunctionCodeLocation).
"""

from __future__ import annotations

import asyncio
import secrets
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from aiohttp import web

from poller.execution.package.snapshot import pack
from poller.settings.package import PackageError

PATH = "/_pollerd/code"
SECONDS = 600.0
_CHUNK = 256 * 1024


class Downloads:
    """now: seconds, monotonic."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._offered: dict[str, tuple[Path, float]] = {}

    def routes(self) -> list[web.RouteDef]:
        """For the port."""
        return [web.get(f"{PATH}/{{token}}", self._send)]

    def offer(self, code: Path, url: str) -> str:
        """An address of a .zip, or of the one that a folder makes. url: of the port, as the caller has reached it."""
        now = self._now()
        self._offered = {token: offer for token, offer in self._offered.items() if offer[1] > now}
        token = secrets.token_urlsafe(24)
        self._offered[token] = code, now + SECONDS
        return f"{url}{PATH}/{token}"

    async def _send(self, request: web.Request) -> web.StreamResponse:
        code, until = self._offered.get(request.match_info["token"], (None, 0.0))
        if code is None or until <= self._now():
            raise web.HTTPForbidden(text="This address is not valid, or not any more.\n")
        headers = {"Content-Type": "application/zip"}
        if code.is_file():
            return web.FileResponse(code, headers=headers)
        with tempfile.TemporaryFile() as file:
            try:
                await asyncio.to_thread(pack, code, file)
            except PackageError as error:
                raise web.HTTPNotFound(text=f"{error}\n") from error
            return await _streamed(request, file, headers)


async def _streamed(request: web.Request, file: IO[bytes], headers: dict[str, str]) -> web.StreamResponse:
    response = web.StreamResponse(headers=headers)
    response.content_length = file.tell()
    file.seek(0)
    await response.prepare(request)
    while chunk := await asyncio.to_thread(file.read, _CHUNK):
        await response.write(chunk)
    await response.write_eof()
    return response
