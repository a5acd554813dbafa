"""Ports of the host's loopback inside a container, under the same address: a local AWS endpoint, say.

The daemon serves a socket that listens inside, and carries bytes to the host's port; the container's network stays as it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools

from poller.execution.container.agent import Agent

CHUNK = 64 * 1024


class Relay:
    """The ports of one container."""

    def __init__(self) -> None:
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self, agent: Agent, ports: tuple[int, ...]) -> None:
        """Carry these ports. Raises OSError."""
        for port in sorted(set(ports)):
            listener = await agent.listen(port)
            accept = functools.partial(self._accepted, port)
            self._servers.append(await asyncio.start_server(accept, sock=listener))

    async def close(self) -> None:
        """Carry nothing any more."""
        for server in self._servers:
            server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for server in self._servers:
            await server.wait_closed()

    async def _accepted(self, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  # a callback that is a coroutine has one
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        outside: asyncio.StreamWriter | None = None
        try:
            from_outside, outside = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.gather(_carry(reader, outside), _carry(from_outside, writer))
        except OSError:
            pass  # one side hung up; the other is told by the end of its connection
        finally:
            for each in (writer, outside):
                if each is not None:
                    each.close()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(CHUNK):
        writer.write(chunk)
        await writer.drain()
    with contextlib.suppress(OSError):
        writer.write_eof()
