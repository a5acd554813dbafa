"""A server that answers every request alike, and an error as services of AWS word it. Not what is tested."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator

from aiohttp import web

PROTOCOL = "application/x-amz-json-1.0"


def said(code: str) -> bytes:
    return json.dumps({"__type": f"com.amazonaws.service#{code}", "message": "words"}).encode()


@contextlib.asynccontextmanager
async def server(status: int, body: bytes, kind: str, seen: list[web.Request]) -> AsyncIterator[str]:
    """A web server that answers every request alike; yields its URL."""

    async def answer(request: web.Request) -> web.Response:
        seen.append(request)
        return web.Response(status=status, body=body, content_type=kind)

    application = web.Application()
    application.router.add_route("*", "/{anything:.*}", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
