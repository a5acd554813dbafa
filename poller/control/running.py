"""One mapping while the daemon runs: kept running, paused, sent elsewhere in its stream.

A mapping that fails by a defect of ours is told loudly, handed back and started anew, with delays: nothing that could recover stays down. A
source that fails never gets here (pipeline/link.py). A stream's mapping is run by one process of those that share a state folder; while
another one has it, ours waits for it as for a source that is away, and it stays ours through pauses.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Generic, Protocol, TypeVar

from connectors.contract import SourceError
from poller.aio.backoff import Backoff
from poller.aio.clock import Clock
from poller.aio.stop import Stop
from poller.control.checkpoints import StoredCheckpoints
from poller.observe.events import Emit, SourceFailedError

RESTARTS = Backoff(first=1.0, cap=60.0)
"""Seconds between a defect and the next start."""
CUTTING = 5.0
"""Seconds for a run that is cut to end, each of CUTS times; then it is left to itself."""
CUTS = 3
TAKING = Backoff(first=0.5, cap=10.0)
"""Seconds until the state folder is asked again for a mapping that another process runs."""


class Runs(Protocol):
    """What polls: a mapping of a queue or of a stream, made for one run."""

    async def run(self, stop: Stop) -> None:
        """Until the stop; returns when everything fetched is settled or handed back."""
        ...


M = TypeVar("M", bound=Runs)
Taken = Callable[[], AbstractAsyncContextManager[StoredCheckpoints | None]]


class NotOursError(Exception):
    """The mapping is not run by this process. The message is a sentence."""


class Running(Generic[M]):
    """A mapping's life in one daemon.

    build: makes it anew for each run. taken: be the one that runs it; gives a stream's checkpoints. found_defect: told of what escaped and
    of the seconds until the next start. grace: seconds that running invocations have to finish before they are cut for a rewind.
    """

    def __init__(
        self,
        name: str,
        build: Callable[[StoredCheckpoints | None], M],
        taken: Taken,
        *,
        found_defect: Callable[[Exception, float], None],
        grace: float,
        clock: Clock,
        emit: Emit,
    ) -> None:
        self._name = name
        self._build = build
        self._taken = taken
        self._found_defect = found_defect
        self._grace = grace
        self._clock = clock
        self._emit = emit
        self._wanted = asyncio.Event()
        self._wanted.set()
        self._at_rest = asyncio.Event()
        self._at_rest.set()
        self._moving = asyncio.Lock()
        self._ours = False
        self._part: Stop | None = None
        self._run: asyncio.Task[None] | None = None
        self._left: asyncio.Future[None] | None = None
        self._strays: set[asyncio.Task[None]] = set()
        self.mapping: M | None = None
        """As it runs now, or ran last; None before."""
        self.checkpoints: StoredCheckpoints | None = None
        """Of a stream, while it is ours."""
        self.trouble = ""
        """Why it is not ours to run; "" when it is."""

    @property
    def state(self) -> str:
        """running, pausing (what was begun is being finished) or paused."""
        if self._wanted.is_set():
            return "running"
        return "paused" if self._at_rest.is_set() else "pausing"

    async def run(self, stop: Stop) -> None:
        """Keep it running until the stop. Cancellation cuts what runs."""
        refusals = 0
        while not stop.soft:
            try:
                async with self._taken() as self.checkpoints:
                    self.trouble, refusals, self._ours = "", 0, True
                    await self._keep_running(stop)
                    async with self._moving:  # a jump that is under way is still ours to make
                        self._ours = False
            except SourceError as error:
                refusals += 1
                delay = TAKING.delay(refusals)
                self.trouble = str(error)
                self._tell(error, delay)
                await stop.or_stop(self._clock.sleep(delay))
            finally:
                self.checkpoints, self._ours = None, False
                for stray in self._strays:
                    stray.cancel()

    async def pause(self) -> None:
        """Fetch nothing more, finish what was begun; returns at once."""
        async with self._moving:
            self._halt("paused")

    async def resume(self) -> None:
        """Go on."""
        async with self._moving:
            self._wanted.set()

    async def renew(self) -> None:
        """Finish what was begun, then go on as ``build`` makes it by now. While it is paused there is nothing to do."""
        async with self._moving:
            if self._wanted.is_set():
                self._halt("changed")
                try:
                    await self._rest()
                finally:
                    self._wanted.set()

    async def rebuild(self) -> bool:
        """Cut what does not finish by itself, then begin anew, with another connection, from the same place. False: it was not running."""
        async with self._moving:
            if not self._wanted.is_set() or self._at_rest.is_set():
                return False
            self._halt("rebuilt")
            try:
                await self._rest()
            finally:
                self._wanted.set()
            return True

    @contextlib.asynccontextmanager
    async def halted(self) -> AsyncIterator[StoredCheckpoints | None]:
        """While this lasts nothing reads the source; afterwards all is as before. Raises NotOursError."""
        async with self._moving:
            if not self._ours:
                raise NotOursError(self.trouble or f"the mapping {self._name} does not run: the daemon starts or stops")
            wanted = self._wanted.is_set()
            self._halt("sent elsewhere")
            try:
                await self._rest()
                yield self.checkpoints
            finally:
                if wanted:
                    self._wanted.set()

    def _halt(self, reason: str) -> None:
        self._wanted.clear()
        if self._part is not None:
            self._part.begin(reason)

    async def _rest(self) -> None:
        """Return when nothing runs; what takes too long is cut, and its records come again."""
        try:
            async with asyncio.timeout(self._grace):
                await self._at_rest.wait()
        except TimeoutError:
            await self._cut()

    async def _cut(self) -> None:
        """End what runs. What hangs in a client library and hears of nothing is left behind: the next run needs nothing that it holds."""
        for _ in range(CUTS):
            if self._run is not None:
                self._run.cancel()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CUTTING):
                    await self._at_rest.wait()
                    return
        if self._left is not None and not self._left.done():
            self._left.set_result(None)
        await self._at_rest.wait()

    async def _keep_running(self, stop: Stop) -> None:
        failures = 0
        while not stop.soft:
            await stop.or_stop(self._wanted.wait())
            if stop.soft or not self._wanted.is_set():
                continue
            error = await self._once(stop)
            if error is not None:
                failures += 1
                delay = RESTARTS.delay(failures)
                self._found_defect(error, delay)
                await stop.or_stop(self._clock.sleep(delay))

    async def _once(self, stop: Stop) -> Exception | None:
        """One run, from open to close; what escaped from it, which is ours whatever it is."""
        self._part = stop.part()
        self._at_rest.clear()
        try:
            self.mapping = self._build(self.checkpoints)
            self._run = asyncio.create_task(self.mapping.run(self._part), name=f"run {self._name}")
            self._left = asyncio.get_running_loop().create_future()
            try:
                await asyncio.wait({self._run, self._left}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                if not self._run.done() and not self._left.done():
                    self._run.cancel()
                    await asyncio.wait({self._run})
            if not self._run.done():
                self._strays.add(self._run)
                self._run.add_done_callback(self._strays.discard)
                return None
            return None if self._run.cancelled() else _defect(self._run.exception())
        finally:
            self._part = None
            self._at_rest.set()

    def _tell(self, error: SourceError, delay: float) -> None:
        kind = type(error).__name__
        fact = SourceFailedError(mapping=self._name, verb="take", kind=kind, message=str(error), retry_seconds=delay)
        self._emit(fact)


def _defect(error: BaseException | None) -> Exception | None:
    """An exception to go on after. What is more than that ends the daemon."""
    if error is not None and not isinstance(error, Exception):
        raise error
    return error
