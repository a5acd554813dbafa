"""Invoke, InvokeAsync and InvokeWithResponseStream. The way is short: parameters are taken from the request as they are needed.

Checks come in the order of the service's: name, function, qualifier, state, payload, concurrency (invocation fact sheet, section 1.4).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from http import HTTPStatus
from typing import Any, Protocol

import orjson
from aiohttp import web

from poller.control.api.contract import ApiError, Call, Handler, RawCall, RawHandler
from poller.control.api.names import Account, constraint, missing, named
from poller.control.api.refusals import invalid
from poller.control.api.stream import Event, response_stream
from poller.control.desired import Desired
from poller.dispatch import lineage
from poller.dispatch.backlog.ledger import LedgerError
from poller.dispatch.invoker import UnknownFunctionError
from poller.dispatch.stream import answering
from poller.execution.contract import OnOpening, Result
from poller.execution.pool import PoolClosedError
from poller.observe.events import Emit, InvocationThrottled
from poller.settings.references import LATEST
from poller.wire.aws.eventstream import CONTENT_TYPE

MOST_BYTES = {"RequestResponse": 6_291_556, "Event": 1_048_576, "DryRun": 6_291_556}
"""Of an event, by the type of invocation (invocation fact sheet, section 1.3)."""
MOST_CONTEXT = 3583
"""Bytes of a client context, in Base64."""
FUNCTION_ERROR = "Unhandled"
"""What every error of a function is called, deliberate ones too."""
TRACE = "X-Amzn-Trace-Id"
LOOP = "Lambda has detected your function being invoked in a recursive loop."
IN_STATE = "The operation cannot be performed at this time. The function is currently in the following state: {}"


Beginning = Callable[[float], str]
"""When a call without a trace came, seconds since 1970 -> the header of its trace."""


class Accepts(Protocol):
    """Keeps events for later: the backlog."""

    async def accept(
        self, function: str, payload: bytes, *, qualifier: str = "", request_id: str = "", trace_id: str = ""
    ) -> str:
        """Durable when it returns."""
        ...


class Invoke:
    """Runs functions for callers. Neither of them is waited for by the other: a caller who is gone does not end an invocation."""

    def __init__(self, desired: Desired, backlog: Accepts, account: Account, emit: Emit, beginning: Beginning) -> None:
        self._desired = desired
        self._emit = emit
        self._beginning = beginning
        self._backlog = backlog
        self._account = account
        self._running = 0
        self._stopping = False
        self._at_rest = asyncio.Event()
        self._at_rest.set()

    def raw(self) -> Mapping[str, RawHandler]:
        """By operation: those that take the short way."""
        return {"Invoke": self.invoke}

    def handlers(self) -> Mapping[str, Handler]:
        """By operation."""
        return {
            "InvokeAsync": self.invoke_async,
            "InvokeWithResponseStream": self.invoke_with_response_stream,
        }

    async def finish(self) -> None:
        """Take no further invocation; return when none runs."""
        self._stopping = True
        await self._at_rest.wait()

    async def invoke(self, call: RawCall) -> web.StreamResponse:
        """200 with the function's answer or its error, 202 for an event that is kept, 204 for a dry run."""
        headers = call.request.headers
        kind = _kind(headers)
        target = self._target(call.function_name, call.request.query.get("Qualifier"))
        payload = _payload(call.body, kind)
        if kind == "DryRun":
            return web.Response(status=HTTPStatus.NO_CONTENT)
        if kind == "Event":
            await self._keep(target, payload, call.request_id, headers.get(TRACE, ""))
            return web.Response(status=HTTPStatus.ACCEPTED)
        context = _client_context(headers.get("X-Amz-Client-Context", ""))
        trace_id = self._entered(target, headers.get(TRACE, ""))
        release = self._taken(target)
        try:
            result = await self._desired.fleet.invoker.invoke(
                target,
                payload,
                request_id=call.request_id,
                client_context=context,
                trace_id=trace_id,
                tail=headers.get("X-Amz-Log-Type") == "Tail",
            )
        except (PoolClosedError, UnknownFunctionError) as error:
            raise ApiError("ServiceException", "the function is gone, or the daemon is stopping") from error
        finally:
            release()
        return _answer(result)

    async def invoke_async(self, call: Call) -> Mapping[str, Any]:
        """202: the older way to keep an event."""
        target = self._target(call.params["FunctionName"], None)
        await self._keep(target, _payload(call.params["InvokeArgs"], "Event"), call.request_id)
        return {"Status": HTTPStatus.ACCEPTED}

    async def invoke_with_response_stream(self, call: Call) -> Mapping[str, Any]:
        """200 with the answer as a stream of events, as it comes; 204 for a dry run."""
        params = call.params
        kind = params.get("InvocationType", "RequestResponse")
        target = self._target(params["FunctionName"], params.get("Qualifier"))
        payload = _payload(params.get("Payload", b""), kind)
        context = _client_context(params.get("ClientContext", ""))
        if kind == "DryRun":
            return {"StatusCode": HTTPStatus.NO_CONTENT}
        tail = params.get("LogType") == "Tail"
        invoker = self._desired.fleet.invoker

        async def begin(on_opening: OnOpening) -> Result:
            return await invoker.invoke(
                target,
                payload,
                request_id=call.request_id,
                client_context=context,
                tail=tail,
                on_opening=on_opening,
            )

        release = self._taken(target)
        try:
            head, events = await response_stream(answering(begin), tail=tail)
        except BaseException:
            release()
            raise
        return {
            "StatusCode": HTTPStatus.OK,
            "ExecutedVersion": head.executed_version,
            "ResponseStreamContentType": CONTENT_TYPE,
            "EventStream": _releasing(events, release),
        }

    def _target(self, name: str, qualifier: str | None) -> str:
        """Where the invocation goes. Raises ApiError when that is nowhere, or the function cannot be used."""
        asked = named(name, self._account, qualifier)
        target = asked.name if asked.is_latest else f"{asked.name}:{asked.qualifier}"
        fleet = self._desired.fleet
        try:
            fleet.invoker.function(target)
        except UnknownFunctionError:
            if ("functions", asked.name) in self._desired.broken and asked.name not in fleet.settings.functions:
                raise ApiError("ResourceConflictException", IN_STATE.format("Failed")) from None
            raise missing(self._account.function(asked.name, asked.qualifier or LATEST)) from None
        return target

    async def _keep(self, target: str, payload: bytes, request_id: str, trace_id: str = "") -> None:
        """Raises ApiError when the event cannot be kept."""
        name, _, qualifier = target.partition(":")
        try:
            await self._backlog.accept(name, payload, qualifier=qualifier, request_id=request_id, trace_id=trace_id)
        except LedgerError as error:
            raise ApiError("ServiceException", str(error)) from error

    def _entered(self, target: str, trace_id: str) -> str:
        """The trace header that the function is to see. Raises ApiError when the function stands in its own chain too often."""
        name = target.partition(":")[0]
        entered, count = lineage.entered(trace_id or self._beginning(time.time()), self._account.function(name))
        if count > lineage.LIMIT and self._desired.fleet.settings.functions[name].recursive_loop == "Terminate":
            raise ApiError("RecursiveInvocationException", LOOP)
        return entered

    def _taken(self, target: str) -> Callable[[], None]:
        """A slot of the function, at once; what gives it back. Raises ApiError when there is none: the caller is throttled."""
        if self._stopping:
            raise ApiError("ServiceException", "the daemon is stopping")
        name = target.partition(":")[0]
        fleet = self._desired.fleet
        permit = fleet.slots.claim(name, "api").try_acquire()
        if permit is None:
            self._emit(InvocationThrottled(function=name, caller="api"))
            reserved = fleet.settings.functions[name].reserved_concurrency is not None
            reason = f"{'ReservedFunctionConcurrent' if reserved else 'Concurrent'}InvocationLimitExceeded"
            raise ApiError("TooManyRequestsException", "Rate Exceeded.", Reason=reason)
        self._running += 1
        self._at_rest.clear()

        def release() -> None:
            permit.release()
            self._running -= 1
            if not self._running:
                self._at_rest.set()

        return release


