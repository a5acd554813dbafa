"""The Runtime API where several invocations run at once: many calls for an event wait, and each answer names the event that it is for.

There is no state machine of the runtime beyond INIT: whoever asks gets the next event, whatever the others do (runtime interface emulator,
lambda-managed-instances, which has the service's own words for what is refused). An answer to an invocation that was given up is refused
with 410; until it comes, or the environment ends, something in the runtime is still busy with it: it is overdue.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from poller.execution.contract import Invocation
from poller.execution.listener.listener import Admit
from poller.execution.listener.replies import not_found, refuse
from poller.execution.runtime_api.answers import Answer
from poller.execution.runtime_api.api import INVOCATION, VERBS, RuntimeApi
from poller.execution.runtime_api.handout import handout
from poller.execution.runtime_api.posted import MODE, MODES, Streamed, Taker, opened
from poller.execution.runtime_api.states import Call
from poller.wire.http import Exchange, Receiver, Request

FEW = 64
"""Calls that may wait before those of clients that have hung up are looked for."""


class Outstanding(Taker):
    """One invocation, from ``hand`` to the end of its answer.

    answer: None there: nobody will give one, because it has ``expired`` or the process is gone. taken: the runtime has it.
    """

    def __init__(self, invocation: Invocation, deadline_ms: int, over: Callable[[Outstanding], None]) -> None:
        self.invocation = invocation
        self.event_id = invocation.request_id.encode()
        self.deadline_ms = deadline_ms
        self.taken = False
        self.expired = False
        self.streamed: Streamed | None = None
        self.answer: asyncio.Future[Answer | None] = asyncio.get_running_loop().create_future()
        self._over = over

    @property
    def lost(self) -> bool:
        """Whether there is no answer because what would have given it is gone."""
        return self.answer.done() and self.answer.result() is None and not self.expired

    @property
    def expects(self) -> bool:
        """Whether an answer may begin now."""
        return self.taken and self.streamed is None and not self.answer.done()

    def settle(self, answer: Answer | None) -> None:
        """The first one counts. With None nothing that may still be coming counts."""
        if not self.answer.done():
            self.answer.set_result(answer)
        if answer is None:
            self.cut()
        self._over(self)

    def sent(self) -> None:
        """The body has come. One that comes too late is over with that; any other is about to be settled."""
        self.streamed = None
        if self.answer.done():
            self._over(self)

    def cut(self) -> None:
        """Pass on no more of what is still coming."""
        if self.streamed is not None:
            self.streamed.cut()


class ConcurrentRuntimeApi(RuntimeApi):
    """The state of a runtime of several processes, threads or tasks, whose number is their own business."""

    def __init__(self, admit: Admit, *, paced: bool = True) -> None:
        self._calls: deque[Exchange] = deque()
        self._look_at = FEW
        self._untaken: deque[Outstanding] = deque()
        self._outstanding: dict[bytes, Outstanding] = {}
        self._overdue: set[bytes] = set()
        super().__init__(admit, paced=paced)

    def reset(self) -> None:
        """A new process is about to start. Whoever waits for an answer of the old one is told that there will be none."""
        self.give_up()
        super().reset()
        self._calls.clear()
        self._overdue.clear()

    @property
    def running(self) -> int:
        """Invocations that somebody waits for."""
        return len(self._outstanding)

    @property
    def overdue(self) -> int:
        """Invocations that nobody waits for any more, but that the runtime may still be busy with."""
        return len(self._overdue)

    @property
    def waiting(self) -> bool:
        """Whether there are events that nobody has taken yet."""
        return bool(self._untaken)

    def deliver(self, invocation: Invocation, deadline_ms: int) -> asyncio.Future[Answer | None]:
        """The answer of what is handed over."""
        return self.hand(invocation, deadline_ms).answer

    def hand(self, invocation: Invocation, deadline_ms: int) -> Outstanding:
        """Hand an event to whoever asks first, or asked longest ago. Raises ValueError for an id that is outstanding already."""
        one = Outstanding(invocation, deadline_ms, self._over)
        if one.event_id in self._outstanding:
            raise ValueError(f"{invocation.request_id} runs in this environment already")
        self._outstanding[one.event_id] = one
        while self._calls:
            call = self._calls.popleft()
            if not call.gone:
                self._take(one, call)
                return one
        self._untaken.append(one)
        return one

    def expire(self, one: Outstanding) -> None:
        """Nobody waits for its answer any more; the environment goes on."""
        if one.event_id not in self._outstanding:
            return
        one.expired = True
        if one.taken:
            self._overdue.add(one.event_id)
        one.settle(None)

    def give_up(self) -> None:
        """No answers are awaited any longer: the process is gone."""
        for one in list(self._outstanding.values()):
            one.settle(None)

    def cut(self) -> None:
        """Pass on no more of the streams that are still coming. Idempotent."""
        for one in self._outstanding.values():
            one.cut()

    # what the listener calls

    def on_head(self, request: Request, exchange: Exchange) -> Receiver | None:
        """An answer of unknown length begins. None: what is wrong with it is said once it has come."""
        call, event_id = _named(request.path)
        one = self._outstanding.get(event_id)
        if request.method != b"POST" or call is not Call.RESPONSE or one is None or not one.expects:
            return None
        if request.header(MODE) not in MODES:
            return None
        stream = opened(one.invocation, request, exchange, paced=self._paced)
        one.streamed = Streamed(one, exchange, request, one.invocation.request_id, stream)
        return one.streamed

    def on_truncated(self, request: Request, exchange: Exchange) -> None:
        """An answer that broke off: the runtime hung up in the middle of it."""
        call, event_id = _named(request.path)
        one = self._outstanding.get(event_id)
        if request.method == b"POST" and call is not None and one is not None and one.expects:
            one.truncated(one.invocation.request_id, exchange)

    # what calls come to

    def _next(self, exchange: Exchange) -> None:
        if not self._moved(Call.NEXT, exchange):
            return
        if not self.ready.done():
            self._announce()
        if self._untaken:
            self._take(self._untaken.popleft(), exchange)
            return
        if len(self._calls) >= self._look_at:
            self._calls = deque(call for call in self._calls if not call.gone)
            self._look_at = max(FEW, 2 * len(self._calls))
        self._calls.append(exchange)

    def _take(self, one: Outstanding, exchange: Exchange) -> None:
        one.taken = True
        exchange.send(handout(one.invocation, one.event_id, one.deadline_ms))

    def _invocation(self, path: bytes, request: Request, exchange: Exchange) -> None:
        call, event_id = _named(path)
        one = self._outstanding.get(event_id)
        if call is None:
            not_found(exchange)
        elif one is not None and one.expects:
            one.post(call, request, exchange, one.invocation.request_id)
        elif event_id in self._overdue:
            self._overdue.remove(event_id)
            refuse(exchange, 410, "InvokeTimeout", "Invoke timeout")
        else:
            refuse(exchange, 400, "InvalidRequestID", "Invalid request ID")

    def _over(self, one: Outstanding) -> None:
        """Its answer has come, all of it, or will not be waited for."""
        if self._outstanding.pop(one.event_id, None) is None:
            self._overdue.discard(one.event_id)  # what came too late in pieces has come now
        elif not one.taken:
            self._untaken.remove(one)


def _named(path: bytes) -> tuple[Call | None, bytes]:
    """What a path under INVOCATION asks for, and for which event."""
    event_id, _, verb = path[len(INVOCATION) :].partition(b"/")
    return VERBS.get(verb), event_id
