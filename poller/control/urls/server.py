"""The ports of function URLs: a common one, where the host's name says which is meant, and those that some have of their own."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable

from aiohttp import web

from poller.control.port import PortError
from poller.control.urls import replies
from poller.control.urls.course import Course
from poller.control.urls.sending import whole
from poller.control.urls.table import Table, Url
from poller.dispatch.invoker import MAX_PAYLOAD
from poller.envelope.url.event import HttpRequest
from poller.observe.events import Emit, UrlAnswered, UrlOpened


class UrlServer:
    """Serves URLs from ``serve`` to ``close``.

    listen: the common port, open while there are URLs. grace: seconds that requests under way have when it is closed.
    """

    def __init__(self, listen: str, course: Course, emit: Emit, *, grace: float) -> None:
        host, _, port = listen.rpartition(":")
        self._host = host.strip("[]")
        self._port = int(port)
        self._course = course
        self._emit = emit
        self._grace = grace
        self._table = Table()
        self._runner: web.AppRunner | None = None
        self._sites: dict[int, tuple[web.SockSite, int]] = {}  # by the port that was asked for, with the one there is

    async def serve(self, urls: Iterable[Url]) -> None:
        """Serve these from now on, and no others. Requests under way go on. Raises PortError; what was served then still is."""
        given = list(urls)
        table, before = Table(given), list(self._table)
        wanted = {*table.by_port, self._port} if given else set()
        opened = [port for port in sorted(wanted) if port not in self._sites]
        try:
            for port in opened:
                await self._open(port)
        except PortError:
            await self._shut(opened)
            raise
        self._table = table
        await self._shut([port for port in self._sites if port not in wanted])
        for url in given:
            if url not in before:
                auth_type = "AWS_IAM" if url.signed else "NONE"
                self._emit(UrlOpened(function=url.target, url=self.address(url), auth_type=auth_type))

    def address(self, url: Url) -> str:
        """What a client asks for; of one that is served."""
        if url.port is not None:
            return f"http://{f'[{self._host}]' if ':' in self._host else self._host}:{url.port}/"
        return f"http://{url.domain_name}:{self._sites[self._port][1]}/"

    async def close(self) -> None:
        """Take no more requests, and let those under way end, within the grace. Idempotent."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _started(self) -> web.AppRunner:
        app = web.Application(client_max_size=MAX_PAYLOAD)
        app.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(
            app, access_log=None, handle_signals=False, shutdown_timeout=self._grace, auto_decompress=False
        )
        await runner.setup()
        return runner

    async def _open(self, port: int) -> None:
        self._runner = self._runner or await self._started()
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        try:
            sock = socket.create_server((self._host, port), family=family)
        except OSError as error:
            raise PortError(f"cannot listen on {self._host}:{port}: {error.strerror or error}") from error
        site = web.SockSite(self._runner, sock)
        await site.start()
        self._sites[port] = (site, sock.getsockname()[1])

    async def _shut(self, ports: Iterable[int]) -> None:
        for port in list(ports):
            if port in self._sites:
                await self._sites.pop(port)[0].stop()

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
        return await self._course.run(url, request, asked)


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")
