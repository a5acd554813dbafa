"""The daemon's one HTTP port: /healthz, /readyz, /metrics, which read and change nothing; and what else is given to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import orjson
from aiohttp import web

from poller.observe.metrics import Metrics

Readiness = Callable[[], dict[str, list[dict[str, Any]]]]
"""By kind (``mappings``, ``functions``) one object each: its name, ``ready``, and what is known of it."""

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"

MOST_REQUEST_BYTES = 70_167_211
"""Of a request's body: a package of 50 MB in base64 (recorded: CreateFunction takes no more)."""


class PortError(Exception):
    """The port cannot be opened. The message is a sentence for the operator."""


class Port:
    """Listens from ``open`` to ``close``. about: what /readyz shows beside what is or is not ready. more: further routes.

    measure: awaited before the metrics page is made, for what has to be asked elsewhere; None: nothing has.
    """

    def __init__(
        self,
        metrics: Metrics,
        readiness: Readiness,
        about: Callable[[], Mapping[str, str]],
        more: Iterable[web.RouteDef] = (),
        measure: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._measure = measure
        self._more = more
        self._metrics = metrics
        self._about = about
        self._readiness = readiness
        self._runner: web.AppRunner | None = None

    async def open(self, listen: str) -> str:
        """Listen on ``host:port`` (port 0: a free one); returns the URL. Raises PortError when it cannot."""
        app = web.Application(client_max_size=MOST_REQUEST_BYTES)
        app.add_routes(
            [
                web.get("/healthz", self._healthz),
                web.get("/readyz", self._readyz),
                web.get("/metrics", self._page),
                *self._more,
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await self._runner.setup()
        host, _, port = listen.rpartition(":")
        site = web.TCPSite(self._runner, host.strip("[]"), int(port))
        try:
            await site.start()
        except OSError as error:
            await self.close()
            raise PortError(f"cannot listen on {listen}: {error.strerror or error}") from error
        host, port, *_ = self._runner.addresses[0]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def close(self) -> None:
        """Listen no more. Idempotent."""
        if self._runner is not None:
            await self._runner.cleanup()

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
