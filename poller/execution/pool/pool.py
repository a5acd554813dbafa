"""The environments of one function version: the rules are in the package. The caller bounds how many invocations run at once."""

from __future__ import annotations

import asyncio
import dataclasses
import math
import random
import traceback
from collections.abc import Callable

from poller.aio.clock import Clock
from poller.execution.contract import ON_DEMAND, PROVISIONED, Driver, FunctionSpec, Invocation, Result
from poller.execution.pool.growth import Growth
from poller.execution.pool.idle import Idle, Member
from poller.execution.pool.line import Line
from poller.execution.pool.provision import INIT_FAILED, Allocation, Provision
from poller.execution.pool.starts import Starts
from poller.execution.pool.under_way import Starting, Stopping
from poller.observe.events import DefectFoundError, Emit, EnvironmentAwaited, EnvironmentStopped, InvocationPlaced

LOOK_SECONDS = 1.0
"""Between two looks at provisioned environments: whether they still live, are old, or are to be started again."""
SPREAD = 0.1
"""Environments that were started together are not replaced together: each lives up to so much shorter."""


class PoolClosedError(RuntimeError):
    """The pool's environments are stopped or being stopped: nothing runs here any more."""


class Pool:
    """Environments of one function version.

    idle_timeout_seconds: an environment without work for so long is stopped. recycle_after_seconds: one of that age takes no further
    invocation. provisioned: invocations for which ``provision`` starts environments ahead, and keeps them. starts: shared by all pools of
    a host.
    """

    def __init__(
        self,
        spec: FunctionSpec,
        driver: Driver,
        emit: Emit,
        clock: Clock,
        idle_timeout_seconds: float,
        *,
        recycle_after_seconds: float = math.inf,
        provisioned: int = 0,
        starts: Starts | None = None,
    ) -> None:
        self.spec = spec
        self._driver = driver
        self._emit = emit
        self._clock = clock
        self._idle_timeout = idle_timeout_seconds
        self._recycle_after = recycle_after_seconds
        self._starts = starts or Starts()
        self._growth = Growth()
        self._each = spec.max_concurrency
        self._provisioned = provisioned
        self._provision = Provision(math.ceil(provisioned / self._each))
        self._members: set[Member] = set()  # all, those in INIT too
        self._idle = Idle()  # on demand
        self._ready = Idle()  # provisioned
        self._busy: set[Member] = set()
        self._line = Line(self._give_back)
        self._starting = Starting(spec.name)
        self._reaper: asyncio.Task[None] | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._stopping = Stopping()
        self._later: asyncio.TimerHandle | None = None
        self._closed = False
        self._inside = 0  # invocations, waiting or running
        self._at_rest: asyncio.Event | None = None  # of a pool that is being retired

    def counts(self) -> dict[str, int]:
        """Environments by what they do."""
        return {"idle": len(self._idle) + len(self._ready), "busy": len(self._busy), "starting": len(self._starting)}

    @property
    def waiting(self) -> int:
        """Invocations in line for an environment."""
        return len(self._line)

    @property
    def running(self) -> int:
        """Invocations in environments."""
        return self._inside - len(self._line)

    @property
    def allocation(self) -> Allocation:
        """How far provisioned concurrency has got, in invocations."""
        environments = self._provision.shown(len(self._ready))
        most, allocated = self._provisioned, environments.allocated * self._each
        available = min(most, self._ready.places)
        return dataclasses.replace(environments, requested=most, allocated=min(most, allocated), available=available)

    def provision(self) -> None:
        """Start the provisioned environments, and keep as many until ``close``. Called once at most; else there are none."""
        self._keeper = asyncio.get_running_loop().create_task(self._keep(), name=f"provisioned {self.spec.name}")

    async def invoke(self, invocation: Invocation) -> Result:
        """Run one event. Cancelled while it runs: the environment is stopped, never reused half-way; while it waits: it leaves the line.

        Raises PoolClosedError when the pool is closed before there was an environment; what a driver raises, which is a defect.
        """
        self._inside += 1
        try:
            return await self._run(invocation)
        finally:
            self._inside -= 1
            if self._at_rest is not None and not self._inside:
                self._at_rest.set()

    async def _run(self, invocation: Invocation) -> Result:
        member = self._take() or await self._wait()
        if self._keeper is not None:
            self._emit(InvocationPlaced(function=self.spec.name, provisioned=member.provisioned))
        try:
            result = await member.environment.invoke(invocation)
        except BaseException:
            member.running -= 1
            self._retire(member, "cut")
            raise
        self._give_back(member)
        result.environment = member.environment.id
        if member.provisioned:
            result.init_ms = None
        return result

    async def retire(self) -> None:
        """Close as soon as what runs and waits has ended. Nobody may come any more."""
        if self._inside:
            self._at_rest = asyncio.Event()
            await self._at_rest.wait()
        await self.close()

    async def close(self) -> None:
        """Stop all environments; those that are busy or in INIT too. Whoever waits in line is refused."""
        self._closed = True
        self._starts.forget(self)
        if self._later is not None:
            self._later.cancel()
        tasks = [task for task in (*self._starting.tasks, self._reaper, self._keeper) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        while self._line.refuse(PoolClosedError(f"function {self.spec.name} is being stopped")):
            pass
        for member in list(self._members):
            self._end(member, "drain")
        await self._stopping.all()

    def start_next(self, over: Callable[[], None]) -> bool:
        """Begin one start, if there is one to make: its turn has come (starts.py)."""
        now = self._clock.now()
        provisioned = self._missing(now)
        if self._closed or not (provisioned or self._short):
            return False
        if provisioned:
            self._provision.began()
        elif not self._growth.take(now):
            self._want_in(self._growth.due(now))
            return False
        self._starting.begin(self._start(provisioned), lambda: self._start_over(over), provisioned=provisioned)
        return True

    @property
    def _short(self) -> bool:
        """Whether more invocations wait than there is room for in environments that are being started on demand.

        Provisioned ones do not count: until their INIT ends the service runs on demand what comes.
        """
        return len(self._line) > self._each * self._starting.on_demand

    def _missing(self, now: float) -> bool:
        return self._keeper is not None and self._provision.missing(now) > 0

    def _take(self) -> Member | None:
        """An environment with room for one more invocation, which it is given; or None."""
        if self._closed:
            raise PoolClosedError(f"function {self.spec.name} is stopped")
        now = self._clock.now()
        while member := (self._provisioned and self._ready.take()) or self._idle.take():
            if reason := self._unfit(member, now):
                self._retire(member, reason)
                continue
            member.running += 1
            self._busy.add(member)
            if self._each > 1:
                (self._ready if member.provisioned else self._idle).share(member)
            return member
        return None

    async def _wait(self) -> Member:
        """Stand in line for an environment; one is started meanwhile."""
        began = self._clock.now()
        place = self._line.join()
        self._want()
        member = await self._line.come(place)
        self._emit(EnvironmentAwaited(function=self.spec.name, seconds=self._clock.now() - began))
        return member

    def _give_back(self, member: Member) -> None:
        """An invocation in it is over: it has room for another one, or its time is over."""
        member.running -= 1
        now = self._clock.now()
        if reason := self._unfit(member, now):
            self._retire(member, reason)
        else:
            self._offer(member, now)

    def _unfit(self, member: Member, now: float) -> str:
        """Why an environment takes no further invocation; "" if it does."""
        if self._closed:
            return "drain"
        if member.leaving:
            return member.leaving
        if not member.environment.alive:
            return "died"
        if member.provisioned:
            return self._provision.unfit(member)
        return "recycle" if now >= member.ends else ""

    def _offer(self, member: Member, now: float) -> None:
        """Serve the head of the line, as far as there is room; then be idle, or there for who comes next."""
        while self._line and member.room and self._line.serve(member):
            member.running += 1
            self._busy.add(member)
        free = self._ready if member.provisioned else self._idle
        if member.running:
            free.share(member)
            return
        self._busy.discard(member)
        free.put(member, now)
        if not member.provisioned and (self._reaper is None or self._reaper.done()):
            self._reaper = asyncio.get_running_loop().create_task(self._reap(), name=f"idle {self.spec.name}")

    def _want(self) -> None:
        """Ask for turns to start what is missing."""
        if not self._closed and (self._short or self._missing(self._clock.now())):
            self._starts.want(self)

    def _want_in(self, seconds: float) -> None:
        """Ask again when the function may grow again."""
        if self._later is not None:
            self._later.cancel()
        self._later = asyncio.get_running_loop().call_later(seconds, self._want)

    async def _start(self, provisioned: bool) -> None:
        """A new environment, from INIT to its place."""
        member: Member | None = None
        spec = self.spec
        if provisioned and spec.initialization_type == ON_DEMAND:
            spec = dataclasses.replace(spec, initialization_type=PROVISIONED)
        try:
            member = Member(self._driver.environment(spec), provisioned)
            self._members.add(member)
            await member.environment.start()
        except Exception as error:  # noqa: BLE001  # whatever it is, somebody waits for an answer
            if member is not None:
                self._end(member, "defect")
            self._found_defect(error, provisioned=provisioned)
            return
        now = self._clock.now()
        member.ends = now + self._recycle_after * random.uniform(1 - SPREAD, 1)  # noqa: S311  # no secret
        if provisioned and not member.environment.warm:
            self._provision.failed(now, INIT_FAILED)
            self._end(member, "init")
            return
        if provisioned:
            self._provision.started(member)
            self._look()
        self._offer(member, now)

    def _found_defect(self, error: Exception, *, provisioned: bool) -> None:
        """What a driver raised is the answer of the invocation that waits longest; if none does, it is told."""
        delay = self._provision.failed(self._clock.now(), repr(error)) if provisioned else 0.0
        if provisioned or not self._line.refuse(error):
            part, trace = f"environments of {self.spec.name}", "".join(traceback.format_exception(error))
            self._emit(DefectFoundError(part=part, message=repr(error), trace=trace, retry_seconds=delay))

    def _start_over(self, over: Callable[[], None]) -> None:
        """A start has ended, however it did."""
        over()
        self._want()

    async def _keep(self) -> None:
        """Have as many provisioned environments as are asked for: replace those that have died, and those that are old."""
        while True:
            self._look()
            self._want()
            await self._clock.sleep(LOOK_SECONDS)

    def _look(self) -> None:
        for member, reason in self._provision.look(self._ready, self._busy, self._clock.now()):
            self._ready.remove(member)
            self._end(member, reason)

    def _retire(self, member: Member, reason: str) -> None:
        """Let an environment take no further invocation, and stop it as soon as it has none. The first reason counts."""
        member.leaving = member.leaving or reason
        if not member.running:
            self._end(member, member.leaving)
            return
        (self._ready if member.provisioned else self._idle).remove(member)
        if member.provisioned:
            self._provision.gone(member)
            self._want()

    def _end(self, member: Member, reason: str) -> None:
        """Stop an environment, in a task of its own. Idempotent."""
        if member not in self._members:
            return
        self._members.discard(member)
        self._busy.discard(member)
        if member.provisioned:
            self._provision.gone(member)
            self._want()
        self._stopping.begin(member.environment)
        self._emit(EnvironmentStopped(function=self.spec.name, environment=member.environment.id, reason=reason))

    async def _reap(self) -> None:
        """One timer for all: sleep until the longest idle environment is due, stop it, go on while there are any."""
        while member := self._idle.longest:
            rest = member.since + self._idle_timeout - self._clock.now()
            if rest > 0:
                await self._clock.sleep(rest)
                continue
            self._idle.remove(member)
            self._end(member, "idle")
