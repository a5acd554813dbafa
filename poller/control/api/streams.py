"""Answers that are a stream of events, written as they come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

from aiohttp import web

from poller.control.api.contract import ApiError
from poller.wire.aws import eventstream, response
from poller.wire.aws.model import Member, Operation, Service

STALLED_SECONDS = 60.0
"""How long a client may take for a megabyte; one that takes longer reads no more, and what runs for it is let go."""


def stream_of(operation: Operation) -> Member | None:
    """The member of an operation's output that is a stream of events, if it has one."""
    members = operation.outputs.members.values() if operation.outputs else ()
    return next((member for member in members if member.shape.is_event_stream), None)


class BrokenError(Exception):
    """A stream ended before its end, and the connection with it. The cause is chained: a client that is gone, or what was raised."""


async def write(
    request: web.Request, of: Service, operation: Operation, output: Mapping[str, Any], head: Mapping[str, str]
) -> web.StreamResponse:
    """Write an output with a stream in it, an async generator, to its end. head: further headers.

    ApiError from the generator becomes the stream's own end. Whatever else goes wrong, and a client that stopped reading, breaks the
    connection, which clients take for what it is; raises BrokenError then.
    """
    member = stream_of(operation)
    assert member is not None  # noqa: S101 - the caller's business
    events: AsyncGenerator[Mapping[str, Any], None] = output[member.name]
    rest = {name: value for name, value in output.items() if name != member.name}
    answer = response.answer(of, operation, rest)
    own = answer.headers if _is_whole_body(operation) else {}
    written = web.StreamResponse(
        status=answer.status, headers={"Content-Type": eventstream.CONTENT_TYPE, **own, **head}
    )
    try:
        await _prepare(written, request, events)
        async with aclosing(events):
            await _events(written, member, events, b"" if _is_whole_body(operation) else answer.body)
            await written.write_eof()
    except BaseException as error:
        if request.transport is not None:
            request.transport.abort()
        if not isinstance(error, Exception):
            raise
        raise BrokenError from error
    return written


async def _prepare(
    written: web.StreamResponse, request: web.Request, events: AsyncGenerator[Mapping[str, Any], None]
) -> None:
    """Write the head. Where the client is gone by then the stream is begun all the same: else what it has for its end would not run."""
    try:
        await written.prepare(request)
    except BaseException:
        async with aclosing(events):
            await anext(events, None)
        raise


async def _events(
    written: web.StreamResponse, member: Member, events: AsyncGenerator[Mapping[str, Any], None], rest: bytes
) -> None:
    """rest: what is to come first; b"" for nothing."""
    try:
        if rest:
            await _write(written, eventstream.initial(rest))
        async for event in events:
            await _write(written, eventstream.event(member.shape, event))
    except ApiError as error:
        await _write(written, eventstream.failure(member.shape, error))


def _is_whole_body(operation: Operation) -> bool:
    """Whether the stream is all of the body; else the rest of the output comes as its first event."""
    return operation.outputs is not None and operation.outputs.payload is not None


async def _write(written: web.StreamResponse, frame: bytes) -> None:
    async with asyncio.timeout(STALLED_SECONDS):
        await written.write(frame)
