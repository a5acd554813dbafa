"""Owned tasks: work that is finished even when its owner is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def finish(work: Coroutine[Any, Any, T], *, seconds: float, name: str) -> T:
    """Run work to its end although the caller is cancelled meanwhile; the cancellation is raised afterwards.

    seconds: what a cancelled caller waits at most before the work is cancelled too. An uncancelled caller waits for ever.
    """
    task = asyncio.create_task(work, name=name)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if task.done():
            raise
        _, unfinished = await asyncio.wait({task}, timeout=seconds)
        if unfinished:
            task.cancel()
            await asyncio.wait({task})
        elif not task.cancelled():
            task.exception()  # looked at, so that it is not reported as forgotten; the cancellation outranks it
        raise
