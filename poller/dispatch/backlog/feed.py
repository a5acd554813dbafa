"""The part of a line that is in memory. Pure; times are epoch seconds.

However many wait, memory holds a window: what is ready comes from the disk a page at a time, and what was just accepted goes straight into
the window only while nothing on the disk is before it. So order is kept, about, and a line that keeps up reads nothing.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from typing import Generic, Protocol, TypeVar

MOST = 128
MOST_BYTES = 256 * 1024
"""Of what is ready in memory, a line; one item may be bigger."""
MOST_UNSETTLED = 256
"""Items a line that were dealt with and are not written yet: while the disk does not take them, no more are begun."""


class Item(Protocol):
    """What waits in a line."""

    @property
    def number(self) -> int:
        """Unique."""
        ...

    @property
    def line(self) -> str:
        """Name of its line."""
        ...

    @property
    def due(self) -> float:
        """Not to be dealt with before."""
        ...

    @property
    def size(self) -> int:
        """Bytes in memory."""
        ...


T = TypeVar("T", bound=Item)


class Feed(Generic[T]):
    """One line's window. due: when the first is due that is not in memory, as far as is known."""

    __slots__ = ("_bytes", "_reading", "_ready", "due", "held")

    def __init__(self) -> None:
        self.held: set[int] = set()
        """Numbers of what is ready, and of what is being dealt with."""
        self.due = math.inf
        self._ready: deque[T] = deque()
        self._bytes = 0
        self._reading = False

    @property
    def ready(self) -> int:
        """Items that can be dealt with."""
        return len(self._ready)

    @property
    def idle(self) -> bool:
        """Whether nothing is known of the line that could not be read from the disk."""
        return not self.held and not self._reading and self.due == math.inf

    def offer(self, item: T) -> None:
        """One that was just stored, and is due. Nothing happens if it was read from the disk meanwhile."""
        if item.number in self.held:
            return
        room = len(self._ready) < MOST and (not self._ready or self._bytes + item.size <= MOST_BYTES)
        if self._reading or self.due <= item.due or not room:
            self.due = min(self.due, item.due)
        else:
            self._add(item)

    def room(self, now: float) -> tuple[int, int]:
        """Items and bytes to be read now; 0 items: none is due, or there are enough."""
        enough = len(self._ready) > MOST // 2 or self._bytes > MOST_BYTES // 2
        if self._reading or self.due > now or enough:
            return 0, 0
        return MOST - len(self._ready), MOST_BYTES - self._bytes

    def begin(self) -> None:
        """A page is being read. What is offered meanwhile may be on it or not, so it is read again."""
        self._reading = True
        self.due = math.inf

    def loaded(self, items: Iterable[T], due: float) -> None:
        """The page. due: of the first that is not on it."""
        self._reading = False
        self.due = min(self.due, due)
        for item in items:
            if item.number not in self.held:
                self._add(item)

    def take(self) -> T:
        """The next, which is being dealt with now. There is one."""
        item = self._ready.popleft()
        self._bytes -= item.size
        return item

    def done(self, number: int, due: float | None) -> None:
        """It was dealt with. due: when it is to be again, from the disk; None: it is gone."""
        self.held.discard(number)
        if due is not None:
            self.due = min(self.due, due)

    def _add(self, item: T) -> None:
        self.held.add(item.number)
        self._ready.append(item)
        self._bytes += item.size
