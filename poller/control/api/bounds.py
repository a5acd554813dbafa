"""How much of a request is read, how long that may take, and how much of all requests lies in memory at once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

from poller.control.api.contract import ApiError

UPLOAD_BYTES = 70_167_211
"""CreateFunction and its like, a zip in base64 within: 50 MB (Lambda API, observed)."""
EVENT_BYTES = 6_291_456
"""Payload of a synchronous invocation (Lambda quotas)."""
ASYNC_EVENT_BYTES = 1_048_576
"""Payload of an asynchronous one (Lambda quotas)."""
LOG_BYTES = 10 * 1_048_576
"""A batch of log events has 1 MB; in JSON a byte may become six."""
USUAL_BYTES = 6_291_456
"""All other operations; none needs more than a few hundred kilobytes."""
IN_MEMORY_BYTES = 512 * 1_048_576
"""Bodies being read or worked on, together. Past that callers are told to come again, as AWS tells those that ask too fast."""
STALLED_SECONDS = 20.0
"""Without a byte of a body that has begun. AWS's front ends close connections after about as long."""
SLOWEST_BYTES_PER_SECOND = 32 * 1024
"""A body comes at this rate on the whole, or not at all: whoever has us keep 10 MB goes on sending."""

_UPLOADS = frozenset({"CreateFunction", "UpdateFunctionCode", "PublishLayerVersion"})
_INVOKES = frozenset({"Invoke", "InvokeWithResponseStream"})


class GoneError(Exception):
    """The client has hung up: there is nobody to be answered."""


class Bodies:
    """Reads them, and knows how much there is."""

    def __init__(self) -> None:
        self.held = 0

    @contextmanager
    def counted(self) -> Iterator[Body]:
        """The body of one request, counted until the block ends."""
        body = Body(self)
        try:
            yield body
        finally:
            self.held -= body.size


class Body:
    """One request's body."""

    def __init__(self, all_: Bodies) -> None:
        self._all = all_
        self.size = 0

    async def read(self, request: web.Request, service: str, operation: str) -> bytes:
        """All of it. Raises ApiError when it is too long, too slow, or more than there is room for; GoneError."""
        limit = _limit(service, operation, request)
        said = request.content_length
        if said is not None and said > limit:
            raise _too_long(operation, said, limit)
        await _go_on(request)
        if request.content.is_eof():  # all of it came with the head: most of the time
            whole = request.content.read_nowait()
            self._take(len(whole))
            return whole
        began = asyncio.get_running_loop().time()
        parts = []
        try:
            while part := await _next(request, began + STALLED_SECONDS + self.size / SLOWEST_BYTES_PER_SECOND):
                parts.append(part)
                self._take(len(part))
                if self.size > limit:
                    raise _too_long(operation, self.size, limit)
        except TimeoutError:
            raise ApiError("RequestTimeoutException", "The body of the request did not come in time.") from None
        except OSError as error:
            raise GoneError from error
        except web.RequestPayloadError:
            raise ApiError("SerializationException", "The body of the request is cut or not as HTTP has it.") from None
        return b"".join(parts)

    def _take(self, size: int) -> None:
        if self._all.held + size > IN_MEMORY_BYTES:
            raise ApiError("TooManyRequestsException", "Rate exceeded", Reason="CallerRateLimitExceeded")
        self._all.held += size
        self.size += size


async def later(_: web.Request) -> None:
    """What aiohttp does about ``Expect: 100-continue`` by itself: nothing. A body is asked for when it is known to be wanted."""


async def _go_on(request: web.Request) -> None:
    if request.headers.get("Expect", "").lower() == "100-continue":
        try:
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        except ConnectionError as error:
            raise GoneError from error
        request.writer.output_size = 0  # so that an error can still be the answer (aiohttp counts)


async def _next(request: web.Request, deadline: float) -> bytes:
    async with asyncio.timeout_at(min(deadline, asyncio.get_running_loop().time() + STALLED_SECONDS)):
        return await request.content.readany()


def _limit(service: str, operation: str, request: web.Request) -> int:
    if service == "logs":
        return LOG_BYTES
    if operation in _UPLOADS:
        return UPLOAD_BYTES
    if operation == "InvokeAsync" or (
        operation in _INVOKES and request.headers.get("X-Amz-Invocation-Type") == "Event"
    ):
        return ASYNC_EVENT_BYTES
    return EVENT_BYTES if operation in _INVOKES else USUAL_BYTES


def _too_long(operation: str, size: int, limit: int) -> ApiError:
    """AWS's words, which are others for asynchronous events (observed)."""
    if limit == ASYNC_EVENT_BYTES:
        text = f"{size} byte payload is too large for the Event invocation type (limit {limit} bytes)"
        return ApiError("RequestTooLargeException", text)
    action = "InvokeFunction" if operation in _INVOKES else operation
    return ApiError(
        "RequestEntityTooLargeException", f"Request must be smaller than {limit} bytes for the {action} operation"
    )
