"""The ports of function URLs: a common one, where the host's name says which is meant, and those that some have of their own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import cast

from aiohttp import web

from poller.control.port import PortError
from poller.control.urls import replies
from poller.control.urls.course import Callee, Course
from poller.control.urls.sending import whole
from poller.control.urls.table import Table, Url
from poller.dispatch.invoker import MAX_PAYLOAD
from poller.dispatch.slots import Claim
from poller.envelope.url.event import HttpRequest
from poller.observe.events import Emit, UrlAnswered, UrlOpened


class UrlServer:
    """Serves URLs from ``serve`` to ``close``.

    listen: the common port, opened with the first URL. claim: a way to the slots of a function, by its name. grace: seconds that requests
    under way have when it is closed.
    """

    def __init__(self, listen: str, course: Course, claim: Callable[[str], Claim], emit: Emit, *, grace: float) -> None:
        host, _, port = listen.rpartition(":")
        self._host = host.strip("[]")
        self._port = int(port)
        self._course = course
        self._claim = claim
        self._emit = emit
        self._grace = grace
        self._table = Table()
        self._callees: dict[Url, Callee] = {}
        self._runner: web.AppRunner | None = None
        self._sites: dict[int, web.TCPSite] = {}  # by the port that was asked for

    async def serve(self, urls: Iterable[Url]) -> None:
        """Serve these from now on, and no others. Requests under way go on. Raises PortError; what was served then still is."""
        table = Table(given := list(urls))
        if self._runner is None and given:
            self._runner = await self._started()
        wanted = {*table.by_port, self._port} if given else set()
        opened = [port for port in sorted(wanted) if port not in self._sites]
        try:
            for port in opened:
                await self._open(port)
        except PortError:
            await self._shut(opened)
            raise
        self._table, self._callees = table, {url: self._callees.get(url) or self._callee(url) for url in given}
        await self._shut([port for port in self._sites if port not in wanted])
        for url in given:
            auth_type = "AWS_IAM" if url.signed else "NONE"
            self._emit(UrlOpened(function=url.target, url=self.address(url), auth_type=auth_type))

    def address(self, url: Url) -> str:
        """What a client asks for."""
        if url.port is not None:
            return f"http://{f'[{self._host}]' if ':' in self._host else self._host}:{url.port}/"
        return f"http://{url.domain_name}:{self._bound()}/"

    async def close(self) -> None:
        """Take no more requests, and let those under way end, within the grace. Idempotent."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _started(self) -> web.AppRunner:
        app = web.Application(client_max_size=MAX_PAYLOAD)
        app.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(
            app, access_log=None, handle_signals=False, shutdown_timeout=self._grace, auto_decompress=False
        )
        await runner.setup()
        return runner

    async def _open(self, port: int) -> None:
        site = web.TCPSite(cast("web.AppRunner", self._runner), self._host, port)
        try:
            await site.start()
        except OSError as error:
            raise PortError(f"cannot listen on {self._host}:{port}: {error.strerror or error}") from error
        self._sites[port] = site

    async def _shut(self, ports: Iterable[int]) -> None:
        for port in list(ports):
            if site := self._sites.pop(port, None):
                await site.stop()

    def _bound(self) -> int:
        """The common port as it is: the one that was asked for, or a free one where that was 0."""
        server = self._sites[self._port]._server  # noqa: SLF001  # aiohttp tells of all sites together only
        return int(cast("asyncio.Server", server).sockets[0].getsockname()[1])

    def _callee(self, url: Url) -> Callee:
        return Callee(url=url, claim=self._claim(url.function))

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        began = time.monotonic()
        transport = request.transport
        port = transport.get_extra_info("sockname")[1] if transport is not None else 0
        url = self._table.find(request.headers.get("Host", ""), port)
        response = await self._answer(url, request, port)
        took = time.monotonic() - began
        self._emit(UrlAnswered(function=url.target if url else "", status=response.status, seconds=took))
        return response

    async def _answer(self, url: Url | None, request: web.Request, port: int) -> web.StreamResponse:
        if url is None:
            return whole(replies.UNKNOWN, ())
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return whole(replies.TOO_LARGE, ())
        asked = HttpRequest(
            method=request.method,
            target=request.raw_path,
            headers=[(_text(name), _text(value)) for name, value in request.raw_headers],
            body=body,
            peer=request.remote or "",
            port=port,
            protocol=f"HTTP/{request.version.major}.{request.version.minor}",
        )
        return await self._course.run(self._callees[url], request, asked)


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")
