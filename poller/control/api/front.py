"""The front door of the API: request → operation → who calls → handler → answer.

The model of the service is read when the first request needs it. Every answer bears ``x-amzn-RequestId``.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from urllib.parse import parse_qsl

from aiohttp import web

from poller.control.api.contract import ApiError, Call, Caller, Handler
from poller.wire.aws import response
from poller.wire.aws.model import service
from poller.wire.aws.request import parameters
from poller.wire.aws.routes import Routes


class Front:
    """handlers: of Lambda's operations, by name."""

    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        self._handlers = handlers
        self._found: Routes | None = None

    def routes(self) -> list[web.RouteDef]:
        """One for everything; to be added after all others."""
        return [web.route("*", "/{path:.*}", self.handle)]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer a request. Never raises for what a caller did."""
        request_id = str(uuid.uuid4())
        try:
            found = await self._call(request, request_id)
        except ApiError as error:
            found = response.refusal(service("lambda"), error)
        return web.Response(
            status=found.status, headers={**found.headers, "x-amzn-RequestId": request_id}, body=found.body
        )

    async def _call(self, request: web.Request, request_id: str) -> response.Answer:
        path, _, query_text = request.raw_path.partition("?")
        query = parse_qsl(query_text, keep_blank_values=True)
        match = self._routes.match(request.method, path, dict(query))
        if match is None:
            raise ApiError("UnknownOperationException", f"there is no operation {request.method} {path}")
        operation, names = match
        if operation.name not in self._handlers:
            raise ApiError("UnknownOperationException", f"pollerd does not offer {operation.name}")
        body = await request.read()
        params = parameters(operation, path=names, query=query, headers=request.headers, body=body)
        caller = Caller(address=request.remote or "")
        call = Call(operation=operation.name, params=params, caller=caller, request_id=request_id)
        return response.answer(operation, await self._handlers[operation.name](call))

    @property
    def _routes(self) -> Routes:
        if self._found is None:
            self._found = Routes(service("lambda"))
        return self._found
