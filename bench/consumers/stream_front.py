"""Program: one environment of ours with the streaming runtime (function/stream.py) behind a path like RIE's. Arguments: state folder, port.

Pieces leave as they come, at the service's pace, which lets 6 MiB through at once. The way is the daemon's, from the pool on, but for the
sandbox: there is none, as under RIE. The front is as thin as can be, like door.py's.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import re
import shutil
import sys
from pathlib import Path

import uvloop

from bench import in_process
from bench.pollerd import FUNCTION
from poller.dispatch.stream import answering
from poller.execution.contract import FunctionSpec, OnOpening, Result
from poller.execution.pool import Pool

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


def function(folder: Path) -> FunctionSpec:
    """The runtime as a deployment package, with the interpreter that runs us."""
    package = folder / "package"
    package.mkdir()
    shutil.copy(FUNCTION / "stream.py", package)
    bootstrap = package / "bootstrap"
    bootstrap.write_text(f"#!/bin/sh\nexec {sys.executable} $LAMBDA_TASK_ROOT/stream.py\n")
    bootstrap.chmod(0o755)
    return dataclasses.replace(in_process.SPEC, task_root=str(package), runtime="provided.al2023")


async def serve(environments: Pool, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One client, until it hangs up: every request is an invocation."""
    with contextlib.suppress(asyncio.IncompleteReadError), contextlib.closing(writer):
        while True:
            length = LENGTH.search(await reader.readuntil(b"\r\n\r\n"))
            event = await reader.readexactly(int(length[1]) if length else 0)
            await pass_on(environments, event, writer)


async def pass_on(environments: Pool, event: bytes, writer: asyncio.StreamWriter) -> None:
    """Each piece as a chunk."""

    async def invoke(on_opening: OnOpening) -> Result:
        return await environments.invoke(dataclasses.replace(in_process.invocation(event), on_opening=on_opening))

    async with answering(invoke) as answer:
        if (opening := await answer.opening()) is None:
            raise SystemExit(f"the function failed: {(await answer.result()).payload!r}")
        writer.write(HEAD)
        async for piece in opening.pieces:
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            await writer.drain()
        if not (result := await answer.result()).ok or not result.streamed:
            raise SystemExit("the function's stream broke off")
    writer.write(b"0\r\n\r\n")


async def main(state: Path, port: int) -> None:
    async with in_process.pool(state, function(state), "none") as environments:
        server = await asyncio.start_server(
            lambda reader, writer: serve(environments, reader, writer), "127.0.0.1", port
        )
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1]), int(sys.argv[2])))
