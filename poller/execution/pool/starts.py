"""How many environments begin INIT at once on this host, over all functions. Functions take turns.

INIT is work for the processor: starting an interpreter and importing a package is some 0.1 s of it. A hundred at once end no sooner
than one after the other, each later than it need be, and meanwhile the daemon's loop competes with a hundred processes for a core:
polls, leases and answers stall. Twice the cores keeps every core busy (one computes while another waits for a disk or a server) and
leaves the loop a third of a core at worst. Observed on two cores, 2026-11: with 1, 2, 4 and 16 at once per core, 30 environments of
Python were there after 1.7, 1.2, 1.3 and 1.7 s, and with 100 invocations in line the loop stalled 25, 59, 178 and 1,093 ms (p99).

An INIT that takes longer than ``YOUNG_SECONDS`` mostly waits for something else, or is one of few. Its turn ends then, though it goes
on: so a function whose INIT waits 10 s for a server neither keeps the others from starting, nor starts a mere four every 10 s itself.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Protocol

PER_CORE = 2
YOUNG_SECONDS = 1.0


class Starter(Protocol):
    """Who starts environments: the pool of a function version."""

    def start_next(self, over: Callable[[], None]) -> bool:
        """Begin one start, and call ``over`` when it has ended, however it did; or return False: there is none to make."""
        ...


class Starts:
    """Turns to start an environment. at_once: those in their first second of INIT; 0: PER_CORE for each core the daemon may use."""

    def __init__(self, at_once: int = 0) -> None:
        self._limit = at_once or PER_CORE * len(os.sched_getaffinity(0))
        self._line: dict[Starter, None] = {}  # whose turn it is comes first
        self._young = 0

    @property
    def young(self) -> int:
        """Turns that are taken now."""
        return self._young

    def want(self, starter: Starter) -> None:
        """Give turns to the starter until it has no start to make. It may be in line already. Starts may begin at once."""
        self._line.setdefault(starter)
        self._grant()

    def forget(self, starter: Starter) -> None:
        """No further turns for the starter; those it has end as they would."""
        self._line.pop(starter, None)

    def _grant(self) -> None:
        while self._line and self._young < self._limit:
            starter = next(iter(self._line))
            del self._line[starter]
            turn = _Turn(self._end)
            if starter.start_next(turn.end):
                self._young += 1
                self._line[starter] = None  # behind the others
            else:
                turn.cancel()

    def _end(self) -> None:
        self._young -= 1
        self._grant()


class _Turn:
    """Ends once: when the start does, or when it is not young any more."""

    def __init__(self, ended: Callable[[], None]) -> None:
        self._ended = ended
        self._timer = asyncio.get_running_loop().call_later(YOUNG_SECONDS, self.end)
        self._over = False

    def cancel(self) -> None:
        """There was nothing to start."""
        self._over = True
        self._timer.cancel()

    def end(self) -> None:
        """Idempotent."""
        if not self._over:
            self.cancel()
            self._ended()
