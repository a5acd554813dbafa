"""The answer of InvokeWithResponseStream: what the function says, piece by piece, and how it ended (Lambda API reference).

The service's words for an error in the middle are not published: here its code is the errorType, its details the error object.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any

from poller.dispatch.stream import Answering
from poller.execution.contract import Opening, Result

Event = Mapping[str, Mapping[str, Any]]
"""One member of InvokeWithResponseStreamResponseEvent, by its name, with its own members."""


async def response_stream(
    invocation: AbstractAsyncContextManager[Answering], *, tail: bool
) -> tuple[Opening | Result, AsyncGenerator[Event, None]]:
    """Wait until the answer begins; returns what the head of the response is made of (executed version, content type), and its events.

    invocation: entered here, and left when the events are over, or closed. tail: whether the last of them has the end of the log.
    The events are to be read to the end or closed (``aclose``): closed early, they wait for the function, which runs on.
    """
    async with AsyncExitStack() as entered:
        answer = await entered.enter_async_context(invocation)
        opening = await answer.opening()
        head = opening or await answer.result()
        return head, _events(entered.pop_all(), answer, opening, tail=tail)


async def _events(
    entered: AsyncExitStack, answer: Answering, opening: Opening | None, *, tail: bool
) -> AsyncGenerator[Event, None]:
    async with entered:
        try:
            if opening is not None:
                async for piece in opening.pieces:
                    yield {"PayloadChunk": {"Payload": piece}}
            yield {"InvokeComplete": _complete(await answer.result(), tail=tail)}
        except GeneratorExit:
            answer.abandon()
            await answer.result()
            raise


def _complete(result: Result, *, tail: bool) -> Mapping[str, str]:
    """What is said at the end; nothing of an error where there was none."""
    said = (
        {} if result.ok else {"ErrorCode": result.error_type, "ErrorDetails": result.payload.decode(errors="replace")}
    )
    return said | ({"LogResult": base64.b64encode(result.log_tail).decode()} if tail else {})
