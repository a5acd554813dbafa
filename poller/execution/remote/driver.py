"""The remote driver: a function that runs elsewhere, invoked through Lambda's own operation (Lambda API reference, Invoke).

What holds here:

1. An invocation ends in a result: the function's, or a failure that says what the server did. The function's timeout bounds all of it.
2. A throttled invocation (429) is asked again with growing delays within that time; the caller's slot is held. Nothing else is
   repeated here: whether the function has run is not known, and repeating is the source's business.
3. An environment is a place at the server, nothing more: there is nothing to start, and nothing is left when it stops.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import uuid
from http import HTTPStatus

import aiohttp

from poller.aio.backoff import Backoff
from poller.aio.clock import Clock, SystemClock
from poller.execution.contract import Driver, Environment, FunctionSpec, Health, Invocation, Reporting, Result, Status
from poller.execution.remote.answer import (
    LOG_RESULT,
    THROTTLED,
    TIMED_OUT,
    VERSION,
    HttpAnswer,
    Ruling,
    error_object,
    rule,
)
from poller.execution.remote.server import Server, client
from poller.execution.runtime_api import MAX_ANSWER
from poller.observe.events import Emit

DELAYS = Backoff(first=0.1, cap=5.0)

NOTHING = HttpAnswer(0, {}, b"")


class RemoteDriver(Driver, Reporting):
    """Environments at other servers; one HTTP client for all of them."""

    def __init__(self, emit: Emit, clock: Clock | None = None) -> None:
        self._emit = emit
        self._clock = clock or SystemClock()
        self._servers: dict[str, Server] = {}
        self._client: aiohttp.ClientSession | None = None

    def problems(self, spec: FunctionSpec) -> list[str]:
        """None that could be known without asking the server, which may well be started later."""
        del spec
        return []

    def environment(self, spec: FunctionSpec) -> Environment:
        """A place at the function's server."""
        if spec.elsewhere is None:
            raise ValueError(f"{spec.name} runs here")
        self._client = self._client or client()
        server = self._servers.get(spec.name)
        if server is None:
            server = self._servers[spec.name] = Server(spec.name, spec.elsewhere, self._client, self._emit)
        return RemoteEnvironment(spec, server, self._clock)

    def health(self, function: str) -> Health | None:
        """How the function's server does, as far as invocations have shown."""
        server = self._servers.get(function)
        return server.health if server else None

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.close()


class RemoteEnvironment(Environment):
    """One place at a server; see the module."""

    def __init__(self, spec: FunctionSpec, server: Server, clock: Clock) -> None:
        self._spec = spec
        self._server = server
        self._clock = clock
        self._id = uuid.uuid4().hex

    @property
    def id(self) -> str:
        """Of this place; the server knows nothing of it."""
        return self._id

    @property
    def alive(self) -> bool:
        """Always: there is nothing that could have died."""
        return True

    async def start(self) -> None:
        """Nothing to start."""

    async def invoke(self, invocation: Invocation) -> Result:
        """Ask the server, when it is this function's turn there."""
        async with self._server.turns:
            began = self._clock.now()
            ruling, answer = await self._within(invocation)
            took = (self._clock.now() - began) * 1000
        self._server.note(ruling)
        return Result(
            request_id=invocation.request_id,
            status=ruling.status,
            payload=ruling.payload,
            error_type=ruling.error_type,
            duration_ms=took,
            executed_version=answer.headers.get(VERSION, "$LATEST"),
            log_tail=_log_tail(answer.headers.get(LOG_RESULT, "")),
            content_type=answer.headers.get("Content-Type", ""),
            streamed=ruling.streamed,
            taken=ruling.taken,
        )

    async def stop(self) -> None:
        """Nothing is left to end."""

    async def _within(self, invocation: Invocation) -> tuple[Ruling, HttpAnswer]:
        """Ask until the server takes the invocation, for as long as the function may take."""
        seconds = self._spec.timeout_seconds
        throttled, waiting = 0, False
        try:
            async with asyncio.timeout(seconds):
                while True:
                    waiting = False
                    ruling, answer = await self._server.ask(invocation)
                    if ruling is not None:
                        return ruling, answer
                    if answer.status != HTTPStatus.TOO_MANY_REQUESTS:
                        return rule(answer, invocation.request_id, MAX_ANSWER), answer
                    throttled, waiting = throttled + 1, True
                    await self._clock.sleep(max(DELAYS.delay(throttled), _retry_after(answer)))
        except TimeoutError:
            if waiting:
                sentence = f"{self._server.health.server} throttled for {seconds:g} s; attempts: {throttled}"
                return Ruling.not_taken(THROTTLED, sentence), NOTHING
            sentence = f"no answer from {self._server.health.server} within {seconds:g} s"
            return Ruling(Status.TIMEOUT, error_object(TIMED_OUT, sentence), TIMED_OUT, taken=False), NOTHING


def _retry_after(answer: HttpAnswer) -> float:
    """Seconds that the server asks to wait; 0 when it does not say, or says a date."""
    text = answer.headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() else 0.0


def _log_tail(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return b""
