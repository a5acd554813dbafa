"""The daemon's one HTTP port: /healthz, /readyz, /metrics, which read and change nothing; and what else is given to it.

Everything that has no path of its own is the API's.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import orjson
from aiohttp import web

from poller.aio.inherited import InheritedError
from poller.control import connections
from poller.control.guard import Guard
from poller.observe.metrics import Metrics
from poller.settings.listen import listen_address
from poller.settings.model import HttpSettings, TlsSettings

Readiness = Callable[[], dict[str, list[dict[str, Any]]]]
"""By kind (``mappings``, ``functions``) one object each: its name, ``ready``, and what is known of it."""

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class PortError(Exception):
    """The port cannot be opened. The message is a sentence for the operator."""


class Port:
    """Listens from ``open`` to ``close``. about: what /readyz shows beside what is or is not ready. more: further routes, in order.

    measure: awaited before the metrics page is made, for what has to be asked elsewhere; None: nothing has.
    given: a socket that listens already; None: one is made.
    """

    def __init__(
        self,
        metrics: Metrics,
        readiness: Readiness,
        about: Callable[[], Mapping[str, str]],
        more: Iterable[web.RouteDef] = (),
        measure: Callable[[], Awaitable[None]] | None = None,
        *,
        guard: Guard,
        given: socket.socket | None = None,
    ) -> None:
        self._given = given
        self._guard = guard
        self._measure = measure
        self._more = more
        self._metrics = metrics
        self._about = about
        self._readiness = readiness
        self._tls: ssl.SSLContext | None = None
        self._runner: web.AppRunner | None = None
        self._server: asyncio.Server | None = None

    async def open(self, http: HttpSettings) -> str:
        """Listen as the settings say (port 0: a free one); returns the URL. Raises PortError when it cannot."""
        context = self._tls = self._context(http.tls) if http.tls else None
        app = web.Application(client_max_size=64 * 1024)
        page = self._guard.page
        app.add_routes(
            [
                web.get("/healthz", page(self._healthz)),
                web.get("/readyz", page(self._readyz)),
                web.get("/metrics", page(self._page)),
                *self._more,
            ]
        )
        self._runner = web.AppRunner(app, **connections.OPTIONS)
        await self._runner.setup()
        server = self._runner.server
        assert server is not None  # noqa: S101 - setup made it
        host, port = listen_address(http.listen)
        timeout = connections.HANDSHAKE_SECONDS if context else None
        try:
            where = connections.place(host, port, self._given, "http.listen")
            self._server = await asyncio.get_running_loop().create_server(
                connections.bounded(server), **where, ssl=context, ssl_handshake_timeout=timeout
            )
        except InheritedError as error:
            await self.close()
            raise PortError(str(error)) from error
        except OSError as error:
            await self.close()
            raise PortError(f"cannot listen on {http.listen}: {error.strerror or error}") from error
        host, port, *_ = self._server.sockets[0].getsockname()
        scheme = "https" if context else "http"
        return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"

    def renew(self, tls: TlsSettings | None) -> None:
        """Show other certificates from now on; connections that are there stay, and client_ca only gains.

        Raises PortError: nothing has changed then.
        """
        if tls is not None and self._tls is not None:
            self._context(tls)  # what does not do must not touch what does
            connections.load(self._tls, tls)

    async def close(self) -> None:
        """Listen no more. Idempotent."""
        if self._server is not None:
            self._server.close()
        if self._runner is not None:
            await self._runner.cleanup()

    @staticmethod
    def _context(tls: TlsSettings) -> ssl.SSLContext:
        try:
            return connections.tls_context(tls)
        except (OSError, ValueError) as error:  # an ssl.SSLError is an OSError
            raise PortError(f"http.tls: certificate, private_key and client_ca do not do: {error}") from error

    async def _healthz(self, _: web.Request) -> web.Response:
        """200 whenever the event loop turns."""
        return web.Response(text="ok\n")

    async def _readyz(self, _: web.Request) -> web.Response:
        """200 when every enabled mapping and all provisioned concurrency is ready, else 503; the body tells about each."""
        kinds = self._readiness()
        ready = all(thing["ready"] for things in kinds.values() for thing in things)
        body = orjson.dumps(
            {"ready": ready, **kinds, **self._about()}, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
        )
        return web.Response(body=body, status=200 if ready else 503, content_type="application/json")

    async def _page(self, _: web.Request) -> web.Response:
        if self._measure is not None:
            await self._measure()
        return web.Response(body=self._metrics.page(), headers={"Content-Type": METRICS_TYPE})
