"""Program: one environment of ours behind the path on which the AWS emulator is driven. Arguments: state folder, port.

An HTTP front as thin as can be, on the parser of our Runtime API. It stands for the invoke API, so that both sides are
measured through HTTP.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import uvloop

from bench.in_process import invocation, pool
from poller.dispatch.invoker import MAX_PAYLOAD
from poller.execution.pool import Pool
from poller.wire.http import Exchange, HttpConnection, Request


class Door:
    """Every request is an invocation."""

    def __init__(self, environments: Pool) -> None:
        self._environments = environments
        self._running: set[asyncio.Task[None]] = set()

    def admits(self, _connection: HttpConnection) -> bool:
        """Everybody."""
        return True

    def on_request(self, request: Request, exchange: Exchange) -> None:
        """Invoke."""
        task = asyncio.get_running_loop().create_task(self._answer(request.body, exchange))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def on_truncated(self, request: Request, exchange: Exchange) -> None:
        """Nothing to undo."""

    def on_closed(self, connection: HttpConnection) -> None:
        """Nothing to free."""

    async def _answer(self, event: bytes, exchange: Exchange) -> None:
        result = await self._environments.invoke(invocation(event))
        exchange.respond(200 if result.ok else 500, (), result.payload)


async def main(state: Path, port: int) -> None:
    async with pool(state) as environments:
        door = Door(environments)
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: HttpConnection(door, max_body=MAX_PAYLOAD), "127.0.0.1", port)
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1]), int(sys.argv[2])))
