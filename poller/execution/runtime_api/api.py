"""The Runtime API of one environment: what the function's process talks to. One listener an environment; its address is its identity.

Paths, statuses and bodies as the service has them (Lambda DG, Using the Lambda runtime API). Other APIs of the same listener
(extensions, telemetry, metadata) are given to ``serve``.

What a driver does, in order: ``reset``, start the processes, wait for ``ready``; for each event ``deliver`` and wait for the answer.
"""

from __future__ import annotations

import asyncio
import socket

from poller.execution.contract import Invocation
from poller.execution.listener.listener import Admit, Api, Listener
from poller.execution.listener.replies import ACCEPTED, JSON, not_found, refuse
from poller.execution.runtime_api.answers import ERROR_TYPE, MAX_ANSWER, Answer
from poller.execution.runtime_api.error_cause import sanitised
from poller.execution.runtime_api.handout import handout
from poller.execution.runtime_api.posted import MODE, MODES, Streamed, Taker, opened, text
from poller.execution.runtime_api.states import MOVES, Call, State, refusal
from poller.wire.http import Exchange, Receiver, Request, response

NEXT = b"/2018-06-01/runtime/invocation/next"
INVOCATION = b"/2018-06-01/runtime/invocation/"
VERBS = {b"response": Call.RESPONSE, b"error": Call.ERROR}
"""What an answer's path ends with."""

_PONG = response(200, [(b"Content-Type", b"text/plain")], b"pong")
_RESTORED = response(200, [JSON], b"")


