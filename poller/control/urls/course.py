"""The course of one request: which URL, who asks, an event, a slot, the function, its answer.

What holds here:

1. Nothing waits for a slot: without one the client is told to come again (429), as by the service.
2. A client that goes away changes nothing for the function. The permit is held until it has ended, and no longer: not until a slow client
   has all of what it said.
"""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from poller.control.urls import replies
from poller.control.urls.sending import Outlet, whole
from poller.control.urls.table import Url
from poller.dispatch.invoker import MAX_PAYLOAD, Invoker, UnknownFunctionError, new_request_id
from poller.dispatch.slots import Claim, Permit
from poller.dispatch.stream import Answering, answering
from poller.envelope.url.answer import Head, HttpAnswer, Unusable
from poller.envelope.url.answer import answer as http_answer
from poller.envelope.url.cors import is_preflight
from poller.envelope.url.event import ANONYMOUS, Arrival, HttpRequest, event
from poller.envelope.url.prelude import Prelude
from poller.execution.contract import OnOpening, Opening, Result
from poller.observe.events import DefectFoundError, Emit, InvocationThrottled, UrlAnswerUnusable

Iam = Mapping[str, Any]
Identify = Callable[[HttpRequest, Url], Iam | None]
"""Who has signed a request, as events have it (authorizer.iam); None: nobody who may call."""


class Course:
    """What all requests have in common. claim: a way to the slots of a function, by its name, as they are now."""

    def __init__(self, invoker: Invoker, claim: Callable[[str], Claim], identify: Identify, emit: Emit) -> None:
        self._invoker = invoker
        self._claim = claim
        self._identify = identify
        self._emit = emit

    async def run(self, url: Url, request: web.Request, asked: HttpRequest) -> web.StreamResponse:
        """Answer a request to a URL. asked: the same, its body read."""
        origin = asked.header("origin")
        if url.cors is not None and is_preflight(asked.method, origin, asked.header("access-control-request-method")):
            return whole(HttpAnswer(Head(200, url.cors.preflight(origin)), b""), ())
        iam = self._identify(asked, url) if url.signed else None
        if url.signed and iam is None:
            return whole(replies.FORBIDDEN, ())
        one = _Invocation(url, asked, iam)
        if len(one.payload) > MAX_PAYLOAD:
            return whole(replies.TOO_LARGE, one.headers)
        return await self._admitted(one, request)

    async def _admitted(self, one: _Invocation, request: web.Request) -> web.StreamResponse:
        permit = self._claim(one.url.function).try_acquire()
        if permit is None:
            self._emit(InvocationThrottled(function=one.url.function, caller="url"))
            return whole(replies.THROTTLED, one.headers)
        try:
            return await (self._streamed(one, request, permit) if one.url.streams else self._buffered(one))
        except UnknownFunctionError:
            return whole(replies.FORBIDDEN, one.headers)
        except Exception as error:  # noqa: BLE001  # ours; the client has an answer all the same
            return whole(self.failed(error), one.headers)
        finally:
            permit.release()

    async def _buffered(self, one: _Invocation) -> web.StreamResponse:
        return whole(one.framed(self._said(one, await self._invoke(one))), one.headers)

    def _said(self, one: _Invocation, result: Result) -> HttpAnswer:
        if not result.ok:
            return replies.FAILED
        try:
            return http_answer(result.payload)
        except Unusable as error:
            return self._unusable(one, error)

    async def _streamed(self, one: _Invocation, request: web.Request, permit: Permit) -> web.StreamResponse:
        async def invoke(on_opening: OnOpening) -> Result:
            try:
                return await self._invoke(one, on_opening)
            finally:
                permit.release()

        outlet = Outlet(request, one.headers)
        try:
            async with answering(invoke) as answer:
                opening = await answer.opening()
                if opening is None:
                    return whole(one.framed(replies.FAILED), one.headers)
                return await self._pass_on(one, outlet, answer, opening)
        except Exception as error:
            if not outlet.begun:
                raise
            self.failed(error)
            return outlet.cut()

    async def _pass_on(
        self, one: _Invocation, outlet: Outlet, answer: Answering, opening: Opening
    ) -> web.StreamResponse:
        prelude = Prelude(opening.content_type)
        try:
            async for piece in opening.pieces:
                body = prelude.feed(piece)
                if prelude.head is not None:
                    await outlet.begin(one.over(prelude.head))
                    await outlet.write(body)
            if not (await answer.result()).ok:
                return outlet.cut() if outlet.begun else whole(one.framed(replies.FAILED), one.headers)
            await outlet.begin(one.over(prelude.end()))
        except Unusable as error:
            answer.abandon()
            return whole(one.framed(self._unusable(one, error)), one.headers)
        except ConnectionError:  # the client has gone
            answer.abandon()
            await answer.result()
            return outlet.cut()
        return await outlet.end()

    async def _invoke(self, one: _Invocation, on_opening: OnOpening | None = None) -> Result:
        return await self._invoker.invoke(
            one.url.target, one.payload, request_id=one.request_id, trace_id=one.trace_id, on_opening=on_opening
        )

    def failed(self, error: Exception) -> HttpAnswer:
        """Tell of a defect of ours; what the client gets."""
        trace = "".join(traceback.format_exception(error))
        self._emit(DefectFoundError(part="function URLs", message=repr(error), trace=trace, retry_seconds=0.0))
        return replies.FAILED

    def _unusable(self, one: _Invocation, error: Unusable) -> HttpAnswer:
        self._emit(UrlAnswerUnusable(function=one.url.target, request_id=one.request_id, message=str(error)))
        return replies.FAILED


class _Invocation:
    """One request as an invocation."""

    def __init__(self, url: Url, asked: HttpRequest, iam: Iam | None) -> None:
        self.url = url
        self.request_id = new_request_id()
        self._origin = asked.header("origin")
        given = asked.header("x-amzn-trace-id")
        self.trace_id = given if "Root=" in given else _trace()
        arrival = Arrival(
            url_id=url.id,
            domain_name=url.domain_name,
            request_id=self.request_id,
            moment=time.time(),
            trace_id=self.trace_id,
            account_id=url.account if url.signed else ANONYMOUS,
            iam=iam,
        )
        self.payload = event(asked, arrival)
        self.headers = [("x-amzn-RequestId", self.request_id), ("X-Amzn-Trace-Id", self.trace_id)]

    def over(self, head: Head) -> Head:
        """With what is configured for other origins."""
        cors = self.url.cors
        return head if cors is None else Head(head.status, cors.over(head.headers, self._origin))

    def framed(self, said: HttpAnswer) -> HttpAnswer:
        """The same of a whole answer."""
        return HttpAnswer(self.over(said.head), said.body)


def _trace() -> str:
    """A trace of our own (Lambda DG, X-Amzn-Trace-Id)."""
    return f"Root=1-{int(time.time()):08x}-{os.urandom(12).hex()}"
