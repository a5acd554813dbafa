"""What a runtime posts as the answer to one event, whole or in chunks, and what it is told about that."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod

from poller.execution import failures
from poller.execution.listener.replies import ACCEPTED, refuse
from poller.execution.runtime_api.answers import ERROR_TYPE, MAX_ANSWER, Answer, AnswerStream, End, error_in_trailers
from poller.execution.runtime_api.error_cause import CONTENT_TYPE, sanitised, split, trimmed
from poller.execution.runtime_api.states import Call
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

    def accept(self, answer: Answer | None, exchange: Exchange) -> None:
        """An answer in chunks is good; None when its stream has said so already."""
        exchange.send(ACCEPTED)
        if answer is not None:
            self.settle(answer)

    def oversized(self, size: int, exchange: Exchange) -> None:
        """It was longer than it may be."""
        text = f"Exceeded maximum allowed payload size ({MAX_ANSWER} bytes)."
        refuse(exchange, 413, "RequestEntityTooLarge", text)
        self.settle(Answer(b"", oversized=True, size=size))

    def truncated(self, request_id: str, exchange: Exchange) -> None:
        """It was shorter than it should be: the runtime hung up in the middle. That is its answer, whoever waits is told."""
        text = "HTTP request detected as truncated"
        refuse(exchange, 400, "TruncatedHTTPRequest", text)
        self.fail(request_id, "Runtime.TruncatedResponse", text, truncated=True)

    def fail(self, request_id: str, error_type: str, reason: str, *, truncated: bool = False) -> None:
        """It is none: the invoker gets our words."""
        body = failures.body(error_type, request_id, reason)
        self.settle(Answer(body, error=True, truncated=truncated, size=len(body), error_type=error_type))


class Streamed(Receiver):
    """The body of one answer that comes in chunks, on its way to a stream or, for a caller who wants none, into one piece."""

    def __init__(
        self, taker: Taker, exchange: Exchange, request: Request, request_id: str, stream: AnswerStream | None
    ) -> None:
        self._taker = taker
        self._exchange = exchange
        self._request = request
        self._request_id = request_id
        self._pieces: list[bytes] = []
        self._size = 0
        self.stream = stream

    def on_piece(self, piece: bytes) -> None:
        """Pass it on, or keep it."""
        self._size += len(piece)
        if self.stream is not None:
            self.stream.feed(piece)
        elif self._size <= MAX_ANSWER:
            self._pieces.append(piece)
        else:
            self._pieces.clear()

    def on_end(self, request: Request) -> None:
        """All has come."""
        self._taker.sent()
        error_type, error_body = error_in_trailers(request)
        if self.stream is not None and self.stream.oversized:
            self.stream.finish(End.OVERSIZED, error_type or "Function.ResponseSizeTooLarge", error_body)
            self._taker.oversized(self._size, self._exchange)
        elif self.stream is not None:
            self.stream.finish(End.COMPLETE, error_type, error_body)
            self._taker.accept(None, self._exchange)
        elif self._size > MAX_ANSWER:
            self._taker.oversized(self._size, self._exchange)
        else:
            content_type = text(request, b"content-type")
            body = error_body if error_type else b"".join(self._pieces)
            seconds = time.monotonic() - request.began
            answer = Answer(
                body,
                error=bool(error_type),
                size=self._size,
                content_type=content_type,
                error_type=error_type,
                seconds=seconds,
            )
            self._taker.accept(answer, self._exchange)

    def on_cut(self) -> None:
        """The runtime hung up before the end."""
        self._taker.sent()
        if self.stream is not None:
            self.stream.finish(End.TRUNCATED, "Runtime.TruncatedResponse")
        self._taker.truncated(self._request_id, self._exchange)


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
