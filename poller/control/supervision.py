"""What the service manager hears of the daemon: its life, a line for people, and progress, which feeds the watchdog.

Progress is proved, not claimed. In each round the event loop has to come round, both threads of the state file have to answer, and no
mapping may be wedged. A mapping is wedged when nothing was heard of it for ``WEDGED_SECONDS`` although nothing of it runs and nobody waits
for a slot. Whoever asks a source in vain is heard, so an outage of a broker, a destination or the disk never ends the daemon: starting
it again would mend nothing.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from poller.aio.clock import Clock
from poller.control.running import Running
from poller.control.store import StoreError
from poller.control.writer import Writer
from poller.observe import events
from poller.observe.events import Emit, Fact, ProgressMissedError
from poller.observe.notify import Notify
from poller.pipeline.stream import StreamMapping

WEDGED_SECONDS = 900.0
"""A function may take so long (Lambda quotas), and no source is asked for longer before it has answered or failed."""
ROUNDS = 3
"""In the time that the watchdog waits."""
STATUS_SECONDS = 5.0
"""Between two looks at how mappings do, at most."""
STOP_MARGIN_SECONDS = 15.0
"""What a stop may take beyond its timeout: closing, when what ran was cut."""

_HEARD = (
    events.BatchJudged,
    events.BatchRetried,
    events.DestinationFailedError,
    events.RecordsPolled,
    events.SourceFailedError,
    events.SourceOpened,
)

Ready = Callable[[], list[dict[str, Any]]]
"""Each mapping, whether it works, and why not (views.py)."""


class Supervision:
    """From the start of a daemon to its end.

    mappings: those that are enabled, as they are at the time. waiting: invocations that wait for a slot, by pool. stop_seconds: what a
    stop takes at most, by the configuration.
    """

    def __init__(
        self,
        notify: Notify,
        mappings: Mapping[str, Running[Any]],
        waiting: Callable[[], Mapping[str, int]],
        readiness: Ready,
        *,
        writer: Writer,
        stop_seconds: float,
        clock: Clock,
        emit: Emit,
    ) -> None:
        self._notify = notify
        self._mappings = mappings
        self._waiting = waiting
        self._writer = writer
        self._readiness = readiness
        self._stop_seconds = stop_seconds
        self._clock = clock
        self._emit = emit
        self._heard: dict[str, float] = {}
        self._missed: list[str] = []
        self._started = False

    def heard(self, fact: Fact) -> None:
        """Note that a mapping moves, or has failed to and says why."""
        if isinstance(fact, _HEARD):
            self._heard[fact.mapping] = self._clock.now()

    def ready(self) -> None:
        """Everything is built and the port is open; or a reload is over."""
        self._started = True
        self._notify.ready(self.line())

    @contextlib.contextmanager
    def reloading(self) -> Iterator[None]:
        """While a reload is under way, whatever comes of it. One before the start is over is part of the start."""
        if not self._started:
            yield
            return
        self._notify.reloading()
        try:
            yield
        finally:
            self.ready()

    def stopping(self, reason: str) -> None:
        """The stop has begun."""
        self._notify.stopping(f"stopping ({reason})", self._stop_seconds + STOP_MARGIN_SECONDS)

    async def keep(self) -> None:
        """Tell of progress until cancelled; where nobody listens there is nothing to do."""
        if not self._notify.heard:
            return
        watchdog = self._notify.watchdog_seconds
        pause = STATUS_SECONDS if watchdog is None else min(STATUS_SECONDS, watchdog / ROUNDS)
        while True:
            if watchdog is not None and await self._proved():
                self._notify.progress()
            self._notify.status(self.line())
            await self._clock.sleep(pause)

    def line(self) -> str:
        """How mappings do, for people."""
        mappings = self._readiness()
        waiting = [each for each in mappings if not each["ready"]]
        text = f"{len(mappings) - len(waiting)} of {len(mappings)} mappings are ready"
        if waiting:
            first = waiting[0]
            text += f"; {first['mapping']}: {first.get('trouble') or first['state']}"
        return text

    def wedged(self) -> list[str]:
        """Names of mappings that should move and do not, without a reason."""
        now = self._clock.now()
        waiting = any(self._waiting().values())
        for name, running in self._mappings.items():
            if waiting or not _idle(running):
                self._heard[name] = now
        return [name for name in self._mappings if now - self._heard.setdefault(name, now) > WEDGED_SECONDS]

    async def _proved(self) -> bool:
        """Returns late, or never, when a thread of the state file does not answer: nothing is told then."""
        with contextlib.suppress(StoreError):  # an answer, too: a full disk is told by who writes
            await self._writer.write(_nothing)
        with contextlib.suppress(StoreError):
            await self._writer.read(_nothing)
        wedged = self.wedged()
        if wedged and wedged != self._missed:
            self._emit(ProgressMissedError(mappings=tuple(wedged), seconds=WEDGED_SECONDS))
        self._missed = wedged
        return not wedged


def _idle(running: Running[Any]) -> bool:
    """Whether it should poll, and has nothing that takes its time."""
    if running.state != "running" or running.mapping is None:
        return False
    busy = running.mapping.running if isinstance(running.mapping, StreamMapping) else running.mapping.in_hand
    return not busy


def _nothing(_: sqlite3.Connection) -> None:
    """What is asked of a thread whose answer is all that counts."""
