"""What a runtime answered, whole or as a stream that is still coming.

A stream is read by one reader, at the service's pace when it is asked for. A reader that is slow holds the runtime back
(Lambda DG, Response streaming).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
from collections import deque
from dataclasses import dataclass, field
from enum import Enum

from poller.execution.runtime_api.bandwidth import Bucket
from poller.execution.runtime_api.error_cause import sanitised
from poller.wire.http import Exchange, Request

MAX_ANSWER = 6 * 1024 * 1024 + 100
"""Bytes of a buffered answer that the service takes (Lambda quotas; the constant of its servers)."""
MAX_STREAM = 200 * 1024 * 1024
"""Bytes of a streamed answer (Lambda quotas)."""
WINDOW = 256 * 1024
"""Bytes that wait for the reader before the runtime is held back; ours: the service gives none. The event loop reads on while there is
something to read, so whatever may wait is read before the first of it is passed on."""

ERROR_TYPE = b"lambda-runtime-function-error-type"
ERROR_BODY = b"lambda-runtime-function-error-body"


class End(Enum):
    """How a stream ended; the values are the service's own marks."""

    COMPLETE = "Complete"
    TRUNCATED = "Truncated"
    OVERSIZED = "Oversized"


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of a stream. size: bytes of its body that were passed on. error_type, error_body: "" and b"" unless it failed midway."""

    end: End
    size: int
    error_type: str = ""
    error_body: bytes = b""


class AnswerStream:
    """The body of an answer as its pieces come: ``async for piece in stream``. ``ended`` is done when the runtime has written all of it.

    pace: None for as fast as both sides can.
    """

    def __init__(self, exchange: Exchange, pace: Bucket | None) -> None:
        self._exchange = exchange
        self._pace = pace
        self._pieces: deque[bytes] = deque()
        self._waiting = 0
        self._size = 0
        self._more = asyncio.Event()
        self.ended: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()

    def __aiter__(self) -> AnswerStream:
        return self

    async def __anext__(self) -> bytes:
        """The next piece, never empty; ends after the last, however the stream ended (see ``ended``)."""
        while not self._pieces:
            if self.ended.done():
                raise StopAsyncIteration
            self._more.clear()
            await self._more.wait()
        piece = self._pieces.popleft()
        if self._pace is not None:
            loop = asyncio.get_running_loop()
            if wait := self._pace.take(len(piece), loop.time()):
                await asyncio.sleep(wait)
        self._waiting -= len(piece)
        if self._waiting <= WINDOW // 2:
            self._exchange.hold(False)
        return piece

    def feed(self, piece: bytes) -> None:
        """A piece has come; what is past MAX_STREAM is dropped, and the end will say so."""
        room = MAX_STREAM - self._size
        self._size += len(piece)
        if room <= 0 or self.ended.done():
            return
        self._pieces.append(piece[:room])
        self._waiting += len(self._pieces[-1])
        self._more.set()
        if self._waiting > WINDOW:
            self._exchange.hold(True)

    @property
    def oversized(self) -> bool:
        """Whether more has come than may."""
        return self._size > MAX_STREAM

    def finish(self, end: End, error_type: str = "", error_body: bytes = b"") -> None:
        """It is over; the first end counts."""
        if not self.ended.done():
            self.ended.set_result(Ending(end, min(self._size, MAX_STREAM), error_type, error_body))
            self._more.set()


@dataclass(slots=True)
class Answer:
    """What the runtime posted; whoever gets it only reads it (frozen ones cost a microsecond more, in every invocation).

    error: it called the error path, or failed in the middle of a stream. oversized: past MAX_ANSWER; the body is empty then, size tells.
    truncated: it hung up before the end; the body is the error object then. content_type: as sent, "" without.
    error_type: as platform logs have it (see error_cause.py). cause: for X-Ray, JSON, trimmed. stream: instead of a body.
    seconds: from its beginning, its head, to the end of its body.
    """

    body: bytes
    error: bool = False
    oversized: bool = False
    truncated: bool = False
    size: int = 0
    content_type: str = ""
    error_type: str = ""
    cause: bytes = b""
    stream: AnswerStream | None = None
    seconds: float = field(default=0.0, compare=False)


def error_in_trailers(request: Request) -> tuple[str, bytes]:
    """Type and body of the error that a runtime met after it had begun to answer; "" and b"" where there was none.

    The body comes in base64; one that is not is passed on as it is.
    """
    error_type, body = request.trailer(ERROR_TYPE), request.trailer(ERROR_BODY)
    if not error_type and not body:
        return "", b""
    with contextlib.suppress(binascii.Error):
        body = base64.b64decode(body, validate=True)
    return sanitised(error_type.decode("latin-1")), body
