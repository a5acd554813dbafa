"""The memory of environments: what it came to at most, and a limit where the kernel does not keep one, or not that one."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from typing import Protocol

WATCH_SECONDS = 0.2
"""Between two looks at the memory of busy environments."""
LOOK_SECONDS = 1.0
"""Between two looks at the memory of an environment for REPORT: a look costs as much as a short invocation."""
MEGABYTE = 1024 * 1024


class Watched(Protocol):
    """What is looked at."""

    @property
    def busy(self) -> bool:
        """Whether anything runs in it."""
        ...

    def check_memory(self) -> None:
        """Act if the limit is passed."""
        ...


class MemoryWatch:
    """Looks at busy environments as long as there are any; one task for all of them."""

    def __init__(self) -> None:
        self._watched: set[Watched] = set()
        self._task: asyncio.Task[None] | None = None

    def watch(self, environment: Watched) -> None:
        """It begins to run something. It may be known: it is forgotten at the first look that finds it idle."""
        self._watched.add(environment)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._look(), name="memory watch")

    async def close(self) -> None:
        """Watch no longer."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _look(self) -> None:
        while self._watched:
            await asyncio.sleep(WATCH_SECONDS)
            for environment in list(self._watched):
                if environment.busy:
                    environment.check_memory()
                else:
                    self._watched.discard(environment)


class HighWater:
    """The most that the processes of one environment have been seen to use, since INIT.

    used: bytes, now; a look at all of them. limit: bytes; what was used past it until somebody looked is not shown.
    """

    def __init__(self, used: Callable[[], int], limit: int) -> None:
        self._used = used
        self._limit = limit
        self._peak = 0
        self._looked = -math.inf

    def begin(self) -> None:
        """INIT begins."""
        self._peak, self._looked = 0, -math.inf

    def look(self) -> int:
        """Bytes used now."""
        used = self._used()
        self._peak = max(self._peak, used)
        return used

    def exhausted(self) -> None:
        """Somebody was killed for want of memory: all of it was used, whenever one looked last."""
        self._peak = self._limit

    def megabytes(self) -> int:
        """The most there was, rounded up."""
        now = time.monotonic()
        if now - self._looked > LOOK_SECONDS:
            self._looked = now
            self.look()
        return -(-min(self._peak, self._limit) // MEGABYTE)
