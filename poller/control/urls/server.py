"""The ports of function URLs: a common one, where the host's name says which is meant, and those that some have of their own."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Iterable

from aiohttp import web

from poller.aio.inherited import InheritedError
from poller.control import connections
from poller.control.api.bounds import Bodies, Body, GoneError
from poller.control.api.contract import ApiError
from poller.control.port import PortError
from poller.control.urls import replies
from poller.control.urls.course import Course
from poller.control.urls.sending import whole
from poller.control.urls.signatures import SERVICE
from poller.control.urls.table import Table, Url
from poller.envelope.url.event import HttpRequest
from poller.observe.events import Emit, UrlAnswered, UrlOpened

LINGERING_SECONDS = 2.0
"""How long what a client still sends is thrown away once it was refused, so that it reads why."""

_SILENT = logging.getLogger(__name__)
_SILENT.disabled = True
"""For what aiohttp would log: what clients send that is no HTTP, and that they hang up. What is ours is told as such."""


class UrlServer:
    """Serves URLs from ``serve`` to ``close``.

    listen: the common port, open while there are URLs. grace: seconds that requests under way have when it is closed.
    given: a socket for the common port that listens already; None: one is made.
    """

    def __init__(
        self, listen: str, course: Course, emit: Emit, *, grace: float, given: socket.socket | None = None
    ) -> None:
        host, _, port = listen.rpartition(":")
        self._host = host.strip("[]")
        self._port = int(port)
        self._given = given
        self._course = course
        self._emit = emit
        self._grace = grace
        self._table = Table()
        self._bodies = Bodies()
        self._runner: web.AppRunner | None = None
        self._listeners: dict[int, asyncio.Server] = {}  # by the port that was asked for

    async def serve(self, urls: Iterable[Url]) -> None:
        """Serve these from now on, and no others. Requests under way go on. Raises PortError; what was served then still is."""
        given = list(urls)
        table, before = Table(given), list(self._table)
        wanted = {*table.by_port, self._port} if given else set()
        opened = [port for port in sorted(wanted) if port not in self._listeners]
        try:
            for port in opened:
                await self._open(port)
        except PortError:
            self._shut(opened)
            raise
        self._table = table
        self._shut([port for port in self._listeners if port not in wanted])
        for url in given:
            if url not in before:
                auth_type = "AWS_IAM" if url.signed else "NONE"
                self._emit(UrlOpened(function=url.target, url=self.address(url), auth_type=auth_type))

    def address(self, url: Url) -> str:
        """What a client asks for; of one that is served."""
        if url.port is not None:
            return f"http://{f'[{self._host}]' if ':' in self._host else self._host}:{url.port}/"
        return f"http://{url.domain_name}:{self._listeners[self._port].sockets[0].getsockname()[1]}/"

    async def close(self) -> None:
        """Take no more requests, and let those under way end, within the grace. Idempotent."""
        self._shut(list(self._listeners))
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _started(self) -> web.AppRunner:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        options = connections.OPTIONS | {
            "shutdown_timeout": self._grace,
            "lingering_time": LINGERING_SECONDS,
            "logger": _SILENT,
        }
        runner = web.AppRunner(app, **options)
        await runner.setup()
        return runner

    async def _open(self, port: int) -> None:
        self._runner = self._runner or await self._started()
        server = self._runner.server
        assert server is not None  # noqa: S101 - set-up made it
        given = self._given if port == self._port else None
        try:
            where = connections.place(self._host, port, given, "function_urls.listen")
            self._listeners[port] = await asyncio.get_running_loop().create_server(connections.bounded(server), **where)
        except InheritedError as error:
            raise PortError(str(error)) from error
        except OSError as error:
            raise PortError(f"cannot listen on {self._host}:{port}: {error.strerror or error}") from error

    def _shut(self, ports: Iterable[int]) -> None:
        for port in ports:
            if port in self._listeners:
                self._listeners.pop(port).close()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        began = time.monotonic()
        transport = request.transport
        port = transport.get_extra_info("sockname")[1] if transport is not None else 0
        url = self._table.find(request.headers.get("Host", ""), port)
        try:
            with self._bodies.counted() as body:
                response = await self._answer(url, request, port, body)
        except GoneError as error:
            raise ConnectionResetError from error  # as below
        except ConnectionError:  # there is nobody left to be answered
            raise
        except Exception as error:  # noqa: BLE001  # ours; the client has an answer all the same
            response = whole(self._course.failed(error), ())
        took = time.monotonic() - began
        self._emit(UrlAnswered(function=url.target if url else "", status=response.status, seconds=took))
        return response

    async def _answer(self, url: Url | None, request: web.Request, port: int, body: Body) -> web.StreamResponse:
        if url is None:
            return whole(replies.UNKNOWN, ())
        try:
            content = await body.read(request, SERVICE, "InvokeWithResponseStream" if url.streams else "Invoke")
        except ApiError as error:
            return whole(replies.of_body(error.code), ())
        asked = HttpRequest(
            method=request.method,
            target=request.raw_path,
            headers=[(_text(name), _text(value)) for name, value in request.raw_headers],
            body=content,
            peer=request.remote or "",
            port=port,
            protocol=f"HTTP/{request.version.major}.{request.version.minor}",
        )
        return await self._course.run(url, request, asked)


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")
