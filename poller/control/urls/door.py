"""The URLs of a daemon, from its start to its stop: those of the configuration in force, whatever that is at the time."""

from __future__ import annotations

import asyncio
import socket

from poller.control.fleet import Fleet
from poller.control.port import PortError
from poller.control.urls.course import Course, Identify
from poller.control.urls.server import UrlServer
from poller.control.urls.table import urls
from poller.dispatch.slots import Claim
from poller.observe.events import Emit, UrlPortFailedError

CLAIM = "function URL"


class UrlDoor:
    """grace: seconds that requests under way have at the end. given: a socket for the common port that listens already."""

    def __init__(
        self, fleet: Fleet, identify: Identify, emit: Emit, *, grace: float, given: socket.socket | None = None
    ) -> None:
        self._fleet = fleet
        self._emit = emit
        course = Course(fleet.invoker, self._claim, identify, emit)
        self._server = UrlServer(fleet.settings.function_urls.listen, course, emit, grace=grace, given=given)
        self._changed = asyncio.Event()
        self._following: asyncio.Task[None] | None = None
        self._serving = asyncio.Lock()

    async def open(self) -> None:
        """Serve what is configured, and whatever is later. Raises PortError."""
        await self._serve()
        self._fleet.on_change = self._changed.set
        self._following = asyncio.create_task(self._follow(), name="function URLs")

    async def close(self) -> None:
        """Take no more requests; returns when those under way have ended, or their time is over. Idempotent."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.wait({self._following})
        await self._server.close()

    async def address(self, function: str, qualifier: str) -> str:
        """Of a URL that is configured, and open when this returns. Raises PortError."""
        await self._serve()
        target = f"{function}:{qualifier}" if qualifier else function
        return next(self._server.address(url) for url in urls(self._fleet.settings) if url.target == target)

    async def _serve(self) -> None:
        async with self._serving:
            await self._server.serve(urls(self._fleet.settings))

    def _claim(self, function: str) -> Claim:
        return self._fleet.slots.claim(function, CLAIM)

    async def _follow(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await self._serve()
            except PortError as error:
                self._emit(UrlPortFailedError(message=str(error)))
