"""Work that is done for many at once: what comes while some is under way gathers, and goes together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class _Group(Generic[T]):
    """Pieces that go together. done: when the work was done for all of them, or given up."""

    done: asyncio.Future[None]
    pieces: list[T] = field(default_factory=list)


class Grouped(Generic[T]):
    """work: for some pieces, in the order they came. at_once: how often it runs at the same time; with 1 groups keep their order, too."""

    def __init__(self, work: Callable[[list[T]], Awaitable[None]], *, at_once: int, name: str) -> None:
        self._work = work
        self._at_once = at_once
        self._name = name
        self._gathering: _Group[T] | None = None
        self._running: set[asyncio.Task[None]] = set()

    async def add(self, pieces: Sequence[T], *, last_seconds: float) -> None:
        """Return when the work is done for all of these, or was given up. Raises CancelledError only, at the end.

        last_seconds: what a cancelled caller still waits.
        """
        group = self._gathering = self._gathering or _Group(asyncio.get_running_loop().create_future())
        group.pieces.extend(pieces)
        self._start()
        try:
            await asyncio.shield(group.done)
        except asyncio.CancelledError:
            await asyncio.wait({group.done}, timeout=last_seconds)
            raise

    async def close(self) -> None:
        """Give up what is under way, and what gathers."""
        gathering, self._gathering = self._gathering, None
        if gathering:
            gathering.done.set_result(None)
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _start(self) -> None:
        if self._gathering and len(self._running) < self._at_once:
            group, self._gathering = self._gathering, None
            task = asyncio.create_task(self._run(group), name=self._name)
            self._running.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._start()

    async def _run(self, group: _Group[T]) -> None:
        try:
            await self._work(group.pieces)
        finally:
            if not group.done.done():
                group.done.set_result(None)
