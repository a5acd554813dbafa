"""The one listener of an environment, and which API a path belongs to.

The Runtime API comes first, because a warm invocation is two calls to it and nothing else. All other APIs are served when they
were given (``serve``); the rest of the paths answers 404.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Protocol

from poller.execution.listener.replies import not_found
from poller.wire.http import Exchange, HttpConnection, Request, Streams

Admit = Callable[[int], bool]
"""Whether the client with that local port belongs to the environment."""


class Api(Protocol):
    """What is served beside the Runtime API."""

    prefix: bytes
    """Of its paths."""

    def on_call(self, request: Request, exchange: Exchange) -> None:
        """One call to such a path."""
        ...

    def runtime_ready(self) -> None:
        """The runtime has asked for its first event."""
        ...

    def reset(self) -> None:
        """The processes of the environment are about to be started anew; all connections are gone."""
        ...


class RuntimeCalls(Streams, Protocol):
    """What the Runtime API answers itself."""

    def on_call(self, request: Request, exchange: Exchange) -> None:
        """A call under its version's prefix."""
        ...

    def on_truncated(self, request: Request, exchange: Exchange) -> None:
        """A call whose body broke off."""
        ...


class Listener:
    """Accepts the environment's processes and hands their calls on. max_body: bytes of a call that are kept."""

    def __init__(self, admit: Admit, runtime: RuntimeCalls, *, max_body: int) -> None:
        self._admit = admit
        self._runtime = runtime
        self._max_body = max_body
        self._checked = True
        self._server: asyncio.Server | None = None
        self._connections: set[HttpConnection] = set()
        self.apis: list[Api] = []
        self.port = 0

    async def open(self, sock: socket.socket | None = None) -> None:
        """Listen on a free port of 127.0.0.1, where each client is checked; or on a socket that listens already.

        A socket given is the environment's own (bound in its network namespace): whoever reaches it belongs there. It is closed with
        the listener. Raises OSError.
        """
        self._checked = sock is None
        taken = _free() if sock is None else sock
        try:
            self._server = await asyncio.get_running_loop().create_server(self.connection, sock=taken, backlog=16)
        except BaseException:  # a start that is cancelled here would leave it to nobody
            taken.close()
            raise
        self.port = self._server.sockets[0].getsockname()[1]

    def connection(self) -> HttpConnection:
        """The protocol of a further client."""
        return HttpConnection(self, max_body=self._max_body, streams=self._runtime)

    async def close(self) -> None:
        """Listen no more, hang up on everybody."""
        if self._server is not None:
            self._server.close()
            self.hang_up()
            await self._server.wait_closed()

    def hang_up(self) -> None:
        """Drop every connection; new ones are taken."""
        for connection in list(self._connections):
            connection.transport.abort()

    # what connections call

    def admits(self, connection: HttpConnection) -> bool:
        """Only processes of this environment may speak: another one could read the event, or answer in the function's place."""
        admitted = not self._checked or self._admit(connection.transport.get_extra_info("peername")[1])
        if admitted:
            self._connections.add(connection)
        return admitted

    def on_closed(self, connection: HttpConnection) -> None:
        """A client hung up; its process's end is noticed elsewhere."""
        self._connections.discard(connection)

    def on_request(self, request: Request, exchange: Exchange) -> None:
        """Route one call."""
        path = request.path
        if path.startswith(b"/2018-06-01/"):
            self._runtime.on_call(request, exchange)
            return
        for api in self.apis:
            if path.startswith(api.prefix):
                api.on_call(request, exchange)
                return
        not_found(exchange)

    def on_truncated(self, request: Request, exchange: Exchange) -> None:
        """Only an answer that broke off matters; anything else is as if it had not been said."""
        if request.path.startswith(b"/2018-06-01/"):
            self._runtime.on_truncated(request, exchange)


def _free() -> socket.socket:
    """Bound to a free port of 127.0.0.1."""
    sock = socket.socket()
    try:
        sock.setblocking(False)
        sock.bind(("127.0.0.1", 0))
    except OSError:
        sock.close()
        raise
    return sock
