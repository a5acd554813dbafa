"""Program: our Runtime API before the streaming runtime (function/stream.py), behind a path like RIE's. Arguments: a folder (unused), port.

Pieces leave as they come, at the service's pace, which lets 6 MiB through at once. The front is as thin as can be, like door.py's; the
runtime is a child process without a sandbox, as under RIE.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import sys
import time

import uvloop

from bench.in_process import invocation
from bench.pollerd import FUNCTION
from poller.execution.runtime_api import RuntimeApi
from poller.execution.runtime_api.answers import AnswerStream, End

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
TIMEOUT_MS = 30_000


async def serve(api: RuntimeApi, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One client, until it hangs up: every request is an invocation."""
    with contextlib.suppress(asyncio.IncompleteReadError), contextlib.closing(writer):
        while True:
            length = LENGTH.search(await reader.readuntil(b"\r\n\r\n"))
            event = await reader.readexactly(int(length[1]) if length else 0)
            deadline = int(time.time() * 1000) + TIMEOUT_MS
            answer = await api.deliver(invocation(event), deadline, stream=True)
            if answer is None or answer.stream is None:
                raise SystemExit("the function does not stream")
            await pass_on(answer.stream, writer)


async def pass_on(stream: AnswerStream, writer: asyncio.StreamWriter) -> None:
    """Each piece as a chunk. One that breaks off ends the connection instead."""
    writer.write(HEAD)
    async for piece in stream:
        writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        await writer.drain()
    if (await stream.ended).end is not End.COMPLETE:
        raise SystemExit("the function's stream broke off")
    writer.write(b"0\r\n\r\n")


async def main(port: int) -> None:
    api = RuntimeApi(lambda _port: True)
    await api.open()
    env = {**os.environ, "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{api.port}"}
    await asyncio.create_subprocess_exec(sys.executable, str(FUNCTION / "stream.py"), env=env)
    await api.ready
    server = await asyncio.start_server(lambda reader, writer: serve(api, reader, writer), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[2])))