async def _releasing(events: AsyncGenerator[Event, None], release: Callable[[], None]) -> AsyncIterator[Event]:
    """The events; the slot is given back when they are over, or nobody wants them any more."""
    try:
        async with contextlib.aclosing(events):
            async for event in events:
                yield event
    finally:
        release()


def _kind(headers: Mapping[str, str]) -> str:
    kind = headers.get("X-Amz-Invocation-Type") or "RequestResponse"
    if kind not in MOST_BYTES:
        words = "Member must satisfy enum value set: [Event, RequestResponse, DryRun]"
        raise constraint(kind, "invocationType", words)
    return kind


def _payload(body: bytes, kind: str) -> bytes:
    """The event. Nothing stands for an empty object. Raises ApiError for what is too long, or no JSON."""
    if len(body) > MOST_BYTES[kind]:
        sentence = (
            f"{len(body)} byte payload is too large for the {kind} invocation type (limit {MOST_BYTES[kind]} bytes)"
        )
        raise ApiError("RequestTooLargeException", sentence)
    if not body:
        return b"{}"
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError as error:
        sentence = f"Could not parse request body into json: Could not parse payload into json: {error}"
        raise ApiError("InvalidRequestContentException", sentence) from error
    return body


def _client_context(encoded: str) -> str:
    """JSON text. Raises ApiError."""
    if not encoded:
        return ""
    if len(encoded) > MOST_CONTEXT:
        raise invalid(f"Client context must be no more than {MOST_CONTEXT} bytes when base64 encoded.")
    try:
        text = base64.b64decode(encoded, validate=True).decode()
        orjson.loads(text)
    except (binascii.Error, UnicodeDecodeError, orjson.JSONDecodeError) as error:
        raise ApiError(
            "InvalidRequestContentException", "Client context must be a valid Base64-encoded JSON object."
        ) from error
    return text


def _answer(result: Result) -> web.Response:
    headers = {"Content-Type": "application/json", "X-Amz-Executed-Version": result.executed_version}
    if not result.ok:
        headers["X-Amz-Function-Error"] = FUNCTION_ERROR
    if result.log_tail:
        headers["X-Amz-Log-Result"] = base64.b64encode(result.log_tail).decode()
    return web.Response(body=result.payload, headers=headers)
