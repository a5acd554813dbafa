"""A streamed answer of another server, handed on as it comes (Lambda API reference, InvokeWithResponseStream).

Not imported before somebody wants one: botocore, which reads the frames as it does for every AWS client, takes megabytes.
The content type that the function gave is not told by this operation.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import orjson
from botocore.eventstream import EventStreamBuffer, ParserError

from poller.execution.contract import Invocation, Opening
from poller.execution.remote.answer import LOG_RESULT, NOT_TAKEN, UNREACHABLE, VERSION, HttpAnswer, Ruling, rule_end
from poller.execution.runtime_api import AnswerStream

CHUNK = 64 * 1024


async def pass_on(response: aiohttp.ClientResponse, invocation: Invocation) -> tuple[Ruling, HttpAnswer]:
    """Read all of an event stream; what became of the invocation, and what Invoke would have said of it. Raises what aiohttp does."""
    outlet = _Outlet(invocation, response.headers.get(VERSION, "$LATEST"))
    end: dict[str, Any] | None = None
    refused: Ruling | None = None
    try:
        async for kind, payload in _events(response):
            if kind == "PayloadChunk":
                await outlet.write(payload)
            elif kind == "InvokeComplete":
                end = orjson.loads(payload)
            else:
                refused = Ruling.not_taken(kind, f"the server broke off: {payload.decode(errors='replace')}")
    except (ParserError, orjson.JSONDecodeError) as error:
        refused = Ruling.not_taken(NOT_TAKEN, f"what the server sent is no event stream: {error}")
    finally:
        outlet.close()
    if refused is None and end is None:
        refused = Ruling.not_taken(UNREACHABLE, "the server hung up in the middle of its answer")
    ruling = refused or rule_end(end or {}, outlet.size)
    headers = {VERSION: response.headers.get(VERSION, "$LATEST"), LOG_RESULT: (end or {}).get("LogResult") or ""}
    return ruling, HttpAnswer(response.status, headers, b"")


class _Outlet:
    """Where the pieces go. The reader is told with the first of them: what fails before that is an error like any other."""

    def __init__(self, invocation: Invocation, version: str) -> None:
        self._invocation = invocation
        self._version = version
        self._room = asyncio.Event()
        self._room.set()
        self._stream: AnswerStream | None = None
        self.size = 0

    async def write(self, piece: bytes) -> None:
        """Pass it on, and wait for the reader where he is slow."""
        if self._stream is None:
            self._stream = AnswerStream(self._hold)
            if self._invocation.on_opening is not None:
                self._invocation.on_opening(
                    Opening(content_type="", executed_version=self._version, pieces=self._stream)
                )
        self.size += len(piece)
        self._stream.feed(piece)
        await self._room.wait()

    def close(self) -> None:
        if self._stream is not None:
            self._stream.finish()

    def _hold(self, wanted: bool) -> None:
        if wanted:
            self._room.clear()
        else:
            self._room.set()


async def _events(response: aiohttp.ClientResponse) -> AsyncIterator[tuple[str, bytes]]:
    """Kind and payload of each frame. A frame that is no event is of the kind that its exception or error has."""
    buffer = EventStreamBuffer()
    async for data in response.content.iter_chunked(CHUNK):
        buffer.add_data(data)
        for message in buffer:
            headers = message.headers
            names = (":event-type", ":exception-type", ":error-code")
            yield next((str(headers[name]) for name in names if name in headers), NOT_TAKEN), message.payload
