"""The front door of the API: request → operation → who calls → handler → answer.

Lambda's operations are at their paths, those of CloudWatch Logs at ``/`` by X-Amz-Target. The model of a service is read when the first
request needs it. Every answer bears ``x-amzn-RequestId``; what a caller did wrong is an error of AWS's, what we did wrong a 500 and a
DefectFoundError.
"""

from __future__ import annotations

import re
import time
import traceback
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from poller.control import connections
from poller.control.api import refused, streams
from poller.control.api.access import Access, Arrival
from poller.control.api.bounds import Bodies, GoneError, later
from poller.control.api.contract import ApiError, Call, Caller, Handler, RawCall, RawHandler
from poller.observe.events import ApiAnswered, DefectFoundError, Emit
from poller.settings.model import HttpSettings
from poller.wire.aws import response, sigv4
from poller.wire.aws.constraints import check
from poller.wire.aws.model import Operation, service
from poller.wire.aws.request import parameters
from poller.wire.aws.routes import Routes
from poller.wire.aws.target import Target, target

REQUEST_ID = "x-amzn-RequestId"
LOGS_TARGET = "Logs_20140328."
"""What X-Amz-Target of CloudWatch Logs begins with."""
UNKNOWN = "UnknownOperationException"
GONE = 499
"""Status that facts have when the client hung up first, as others call it (nginx)."""

_RAW_PATHS = {
    "Invoke": re.compile(r"/2015-03-31/functions/([^/]+)/invocations/?"),
    "InvokeWithResponseStream": re.compile(r"/2021-11-15/functions/([^/]+)/response-streaming-invocations/?"),
}
"""POST. What may take the short way, for which no model is read."""


@dataclass(slots=True, kw_only=True)
class _Asked:
    """One request, and what has become known of it: for the fact that is told at its end."""

    request: web.Request
    service: str
    request_id: str
    operation: str = ""
    caller: Caller | None = None