class RuntimeApi(Taker):
    """The state of one runtime process, and the listener it talks to. ``reset`` for each new process.

    paced: streamed answers leave at the service's pace; else as fast as they are read.
    """

    stream_headers = frozenset({MODE, b"transfer-encoding"})

    def __init__(self, admit: Admit, *, paced: bool = True) -> None:
        self._paced = paced
        self.listener = Listener(admit, self, max_body=MAX_ANSWER)
        self._parked: Exchange | None = None
        self._event: tuple[Invocation, int] | None = None  # the one handed out, with its deadline, epoch milliseconds
        self._event_id = b""
        self._returned: asyncio.Future[None] | None = None
        self._pending: tuple[Invocation, int] | None = None  # the one to hand out
        self._streamed: Streamed | None = None
        self.reset()

    def reset(self) -> None:
        """A new process is about to start."""
        self.cut()
        self.listener.hang_up()
        for api in self.listener.apis:
            api.reset()
        loop = self._loop = asyncio.get_running_loop()  # asking for it costs a system call, and each event needs it
        self.state = State.STARTED
        self.init_error: bytes | None = None
        self.init_error_type = ""
        self.restore_error_type = ""
        self.answer: asyncio.Future[Answer | None] | None = None
        self.ready: asyncio.Future[None] = loop.create_future()
        self.restore_ready: asyncio.Future[None] = loop.create_future()
        self._parked = self._event = self._pending = None
        self._event_id = b""

    @property
    def port(self) -> int:
        """The listener's."""
        return self.listener.port

    @property
    def waiting(self) -> bool:
        """Whether an event is to be handed out that the runtime has not taken yet."""
        return self._pending is not None

    def serve(self, api: Api) -> None:
        """Answer that API's paths too."""
        self.listener.apis.append(api)

    async def open(self, sock: socket.socket | None = None) -> None:
        """Listen on a free port of 127.0.0.1, or on a socket that was made inside the environment (see ``Listener.open``)."""
        await self.listener.open(sock)

    async def close(self) -> None:
        """Listen no more, hang up on everybody."""
        self.cut()
        await self.listener.close()

    def deliver(self, invocation: Invocation, deadline_ms: int) -> asyncio.Future[Answer | None]:
        """Hand an event to a runtime that is ready. Returns where its answer comes, at its end; None there: nobody will give one."""
        self._pending = (invocation, deadline_ms)
        self.answer = self._loop.create_future()
        exchange = self._parked
        if exchange is not None:
            self._parked = None
            self._hand_out(exchange)
        return self.answer

    def give_up(self) -> None:
        """No answer is awaited any longer: the process is gone, or the time is over."""
        if self.answer is not None and not self.answer.done():
            self.answer.set_result(None)
            self.cut()

    def returned(self) -> asyncio.Future[None]:
        """Done when the runtime has asked for a further event, or has done so since its answer. May never be: ``reset`` forgets it."""
        self._returned = future = self._loop.create_future()
        if self.state is State.READY:
            future.set_result(None)
        return future

    def cut(self) -> None:
        """Pass on no more of a stream that is still coming. Idempotent."""
        streamed, self._streamed = self._streamed, None
        if streamed is not None:
            streamed.cut()

    def restored(self) -> None:
        """SnapStart: let a runtime go on that waits in ``restore/next`` (its ``restore_ready`` is done)."""
        exchange = self._parked
        if self._moved(Call.RESTORED) and exchange is not None:
            self._parked = None
            exchange.send(_RESTORED)

    # what the listener calls

    def on_call(self, request: Request, exchange: Exchange) -> None:
        """Route one call."""
        path = request.path
        if path == NEXT and request.method == b"GET":
            self._next(exchange)
        elif request.method == b"POST":
            self._post(path, request, exchange)
        elif path == b"/2018-06-01/runtime/restore/next" and request.method == b"GET":
            self._restore_next(exchange)
        elif path == b"/2018-06-01/ping" and request.method == b"GET":
            exchange.send(_PONG)
        else:
            not_found(exchange)

    def on_head(self, request: Request, exchange: Exchange) -> Receiver | None:
        """An answer of unknown length begins: Go sends all of its answers so. None: what is wrong with it is said once it has come."""
        current = self._event
        if request.method != b"POST" or self._called(request.path) is not Call.RESPONSE or current is None:
            return None
        if request.header(MODE) not in MODES or not self._moved(Call.STREAM):
            return None
        awaited = self.answer is not None and not self.answer.done()
        stream = opened(current[0], request, exchange, paced=self._paced) if awaited else None
        self._streamed = Streamed(self, exchange, request, current[0].request_id, stream)
        return self._streamed

    def on_truncated(self, request: Request, exchange: Exchange) -> None:
        """The runtime hung up in the middle of an answer. That is its answer: whoever waits is told."""
        current, call = self._event, self._called(request.path)
        if request.method == b"POST" and call is not None and current is not None and self._moved(call):
            self.truncated(current[0].request_id, exchange)

    # what calls come to

    def _next(self, exchange: Exchange) -> None:
        if not self._moved(Call.NEXT, exchange):
            return
        if self.state is State.READY:
            self._event, self._event_id = None, b""
            if self._returned is not None and not self._returned.done():
                self._returned.set_result(None)
            if not self.ready.done():
                self._announce()
        self._hand_out(exchange)

    def _announce(self) -> None:
        """The runtime has asked for its first event."""
        self.ready.set_result(None)
        for api in self.listener.apis:
            api.runtime_ready()

    def _post(self, path: bytes, request: Request, exchange: Exchange) -> None:
        if path.startswith(INVOCATION):
            self._invocation(path, request, exchange)
        elif path == b"/2018-06-01/runtime/init/error":
            if self._moved(Call.INIT_ERROR, exchange):
                self.init_error = request.body
                self.init_error_type = sanitised(text(request, ERROR_TYPE))
                exchange.send(ACCEPTED)
        elif path == b"/2018-06-01/runtime/restore/error":
            if self._moved(Call.RESTORE_ERROR, exchange):
                self.restore_error_type = sanitised(text(request, ERROR_TYPE))
                exchange.send(ACCEPTED)
        else:
            not_found(exchange)

    def _called(self, path: bytes) -> Call | None:
        """What a path under INVOCATION means for the event that was handed out; None for another event's."""
        request_id, _, verb = path[len(INVOCATION) :].partition(b"/")
        if not request_id or request_id != self._event_id:
            return None
        return VERBS.get(verb)

    def _invocation(self, path: bytes, request: Request, exchange: Exchange) -> None:
        call, current = self._called(path), self._event
        if call is None or current is None:
            if path.rpartition(b"/")[2] in VERBS:
                refuse(exchange, 400, "InvalidRequestID", "Invalid request ID")
            else:
                not_found(exchange)
            return
        if not self._moved(call, exchange):
            return
        self.post(call, request, exchange, current[0].request_id)

    def _restore_next(self, exchange: Exchange) -> None:
        if self._moved(Call.RESTORE_NEXT, exchange):
            self._parked = exchange
            self.restore_ready.set_result(None)

    def _hand_out(self, exchange: Exchange) -> None:
        """Answer a next: with the event that waits, or the one that was lost; else it waits for one."""
        if exchange.gone:
            return
        if self._pending is not None:
            self._event, self._pending = self._pending, None
        if self._event is None:
            self._parked = exchange
            return
        self.state = State.RUNNING
        invocation, deadline_ms = self._event
        self._event_id = invocation.request_id.encode()
        exchange.send(handout(invocation, self._event_id, deadline_ms))

    # what answers come to, streamed ones included

    def _moved(self, call: Call, exchange: Exchange | None = None) -> bool:
        moved = MOVES.get((self.state, call))
        if moved is not None:
            self.state = moved
        elif exchange is not None:
            refuse(exchange, 403, "InvalidStateTransition", refusal(self.state, call))
        return moved is not None

    def sent(self) -> None:
        """A streamed answer has come."""
        self._streamed = None
        self._moved(Call.SENT)

    def settle(self, answer: Answer) -> None:
        """To whoever waits for it."""
        if self.answer is not None and not self.answer.done():
            self.answer.set_result(answer)
