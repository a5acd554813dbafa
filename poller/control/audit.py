"""Who changed what of a mapping, and what the daemon did with it, on its way into the state file (history.py, by writer.py).

What was told is written when the call returns. When the state file cannot serve nothing waits for it: what is done is done, so the line is
kept, the log says so, and it is written with the next one, or at the end. A line that was written outlives the process; it is not forced
onto the disk.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial

from poller.aio.clock import Clock
from poller.control import history
from poller.control.differences import secrets_that_differ
from poller.control.history import By, Line, Turn
from poller.control.store import StoreError
from poller.control.writer import Writer
from poller.observe.events import AuditPostponed, BreakerClosed, BreakerOpened, Emit, Fact, MappingRebuilt
from poller.settings.model import MappingSettings

DAEMON = "pollerd"
FILES = "files"
"""Who did it, when that is nobody else: the daemon; the configuration files."""
WAITING = 1_000
"""Lines that are kept while the state file cannot serve: the newest."""

_HEARD = frozenset({BreakerOpened, BreakerClosed, MappingRebuilt})

Mappings = Mapping[str, MappingSettings]
Step = Callable[[sqlite3.Connection], None]


class Audit:
    """Of one daemon. writer: shared with others who write."""

    def __init__(self, writer: Writer, *, clock: Clock, emit: Emit) -> None:
        self._writer = writer
        self._clock = clock
        self._emit = emit
        self._waiting: deque[Step] = deque(maxlen=WAITING)
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, mappings: Mappings) -> None:
        """These are in force at the start, which waits for nothing."""
        self._soon(partial(history.follow, turn=Turn(after=mappings, by=self._by(FILES, "read at the start"))))

    async def changed(self, before: Mappings, after: Mappings, who: str, why: str) -> None:
        """Others are in force."""
        concerned = {name: _secrets(before, after, name) for name in {*before, *after} if _differ(before, after, name)}
        if concerned:
            turn = Turn(after=after, by=self._by(who, why), concerned=concerned)
            await self._record(partial(history.follow, turn=turn))

    async def done(self, mapping: str, what: str, *, who: str, why: str = "") -> None:
        """Something was done with a mapping that changes none of its keys."""
        await self._record(self._line(mapping, what, who, why))

    def heard(self, fact: Fact) -> None:
        """Record what the daemon did by itself."""
        if type(fact) not in _HEARD:  # which is so for all but a few of them, and there are many
            return
        match fact:
            case BreakerOpened():
                self._soon(self._line(fact.mapping, "breaker opened", DAEMON, fact.cause))
            case BreakerClosed():
                why = f"it was open for {fact.seconds:.0f} s"
                self._soon(self._line(fact.mapping, "breaker closed", DAEMON, why))
            case MappingRebuilt():
                self._soon(self._line(fact.mapping, "rebuilt", DAEMON, "it stood still"))

    async def close(self) -> None:
        """Write what was told, if that is possible; the writer is still open."""
        await asyncio.gather(*self._tasks)
        await self._write()

    def _by(self, who: str, why: str) -> By:
        return By(epoch=self._clock.epoch(), who=who, why=why)

    def _line(self, mapping: str, what: str, who: str, why: str) -> Step:
        line = Line(mapping=mapping, what=what, by=self._by(who, why))
        return partial(history.write, lines=[line])

    def _soon(self, step: Step) -> None:
        """It has its place in the line at once."""
        self._waiting.append(step)
        task = asyncio.create_task(self._write(), name="audit")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _record(self, step: Step) -> None:
        self._waiting.append(step)
        await self._write()

    async def _write(self) -> None:
        """All that waits, in order. The writer goes on with it whatever becomes of the caller, so it waits no more from here on."""
        steps = list(self._waiting)
        self._waiting.clear()
        if not steps:
            return
        try:
            await self._writer.write(partial(_all, steps=steps))
        except StoreError as error:
            self._waiting = deque([*steps, *self._waiting], maxlen=WAITING)
            self._emit(AuditPostponed(count=len(self._waiting), message=str(error)))


def _all(connection: sqlite3.Connection, steps: list[Step]) -> None:
    for step in steps:
        step(connection)


def _differ(before: Mappings, after: Mappings, name: str) -> bool:
    return before.get(name) != after.get(name)


def _secrets(before: Mappings, after: Mappings, name: str) -> frozenset[str]:
    return secrets_that_differ(before[name], after[name]) if name in before and name in after else frozenset()
