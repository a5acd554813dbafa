"""What a runtime posts as the answer to one event, whole or in chunks, and what it is told about that."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod

from poller.execution import failures
from poller.execution.contract import Invocation, Opening
from poller.execution.listener.replies import ACCEPTED, refuse
from poller.execution.runtime_api.answers import ERROR_TYPE, MAX_ANSWER, Answer, error_in_trailers
from poller.execution.runtime_api.bandwidth import Bucket
from poller.execution.runtime_api.error_cause import CONTENT_TYPE, sanitised, split, trimmed
from poller.execution.runtime_api.states import Call
from poller.execution.runtime_api.stream import MAX_STREAM, AnswerStream
from poller.wire.http import Exchange, Receiver, Request

MODE = b"lambda-runtime-function-response-mode"
MODES = frozenset({b"", b"streaming"})
CAUSE = b"lambda-runtime-function-xray-error-cause"


class Taker(ABC):
    """Who takes the answer to one event."""

    @abstractmethod
    def settle(self, answer: Answer) -> None:
        """This is it; the first one counts."""

    @abstractmethod
    def sent(self) -> None:
        """The body of an answer in chunks has come, or broke off."""

    def post(self, call: Call, request: Request, exchange: Exchange, request_id: str) -> None:
        """An answer, whole. call: RESPONSE or ERROR."""
        mode = request.header(MODE) if request.marked and call is Call.RESPONSE else b""
        if mode not in MODES:
            refuse(exchange, 400, "InvalidFunctionResponseMode", "Invalid function response mode")
            self.fail(request_id, "Runtime.InvalidResponseModeHeader", "Invalid function response mode")
        elif request.oversized:
            self.oversized(request.size, exchange)
        else:
            exchange.send(ACCEPTED)
            self.settle(error(request) if call is Call.ERROR else success(request))

    def oversized(self, size: int, exchange: Exchange, *, streamed: int = 0, limit: int = MAX_ANSWER) -> None:
        """It was longer than it may be. streamed: bytes of it that have gone on all the same."""
        text = f"Exceeded maximum allowed payload size ({limit} bytes)."
        refuse(exchange, 413, "RequestEntityTooLarge", text)
        self.settle(Answer(b"", oversized=True, size=size, streamed=streamed, limit=limit))

    def truncated(self, request_id: str, exchange: Exchange, *, streamed: int = 0) -> None:
        """It was shorter than it should be: the runtime hung up in the middle. That is its answer, whoever waits is told."""
        text = "HTTP request detected as truncated"
        refuse(exchange, 400, "TruncatedHTTPRequest", text)
        self.fail(request_id, "Runtime.TruncatedResponse", text, truncated=True, streamed=streamed)

    def fail(
        self, request_id: str, error_type: str, reason: str, *, truncated: bool = False, streamed: int = 0
    ) -> None:
        """It is none: the invoker gets our words."""
        body = failures.body(error_type, request_id, reason)
        self.settle(
            Answer(body, error=True, truncated=truncated, size=len(body), error_type=error_type, streamed=streamed)
        )


class Streamed(Receiver):
    """The body of one answer that comes in chunks, on its way to a reader or, for a caller who wants none of that, into one piece."""

    def __init__(
        self, taker: Taker, exchange: Exchange, request: Request, request_id: str, stream: AnswerStream | None
    ) -> None:
        self._taker = taker
        self._exchange = exchange
        self._request = request
        self._request_id = request_id
        self._stream = stream
        self._limit = MAX_ANSWER if stream is None else MAX_STREAM
        self._pieces: list[bytes] = []
        self._size = 0

    def on_piece(self, piece: bytes) -> None:
        """Pass it on, up to the limit, or keep it."""
        room = self._limit - self._size
        self._size += len(piece)
        if self._stream is not None:
            if room > 0:
                self._stream.feed(piece[:room])
        elif self._size <= self._limit:
            self._pieces.append(piece)
        else:
            self._pieces.clear()

    def on_end(self, request: Request) -> None:
        """All has come."""
        self._taker.sent()
        self.cut()
        error_type, error_body = error_in_trailers(request)
        if self._size > self._limit:
            self._taker.oversized(self._size, self._exchange, streamed=self._streamed, limit=self._limit)
            return
        if error_type:
            error_body = error_body or failures.body(error_type, self._request_id, "the runtime gave no reason")
        answer = Answer(
            error_body if error_type else b"".join(self._pieces),
            error=bool(error_type),
            size=self._size,
            content_type=text(request, b"content-type"),
            error_type=error_type,
            streamed=self._streamed,
            seconds=time.monotonic() - request.began,
        )
        self._exchange.send(ACCEPTED)
        self._taker.settle(answer)

    def on_cut(self) -> None:
        """The runtime hung up before the end."""
        self._taker.sent()
        self.cut()
        self._taker.truncated(self._request_id, self._exchange, streamed=self._streamed)

    def cut(self) -> None:
        """The reader gets no more. Idempotent."""
        if self._stream is not None:
            self._stream.finish()

    @property
    def _streamed(self) -> int:
        return 0 if self._stream is None else min(self._size, self._limit)


def opened(invocation: Invocation, request: Request, exchange: Exchange, *, paced: bool) -> AnswerStream | None:
    """Tell whoever wants to read an answer as it comes that it has begun; None where nobody does.

    Go's client streams without saying so in MODE (Lambda DG, Response streaming, counts it among those that do).
    """
    if invocation.on_opening is None:
        return None
    pace = Bucket(asyncio.get_running_loop().time()) if paced else None
    stream = AnswerStream(exchange.hold, pace)
    invocation.on_opening(Opening(content_type=text(request, b"content-type"), pieces=stream))
    return stream


def success(request: Request) -> Answer:
    """Of the response path."""
    seconds = time.monotonic() - request.began
    return Answer(request.body, size=request.size, content_type=text(request, b"content-type"), seconds=seconds)


def error(request: Request) -> Answer:
    """Of the error path."""
    body, cause = request.body, trimmed(request.header(CAUSE))
    if request.header(b"content-type") == CONTENT_TYPE:
        body, cause = split(body)
    error_type = sanitised(text(request, ERROR_TYPE))
    return Answer(body, error=True, size=request.size, error_type=error_type, cause=cause)


def text(request: Request, name: bytes) -> str:
    """The value of a header."""
    return request.header(name).decode("latin-1")
