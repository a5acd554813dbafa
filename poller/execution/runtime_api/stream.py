"""An answer that is handed on as it comes.

It is read by one reader, at the service's pace when it is asked for. A reader that is slow holds back whoever writes (Lambda DG,
Response streaming); one that has gone holds back nobody.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from poller.execution.contract import Pieces
from poller.execution.runtime_api.bandwidth import Bucket

MAX_STREAM = 200 * 1024 * 1024
"""Bytes of a streamed answer (Lambda quotas)."""
WINDOW = 256 * 1024
"""Bytes that wait for the reader before the runtime is held back; ours: the service gives none. The event loop reads on while there is
something to read, so whatever may wait is read before the first of it is passed on."""


class AnswerStream(Pieces):
    """From ``feed`` to the reader. hold: called with whether the writer is to wait. pace: None for as fast as both sides can."""

    def __init__(self, hold: Callable[[bool], None], pace: Bucket | None = None) -> None:
        self._hold = hold
        self._pace = pace
        self._pieces: deque[bytes] = deque()
        self._waiting = 0
        self._more = asyncio.Event()
        self._over = False
        self._abandoned = False

    def __aiter__(self) -> AnswerStream:
        return self

    async def __anext__(self) -> bytes:
        """The next piece."""
        while not self._pieces:
            if self._over or self._abandoned:
                raise StopAsyncIteration
            self._more.clear()
            await self._more.wait()
        piece = self._pieces.popleft()
        if self._pace is not None:
            loop = asyncio.get_running_loop()
            if wait := self._pace.take(len(piece), loop.time()):
                await asyncio.sleep(wait)
        self._waiting -= len(piece)
        if self._waiting <= WINDOW // 2:
            self._hold(False)
        return piece

    def feed(self, piece: bytes) -> None:
        """A piece has come. What comes after the end, or for nobody, is dropped."""
        if self._over or self._abandoned:
            return
        self._pieces.append(piece)
        self._waiting += len(piece)
        self._more.set()
        if self._waiting > WINDOW:
            self._hold(True)

    def finish(self) -> None:
        """No more will come; what has may still be read. Idempotent."""
        self._over = True
        self._more.set()
        self._hold(False)

    def abandon(self) -> None:
        """Nobody reads on."""
        self._abandoned = True
        self._pieces.clear()
        self._waiting = 0
        self._more.set()
        self._hold(False)
