"""One payload on its way to a subscriber: HTTP with an answer, or lines over TCP. No retries here; what goes wrong is OSError.

Connections are made by the ``Dial`` of the environment, because they must come from inside its network namespace.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import socket
from collections.abc import Awaitable, Callable, Sequence

import httptools

from poller.execution.telemetry.subscription import Destination

Dial = Callable[[int], Awaitable[socket.socket]]
"""Connects to that port of 127.0.0.1 inside the environment. Returns a connected, non-blocking socket; raises OSError."""

READ = 65536


async def loopback(port: int) -> socket.socket:
    """The ``Dial`` of an environment without a network namespace of its own."""
    sock = socket.socket()
    sock.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
    except BaseException:
        sock.close()
        raise
    return sock


class Rejected(OSError):
    """The subscriber answered, and not with 2xx."""


class Delivery:
    """A connection to one subscriber, made when it is needed and kept."""

    def __init__(self, destination: Destination, dial: Dial) -> None:
        self._destination = destination
        self._dial = dial
        self._stream: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, events: Sequence[bytes]) -> None:
        """Deliver them all. Raises OSError: nobody listens, the connection broke, or ``Rejected``; all of them may have arrived then."""
        try:
            reader, writer = await self._connected()
            if not self._destination.method:
                writer.write(b"\n".join(events) + b"\n")
                await writer.drain()
                return
            writer.write(self._request(b"[" + b",".join(events) + b"]"))
            await writer.drain()
            await self._answer(reader)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Hang up. The next delivery connects anew."""
        if self._stream is not None:
            self._stream[1].transport.abort()
            self._stream = None

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._stream is not None and self._stream[0].at_eof():
            self.close()
        if self._stream is None:
            sock = await self._dial(self._destination.port)
            self._stream = await asyncio.open_connection(sock=sock)
        return self._stream

    def _request(self, body: bytes) -> bytes:
        """Sequence-Id is the payload's digest, so that a repetition can be recognised; as the service's newer server has it."""
        to = self._destination
        sequence = base64.b64encode(hashlib.sha256(body).digest()).decode()
        head = (
            f"{to.method} {to.path} HTTP/1.1\r\nHost: {to.host}\r\nContent-Type: application/json\r\n"
            f"Sequence-Id: {sequence}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    async def _answer(self, reader: asyncio.StreamReader) -> None:
        answer = _Answer()
        parser = answer.parser
        while not answer.complete:
            data = await reader.read(READ)
            if not data:
                raise ConnectionResetError("the subscriber hung up before it answered")
            try:
                parser.feed_data(data)
            except httptools.HttpParserError as error:
                raise ConnectionError(f"the subscriber's answer is no HTTP: {error}") from error
        status = parser.get_status_code()
        if not answer.keep_alive:
            self.close()
        if not 200 <= status < 300:  # noqa: PLR2004  # 2xx
            raise Rejected(f"the subscriber answered {status}")


class _Answer:
    """What the parser tells; the body is thrown away, and not waited for where only the connection's end would end it (HTTP/1.0)."""

    def __init__(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.complete = self.keep_alive = False

    def on_headers_complete(self) -> None:
        self.complete = not self.parser.should_keep_alive()

    def on_message_complete(self) -> None:
        self.complete = True
        self.keep_alive = self.parser.should_keep_alive()  # a moment later it has forgotten the length and says no
