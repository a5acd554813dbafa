"""Environments of a pool that are on their way in or out, each in a task of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from poller.execution.contract import Environment


class Starting:
    """Those in INIT. function: for the names of tasks."""

    def __init__(self, function: str) -> None:
        self._function = function
        self._tasks: dict[asyncio.Task[None], bool] = {}  # -> whether provisioned

    def __len__(self) -> int:
        return len(self._tasks)

    @property
    def on_demand(self) -> int:
        """Without those that are provisioned: their INIT may take minutes."""
        return len(self._tasks) - sum(self._tasks.values())

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        """Of all."""
        return list(self._tasks)

    def begin(self, start: Coroutine[Any, Any, None], over: Callable[[], None], *, provisioned: bool) -> None:
        """over: called at its end, however it ended."""
        task = asyncio.get_running_loop().create_task(start, name=f"init {self._function}")
        self._tasks[task] = provisioned

        def ended(task: asyncio.Task[None]) -> None:
            del self._tasks[task]
            over()

        task.add_done_callback(ended)


class Stopping:
    """Those in SHUTDOWN."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, environment: Environment) -> None:
        """End it, now."""
        task = asyncio.get_running_loop().create_task(environment.stop(), name=f"stop {environment.id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def all(self) -> None:
        """Wait until they have ended."""
        if self._tasks:
            await asyncio.wait(set(self._tasks))
