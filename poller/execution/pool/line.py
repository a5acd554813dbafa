"""The line of invocations that wait for an environment: first come, first served."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from poller.execution.pool.idle import Member


class Line:
    """give_back: takes an environment whose invocation was cancelled in the very moment in which it was served."""

    def __init__(self, give_back: Callable[[Member], None]) -> None:
        self._waiters: deque[asyncio.Future[Member]] = deque()
        self._give_back = give_back

    def __len__(self) -> int:
        return len(self._waiters)

    def join(self) -> asyncio.Future[Member]:
        """A place at the end of the line; to be awaited by ``come`` at once."""
        waiter: asyncio.Future[Member] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        return waiter

    async def come(self, waiter: asyncio.Future[Member]) -> Member:
        """Wait for an environment; raises what the line's head was told instead. Cancelled: the place is given up."""
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter in self._waiters:
                self._waiters.remove(waiter)
            elif not waiter.cancelled() and waiter.exception() is None:
                self._give_back(waiter.result())
            raise

    def serve(self, member: Member) -> bool:
        """Give the environment to the head of the line; False: nobody waits."""
        if waiter := self._head():
            waiter.set_result(member)
        return waiter is not None

    def refuse(self, error: Exception) -> bool:
        """Give the head of the line an error instead; False: nobody waits."""
        if waiter := self._head():
            waiter.set_exception(error)
        return waiter is not None

    def _head(self) -> asyncio.Future[Member] | None:
        """The longest waiting invocation, out of line; those that were cancelled are passed over."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                return waiter
        return None
