"""Answers on their way to a client, with aiohttp. One that has gone is no error: the function has run, or runs on."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Sequence
from http import HTTPStatus

from aiohttp import web
from multidict import CIMultiDict

from poller.envelope.url.answer import Head, HttpAnswer

Headers = Sequence[tuple[str, str]]

STALLED_SECONDS = 60.0
"""How long a client may take for a piece; one that takes longer reads no more, and counts as gone."""

_BODILESS = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})


def whole(answer: HttpAnswer, more: Headers) -> web.Response:
    """An answer to be sent. more: headers that it gets unless it has them."""
    return web.Response(status=answer.head.status, headers=_headers(answer.head, more), body=answer.body)


class Outlet:
    """One streamed answer to one request."""

    def __init__(self, request: web.Request, more: Headers) -> None:
        self._request = request
        self._more = more
        self._response: web.StreamResponse | None = None
        self._empty = request.method == "HEAD"

    @property
    def begun(self) -> bool:
        """Whether the head is out."""
        return self._response is not None

    async def begin(self, head: Head) -> None:
        """Send the head, once. Raises ConnectionError when the client has gone."""
        if self._response is None:
            self._empty = self._empty or head.status in _BODILESS
            self._response = web.StreamResponse(status=head.status, headers=_headers(head, self._more))
            await self._sent(self._response.prepare(self._request))

    async def write(self, piece: bytes) -> None:
        """Send some of the body, and wait while the client is slow. Raises as above."""
        if self._response is not None and piece and not self._empty:
            await self._sent(self._response.write(piece))

    async def end(self) -> web.StreamResponse:
        """All has been said."""
        if self._response is None:
            raise RuntimeError("an answer ends that has not begun")
        with contextlib.suppress(ConnectionError):
            await self._sent(self._response.write_eof())
        return self._response

    def cut(self) -> web.StreamResponse:
        """Hang up without an end, so that the client knows that there is more it did not get."""
        if self._response is None:
            raise RuntimeError("an answer breaks off that has not begun")
        if self._request.transport is not None:
            self._request.transport.close()
        return self._response

    async def _sent(self, sending: Awaitable[object]) -> None:
        try:
            async with asyncio.timeout(STALLED_SECONDS):
                await sending
        except TimeoutError:
            if self._request.transport is not None:
                self._request.transport.abort()
            raise ConnectionResetError("the client reads no more") from None


def _headers(head: Head, more: Headers) -> CIMultiDict[str]:
    headers = CIMultiDict(head.headers)
    for name, value in (*more, ("Server", "pollerd")):
        headers.setdefault(name, value)
    return headers
