"""Environments prepared ahead of need, of functions that have run: sandbox made, interpreter waiting, INIT not begun.

What holds here:

1. A spare is in no pool: it is not counted as an environment, not billed, and has seen nothing of the function's own code.
2. It is prepared after a start has gone well, never beside one that somebody waits for, and one at a time for each function.
3. It is given up when its function's code or settings change, when nobody took it for an hour, when there are too many, and when the
   host is short of memory.
"""

from __future__ import annotations

import asyncio
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from poller.execution.contract import ON_DEMAND, Environment, FunctionSpec
from poller.execution.runtimes.contract import InvalidEntrypoint
from poller.execution.sandbox import procfs
from poller.observe.events import DefectFoundError, Emit

MOST = 16
"""Of all functions; beyond it the one goes that was left untouched the longest. A spare of Python is about 8 MB of private memory."""
KEPT_SECONDS = 3600.0
LOOK_SECONDS = 5.0
"""Between two looks at the spares and at the host's memory."""


class Spare(Environment, Protocol):
    """An environment that can be prepared before it is started."""

    @property
    def prepared(self) -> bool:
        """Whether all that ``prepare`` has made is still there."""
        ...

    async def prepare(self) -> None:
        """Do what can be done without the function. Raises OSError and InvalidEntrypoint; ``stop`` follows then."""
        ...


@dataclass(slots=True, eq=False)
class Shelf:
    """The spares of one function version. touched: loop time of its last start."""

    spec: FunctionSpec
    touched: float
    ready: list[Spare] = field(default_factory=list)
    preparing: asyncio.Task[None] | None = None


class Spares:
    """All spares of a driver. make: a new environment, not started. short: whether the host lacks memory."""

    def __init__(
        self,
        make: Callable[[FunctionSpec], Spare],
        emit: Emit,
        short: Callable[[], bool] = procfs.memory_is_short,
    ) -> None:
        self._make = make
        self._emit = emit
        self._short = short
        self._shelves: dict[tuple[str, str], Shelf] = {}  # the one touched last is last
        self._stopping: set[asyncio.Task[None]] = set()
        self._look: asyncio.Task[None] | None = None

    def counts(self) -> dict[str, int]:
        """Ready ones, by function."""
        counted: Counter[str] = Counter()
        for shelf in self._shelves.values():
            counted[shelf.spec.name] += len(shelf.ready)
        return dict(counted)

    def take(self, spec: FunctionSpec) -> Spare | None:
        """One that is ready, which is a spare no more; None when there is none."""
        shelf = self._shelves.get((spec.name, spec.version))
        if shelf is None:
            return None
        if shelf.spec != spec:
            self._give_up(shelf)
            return None
        while shelf.ready:
            spare = shelf.ready.pop()
            if spare.prepared:
                return spare
            self._stop(spare)
        return None

    def want(self, spec: FunctionSpec) -> None:
        """A start has gone well: the function is in use, and has as many spares as it is to have before long."""
        if not spec.prefork or spec.initialization_type != ON_DEMAND:
            return
        key, now = (spec.name, spec.version), asyncio.get_running_loop().time()
        shelf = self._shelves.pop(key, None)
        if shelf is not None and shelf.spec != spec:
            self._give_up(shelf)
            shelf = None
        self._shelves[key] = shelf = shelf or Shelf(spec, now)
        shelf.touched = now
        self._fill(shelf)
        if self._look is None or self._look.done():
            self._look = asyncio.get_running_loop().create_task(self._keep(), name="spares")

    async def close(self) -> None:
        """Stop all."""
        tasks = [self._look] if self._look is not None else []
        for shelf in list(self._shelves.values()):
            tasks += [shelf.preparing] if shelf.preparing is not None else []
            self._give_up(shelf)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._stopping:
            await asyncio.wait(set(self._stopping))

    def _fill(self, shelf: Shelf) -> None:
        if shelf.preparing is None and len(shelf.ready) < shelf.spec.prefork and not self._short():
            name = f"spare {shelf.spec.name}"
            shelf.preparing = asyncio.get_running_loop().create_task(self._prepare(shelf), name=name)

    async def _prepare(self, shelf: Shelf) -> None:
        """Until the function has all it is to have, or one cannot be made: the next start then says why, and to whom it matters."""
        try:
            while len(shelf.ready) < shelf.spec.prefork:
                spare = self._make(shelf.spec)
                try:
                    await spare.prepare()
                except BaseException:
                    self._stop(spare)
                    raise
                shelf.ready.append(spare)
                self._bound()
        except (OSError, InvalidEntrypoint):
            pass
        except Exception as error:  # noqa: BLE001  # ours; starts go on without spares
            trace = "".join(traceback.format_exception(error))
            part = f"spares of {shelf.spec.name}"
            self._emit(DefectFoundError(part=part, message=repr(error), trace=trace, retry_seconds=0.0))
        finally:
            shelf.preparing = None

    def _bound(self) -> None:
        """No more than there may be."""
        while sum(len(shelf.ready) for shelf in self._shelves.values()) > MOST:
            first = next(shelf for shelf in self._shelves.values() if shelf.ready)
            self._stop(first.ready.pop(0))

    async def _keep(self) -> None:
        while self._shelves:
            await asyncio.sleep(LOOK_SECONDS)
            self.look(asyncio.get_running_loop().time())

    def look(self, now: float) -> None:
        """Give up what is not worth its memory any more. now: loop time."""
        short = self._short()
        for shelf in list(self._shelves.values()):
            if short or now - shelf.touched >= KEPT_SECONDS:
                self._give_up(shelf)

    def _give_up(self, shelf: Shelf) -> None:
        self._shelves.pop((shelf.spec.name, shelf.spec.version), None)
        if shelf.preparing is not None:
            shelf.preparing.cancel()
        while shelf.ready:
            self._stop(shelf.ready.pop())

    def _stop(self, spare: Spare) -> None:
        task = asyncio.get_running_loop().create_task(spare.stop(), name=f"stop spare {spare.id}")
        self._stopping.add(task)
        task.add_done_callback(self._stopping.discard)
