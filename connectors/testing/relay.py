"""A TCP relay in front of a server, to break connections that the server itself keeps. Runs in the test's own event loop."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Self

CHUNK = 65536


class Relay:
    """Listens on a port of a loopback address, which it keeps, and passes bytes on to ``port`` of the same machine."""

    def __init__(self, port: int, address: str = "127.0.0.1") -> None:
        self._address = address
        self.port = 0
        """Where to connect to; known once started."""
        self.answered = 0
        """Bytes of answers passed on so far."""
        self._target = port
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._answering = asyncio.Event()
        self._answering.set()

    async def __aenter__(self) -> Self:
        await self.mend()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.cut()

    async def cut(self) -> None:
        """Break every connection and refuse new ones. Answers held back are lost."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def mend(self) -> None:
        """Pass bytes on, both ways, over new connections."""
        self._answering.set()
        if self._server is None:
            self._server = await asyncio.start_server(self._accept, self._address, self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    def stall(self) -> None:
        """Hold back what the server answers; connections stay, and requests still reach it."""
        self._answering.clear()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.current_task()
        if connection is None:
            raise AssertionError("a stream's callback runs in a task of its own")
        if self._server is None:  # accepted in the moment of the cut
            writer.transport.abort()
            return
        self._connections.add(connection)
        try:
            await self._pass_on(reader, writer)
        except (OSError, asyncio.CancelledError):  # cancelled by cut alone
            writer.transport.abort()
        finally:
            self._connections.discard(connection)
            writer.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._target)
        try:
            async with asyncio.TaskGroup() as ways:
                ways.create_task(_ask(reader, back), name="relay requests")
                ways.create_task(self._answer(there, writer), name="relay answers")
        except* OSError:  # one side has gone: so has the other
            pass
        finally:
            back.transport.abort()
            with contextlib.suppress(OSError):
                await back.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(CHUNK):
            await self._answering.wait()
            writer.write(chunk)
            await writer.drain()
            self.answered += len(chunk)
        raise ConnectionResetError  # ends the other direction too


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(CHUNK):
        writer.write(chunk)
        await writer.drain()
    raise ConnectionResetError  # ends the other direction too