class Front:
    """handlers, logs: of Lambda's and CloudWatch Logs' operations, by name. raw: of those that take the short way.

    access: who may do what; None: anybody, which is for loopback only. emit: where facts go.
    """

    def __init__(
        self,
        handlers: Mapping[str, Handler],
        access: Access | None = None,
        *,
        logs: Mapping[str, Handler] | None = None,
        raw: Mapping[str, RawHandler] | None = None,
        emit: Emit = lambda _: None,
    ) -> None:
        self._handlers = {"lambda": handlers, "logs": logs or {}}
        self._access = access or Access(HttpSettings(), account="000000000000", region="us-east-1", now=time.time)
        self._raw = [(name, _RAW_PATHS[name], handler) for name, handler in (raw or {}).items()]
        self._emit = emit
        self._bodies = Bodies()

    def routes(self) -> list[web.RouteDef]:
        """One for everything; to be added after all others."""
        return [web.route("*", "/{path:.*}", self.handle, expect_handler=later)]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer a request. Raises nothing: when nobody is left to be answered the answer is for nobody."""
        began = time.perf_counter()
        asked = _Asked(request=request, service=_service(request), request_id=str(uuid.uuid4()))
        code = ""
        try:
            answered = await self._answered(asked)
        except ApiError as error:
            code = error.code
            answered = _written(response.refusal(service(asked.service), error))
        except GoneError:
            answered = web.Response(status=GONE)
        except Exception as error:  # noqa: BLE001 - ours, and the caller is to hear of it
            code = "ServiceException"
            self._found_defect(asked, error)
            sentence = "pollerd failed at this; its log says where."
            answered = _written(response.refusal(service("lambda"), ApiError(code, sentence)))
        if not answered.prepared:
            answered.headers[REQUEST_ID] = asked.request_id
        self._emit(
            ApiAnswered(
                operation=asked.operation,
                code=code,
                status=answered.status,
                seconds=time.perf_counter() - began,
                caller=asked.caller.access_key_id if asked.caller else "",
                address=request.remote or "",
                request_id=asked.request_id,
            )
        )
        return answered

    async def _answered(self, asked: _Asked) -> web.StreamResponse:
        request = asked.request
        where = target(request.raw_path)
        arrival = _arrival(request, where)
        prove = self._access.begin(arrival, asked.service)
        for name, pattern, handler in self._raw:
            if request.method == "POST" and (found := pattern.fullmatch(where.path)):
                return await self._answered_raw(asked, name, unquote(found[1]), prove, handler)
        operation, path = self._operation(request, where)
        asked.operation = operation.name
        with self._bodies.counted() as body:
            whole = await body.read(request, asked.service, operation.name)
            caller = asked.caller = prove(whole)
            params = parameters(operation, path=path, query=where.query, headers=request.headers, body=whole)
            check(operation.inputs, params)
            self._access.authorise(caller, asked.service, operation.name, params)
            own = self._handlers[asked.service].get(operation.name)
            if own is None:
                raise refused.refusal(operation)
            call = Call(
                operation=operation.name,
                params=params,
                caller=caller,
                request_id=asked.request_id,
                url=connections.reached(request),
            )
            return await self._write(asked, operation, await own(call))

    async def _answered_raw(
        self, asked: _Asked, operation: str, function: str, prove: Callable[[bytes], Caller], handler: RawHandler
    ) -> web.StreamResponse:
        asked.operation = operation
        with self._bodies.counted() as body:
            whole = await body.read(asked.request, "lambda", operation)
            caller = asked.caller = prove(whole)
            kind = asked.request.headers.get("X-Amz-Invocation-Type", "")
            said = {"FunctionName": function, "InvocationType": kind}
            self._access.authorise(caller, "lambda", operation, said)
            call = RawCall(
                request=asked.request, function_name=function, body=whole, caller=caller, request_id=asked.request_id
            )
            return await handler(call)

    def _operation(self, request: web.Request, where: Target) -> tuple[Operation, Mapping[str, str]]:
        """Which one is meant, and its members in the path."""
        wanted = request.headers.get("X-Amz-Target")
        if _service(request) == "logs" and wanted is not None:
            name = wanted.removeprefix(LOGS_TARGET)
            found = service("logs").operations.get(name)
            if found is not None:
                return found, {}
            raise ApiError(UNKNOWN, f"CloudWatch Logs has no operation {name}")
        match = self._routes.match(request.method, where.path, dict(where.query))
        if match is None:
            raise ApiError(UNKNOWN, f"there is no operation of Lambda at {request.method} {where.path}")
        return match

    @cached_property
    def _routes(self) -> Routes:
        return Routes(service("lambda"))

    async def _write(self, asked: _Asked, operation: Operation, output: Mapping[str, Any]) -> web.StreamResponse:
        member = streams.stream_of(operation)
        if member is None or output.get(member.name) is None:
            return _written(response.answer(service(asked.service), operation, output))
        head = {REQUEST_ID: asked.request_id}
        try:
            return await streams.write(asked.request, service(asked.service), operation, output, head)
        except streams.BrokenError as error:
            if not isinstance(error.__cause__, ConnectionError | TimeoutError):
                self._found_defect(asked, error.__cause__ or error)
            raise GoneError from error

    def _found_defect(self, asked: _Asked, error: BaseException) -> None:
        trace = "".join(traceback.format_exception(error))
        self._emit(
            DefectFoundError(part=f"API {asked.operation}".strip(), message=repr(error), trace=trace, retry_seconds=0.0)
        )


def _service(request: web.Request) -> str:
    return "logs" if request.headers.get("X-Amz-Target", "").startswith(LOGS_TARGET) else "lambda"


def _arrival(request: web.Request, where: Target) -> Arrival:
    headers = [
        (name.decode("utf-8", "surrogateescape").lower(), value.decode("utf-8", "surrogateescape"))
        for name, value in request.raw_headers
    ]
    certificate = request.get_extra_info("peercert")
    return Arrival(
        request=sigv4.Request(method=request.method, target=where, headers=headers),
        address=request.remote or "",
        has_certificate=bool(certificate),
    )


def _written(answer: response.Answer) -> web.Response:
    return web.Response(status=answer.status, headers=answer.headers, body=answer.body)
