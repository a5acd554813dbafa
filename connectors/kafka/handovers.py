"""Partitions that go: the client's loop waits until the engine has let go of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Any

from kafka import TopicPartition
from kafka.future import Future

from connectors.kafka.loop import ClientLoop
from connectors.kafka.positions import name_of

LetGo = Callable[[Collection[str], bool], Awaitable[None]]
"""Partitions by name, and whether they are another's already; bounded in time."""


class Handovers:
    """Those of one source that are under way, each in a task of its own."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def asked_there(
        self, loop: ClientLoop, let_go: LetGo
    ) -> Callable[[Collection[TopicPartition], bool], Awaitable[None]]:
        """Return what the client's loop awaits before it gives partitions up."""

        async def released(partitions: Collection[TopicPartition], lost: bool) -> None:
            done = Future()
            names = [name_of(partition) for partition in partitions]
            loop.tell(self._start, let_go, names, lost, lambda: loop.do(lambda: done.is_done or done.success(None)))
            await done

        return released

    async def cut(self) -> None:
        """End them; what they were to hand over is gone with the connection."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start(self, let_go: LetGo, names: list[str], lost: bool, done: Callable[[], Any]) -> None:
        async def run() -> None:
            await let_go(names, lost)

        task = asyncio.create_task(run(), name=f"hand over {', '.join(names)}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: done())
