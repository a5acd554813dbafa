"""The Runtime API of one environment: what the function's process talks to. One listener an environment; its address is its identity.

Paths, statuses and bodies as the service has them (Lambda DG, Using the Lambda runtime API). ``Content-Type`` is exactly
``application/json``: the Python client hands the handler a string otherwise, and crashes without. No other API is served
here: extensions and telemetry answer 404.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

import orjson

from poller.execution.contract import Invocation
from poller.execution.states import Call, State, move, refusal
from poller.wire.http import Exchange, HttpConnection, Request

MAX_ANSWER = 6 * 1024 * 1024 + 100
"""Bytes of a buffered answer that the service takes (Lambda quotas; the constant of its servers)."""

PREFIX = b"/2018-06-01/"
JSON = (b"Content-Type", b"application/json")
ACCEPTED = orjson.dumps({"status": "OK"})


@dataclass(frozen=True, slots=True)
class Answer:
    """What the runtime posted. error: it called the error path. oversized: past MAX_ANSWER; the body is empty then."""

    body: bytes
    error: bool = False
    oversized: bool = False


Admit = Callable[[int], bool]
"""Whether the client with that local port belongs to the environment."""


class RuntimeApi:
    """The state of one runtime process, and the listener it talks to. ``reset`` for each new process."""

    def __init__(self, admit: Admit) -> None:
        self._admit = admit
        self._server: asyncio.Server | None = None
        self._connections: set[HttpConnection] = set()
        self._parked: Exchange | None = None
        self._event: tuple[Invocation, int] | None = None  # the one handed out, with its deadline, epoch milliseconds
        self._pending: tuple[Invocation, int] | None = None  # the one to hand out
        self.port = 0
        self.reset()

    def reset(self) -> None:
        """A new process is about to start."""
        for connection in list(self._connections):
            connection.transport.abort()
        self.state = State.STARTED
        self.init_error: bytes | None = None
        self.answer: asyncio.Future[Answer | None] | None = None
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._parked = self._event = self._pending = None

    @property
    def waiting(self) -> bool:
        """Whether an event is to be handed out that the runtime has not taken yet."""
        return self._pending is not None

    async def open(self) -> None:
        """Listen on a free port of 127.0.0.1."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: HttpConnection(self, max_body=MAX_ANSWER), "127.0.0.1", 0, backlog=16
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Listen no more, hang up on everybody."""
        if self._server is not None:
            self._server.close()
            for connection in list(self._connections):
                connection.transport.abort()
            await self._server.wait_closed()

    def deliver(self, invocation: Invocation, deadline_ms: int) -> asyncio.Future[Answer | None]:
        """Hand an event to a runtime that is ready. Returns where its answer comes; None there: nobody will give one."""
        self._pending = (invocation, deadline_ms)
        self.answer = asyncio.get_running_loop().create_future()
        if self._parked is not None:
            exchange, self._parked = self._parked, None
            self._hand_out(exchange)
        return self.answer

    def give_up(self) -> None:
        """No answer is awaited any longer: the process is gone, or the time is over."""
        if self.answer is not None and not self.answer.done():
            self.answer.set_result(None)

    # what connections call

    def admits(self, connection: HttpConnection) -> bool:
        """Only processes of this environment may speak: another one could read the event, or answer in the function's place."""
        admitted = self._admit(connection.transport.get_extra_info("peername")[1])
        if admitted:
            self._connections.add(connection)
        return admitted

    def on_closed(self, connection: HttpConnection) -> None:
        """The runtime hung up; its process's end is noticed elsewhere."""
        self._connections.discard(connection)

    def on_truncated(self, request: Request) -> None:
        """A body that was cut is no answer; the process is about to end, or tries again."""

    def on_request(self, request: Request, exchange: Exchange) -> None:
        """Route one call."""
        path = request.path
        if path == b"/2018-06-01/runtime/invocation/next" and request.method == b"GET":
            self._next(exchange)
        elif path.startswith(b"/2018-06-01/runtime/invocation/") and request.method == b"POST":
            self._invocation(path, request, exchange)
        elif path == b"/2018-06-01/runtime/init/error" and request.method == b"POST":
            self._on_init_error(request, exchange)
        elif path == b"/2018-06-01/ping" and request.method == b"GET":
            exchange.respond(200, [(b"Content-Type", b"text/plain")], b"pong")
        else:
            _refuse(exchange, 404, "NotFound", "There is no such path, or not with this method")

    def _next(self, exchange: Exchange) -> None:
        moved = move(self.state, Call.NEXT)
        if moved is None:
            _refuse(exchange, 403, "InvalidStateTransition", refusal(self.state, Call.NEXT))
            return
        self.state = moved
        if moved is State.READY:
            self._event = None
            if not self.ready.done():
                self.ready.set_result(None)
        self._hand_out(exchange)

    def _invocation(self, path: bytes, request: Request, exchange: Exchange) -> None:
        request_id, _, verb = path[len(b"/2018-06-01/runtime/invocation/") :].partition(b"/")
        call = {b"response": Call.RESPONSE, b"error": Call.ERROR}.get(verb)
        if call is None:
            _refuse(exchange, 404, "NotFound", "There is no such path")
            return
        if self._event is None or self._event[0].request_id.encode() != request_id:
            _refuse(exchange, 400, "InvalidRequestID", "Invalid request ID")
            return
        moved = move(self.state, call)
        if moved is None:
            _refuse(exchange, 403, "InvalidStateTransition", refusal(self.state, call))
            return
        self.state = moved
        if request.oversized:
            text = f"Exceeded maximum allowed payload size ({MAX_ANSWER} bytes)."
            _refuse(exchange, 413, "RequestEntityTooLarge", text)
        else:
            exchange.respond(202, [JSON], ACCEPTED)
        if self.answer is not None and not self.answer.done():
            self.answer.set_result(Answer(request.body, call is Call.ERROR, request.oversized))

    def _on_init_error(self, request: Request, exchange: Exchange) -> None:
        moved = move(self.state, Call.INIT_ERROR)
        if moved is None:
            _refuse(exchange, 403, "InvalidStateTransition", refusal(self.state, Call.INIT_ERROR))
            return
        self.state = moved
        self.init_error = request.body
        exchange.respond(202, [JSON], ACCEPTED)

    def _hand_out(self, exchange: Exchange) -> None:
        """Answer a next: with the event that waits, or the one that was lost; else it waits for one."""
        if self._pending is not None:
            self._event, self._pending = self._pending, None
        if self._event is None:
            self._parked = exchange
            return
        self.state = State.RUNNING
        invocation, deadline_ms = self._event
        headers = [
            (b"Lambda-Runtime-Aws-Request-Id", invocation.request_id.encode()),
            (b"Lambda-Runtime-Deadline-Ms", b"%d" % deadline_ms),
            (b"Lambda-Runtime-Invoked-Function-Arn", invocation.function_arn.encode()),
            (b"Lambda-Runtime-Trace-Id", (invocation.trace_id or _trace()).encode()),
            JSON,
        ]
        if invocation.client_context:
            headers.append((b"Lambda-Runtime-Client-Context", invocation.client_context.encode()))
        exchange.respond(200, headers, invocation.payload)


def _trace() -> str:
    """A trace of our own, not sampled (Lambda DG, X-Amzn-Trace-Id)."""
    now = time.time_ns()
    return f"Root=1-{now // 1_000_000_000:08x}-{now:024x};Parent={now & (2**64 - 1):016x};Sampled=0"


def _refuse(exchange: Exchange, status: int, error_type: str, message: str) -> None:
    exchange.respond(status, [JSON], orjson.dumps({"errorMessage": message, "errorType": error_type}))
