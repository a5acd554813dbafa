"""An invocation whose answer is read as it comes: one way for functions that stream, and for those that answer with the whole.

What holds here:

1. A reader that goes away changes nothing for the function: it runs on, and whoever waits for the result gets it.
2. Nothing outlives ``async with``: cancelled or left by an exception, the invocation is cut; left in any other way, it is waited for.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from poller.execution.contract import OnOpening, Opening, Pieces, Result


class Answering:
    """One invocation under way."""

    def __init__(self, invocation: asyncio.Task[Result], opening: asyncio.Future[Opening]) -> None:
        self._invocation = invocation
        self._opening = opening

    async def opening(self) -> Opening | None:
        """The beginning of the answer, as soon as it is known. None: there is none, only an error; the result says which.

        A function that does not stream has begun when it is done: its answer is one piece. Raises what the invoker does.
        """
        first: set[asyncio.Future[Any]] = {self._invocation, self._opening}
        await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
        if not self._opening.done() and (result := self._invocation.result()).ok:
            whole = Opening(
                content_type=result.content_type,
                executed_version=result.executed_version,
                pieces=_Whole(result.payload),
            )
            self._opening.set_result(whole)
        return self._opening.result() if self._opening.done() else None

    async def result(self) -> Result:
        """How the invocation ended; its payload is that of an error, or nothing that was not read. Raises what the invoker does."""
        return await asyncio.shield(self._invocation)

    def abandon(self) -> None:
        """Nobody reads the answer any more, or ever will. Idempotent."""
        self._opening.add_done_callback(_abandon)


@contextlib.asynccontextmanager
async def answering(invoke: Callable[[OnOpening], Awaitable[Result]]) -> AsyncIterator[Answering]:
    """Invoke, and read meanwhile. invoke: runs it with this ``on_opening``. Raises what that does, at the end at the latest."""

    async def invocation() -> Result:
        return await invoke(opening.set_result)

    opening: asyncio.Future[Opening] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(invocation(), name="streamed invocation")
    try:
        yield (answer := Answering(task, opening))
        answer.abandon()
        await task
    finally:
        task.cancel()
        await asyncio.wait({task})


class _Whole(Pieces):
    """An answer that came in one."""

    def __init__(self, payload: bytes) -> None:
        self._payload = payload

    async def __aiter__(self) -> AsyncIterator[bytes]:
        payload, self._payload = self._payload, b""
        if payload:
            yield payload

    def abandon(self) -> None:
        """There is nobody who could be held back."""


def _abandon(opening: asyncio.Future[Opening]) -> None:
    if not opening.cancelled():
        opening.result().pieces.abandon()
