"""Watching the memory of environments where the kernel does not keep their limit, or not that one."""

from __future__ import annotations

import asyncio
from typing import Protocol

WATCH_SECONDS = 0.2
"""Between two looks at the memory of busy environments."""


class Watched(Protocol):
    """What is looked at."""

    def check_memory(self) -> None:
        """Act if the limit is passed."""
        ...


class MemoryWatch:
    """Looks at busy environments as long as there are any; one task for all of them."""

    def __init__(self) -> None:
        self._busy: set[Watched] = set()
        self._task: asyncio.Task[None] | None = None

    def busy_now(self, environment: Watched, busy: bool) -> None:
        """An environment begins or ends to run an event."""
        (self._busy.add if busy else self._busy.discard)(environment)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._look(), name="memory watch")

    async def close(self) -> None:
        """Watch no longer."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _look(self) -> None:
        while self._busy:
            await asyncio.sleep(WATCH_SECONDS)
            for environment in list(self._busy):
                environment.check_memory()
