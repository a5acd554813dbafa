"""A backlog in virtual time: functions that do as they are told, destinations in lists, a ledger in memory."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from connectors.contract import DeadLetter, InvocationRecord, SourceError
from poller.aio.stop import Stop
from poller.dispatch.backlog import Backlog, Destinations, EventInvokeConfig
from poller.dispatch.slots import Slots
from poller.execution import failures
from poller.execution.contract import Result, Status
from poller.observe.events import Fact
from tests.fakes.ledger import FakeLedger
from tests.fakes.virtual_time import LoopClock

ARN = "arn:aws:lambda:us-east-1:000000000000:function"


def answered(payload: bytes = b'"done"') -> Result:
    return Result(request_id="", status=Status.SUCCESS, payload=payload, executed_version="$LATEST")


def failed(message: str = "no") -> Result:
    payload = b'{"errorMessage":"%b","errorType":"Error"}' % message.encode()
    return Result(request_id="", status=Status.ERROR, payload=payload, error_type="Error")


def away() -> Result:
    payload = failures.body("Remote.Unreachable", "r", "nobody there")
    return Result(request_id="", status=Status.FAILURE, payload=payload, error_type="Remote.Unreachable", taken=False)


@dataclass(frozen=True)
class Run:
    """One invocation. at: seconds since the scene began."""

    at: float
    target: str
    payload: bytes
    request_id: str
    trace_id: str


class Functions:
    """answer: what each run ends with; an exception is raised. seconds: that it takes."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.answer: Callable[[Run], Result | Exception] = lambda _: answered()
        self.seconds = 0.0
        self.runs: list[Run] = []
        self.running = 0
        self.most = 0
        self._now = now

    async def invoke(self, target: str, payload: bytes, *, request_id: str = "", trace_id: str = "") -> Result:
        run = Run(self._now(), target, payload, request_id, trace_id)
        self.runs.append(run)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await asyncio.sleep(self.seconds)
        finally:
            self.running -= 1
        found = self.answer(run)
        if isinstance(found, Exception):
            raise found
        return dataclasses.replace(found, request_id=request_id)

    @property
    def times(self) -> list[float]:
        return [round(run.at, 3) for run in self.runs]


@dataclass
class Told:
    """A destination and a dead-letter target. faults: what it has against the next things that it is told."""

    records: list[InvocationRecord] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)
    faults: list[SourceError] = field(default_factory=list)
    tries: list[float] = field(default_factory=list)
    closed: int = 0

    async def deliver_record(self, record: InvocationRecord) -> None:
        self._try()
        self.records.append(record)

    async def deliver_letter(self, letter: DeadLetter) -> None:
        self._try()
        self.letters.append(letter)

    async def close(self) -> None:
        self.closed += 1

    def _try(self) -> None:
        self.tries.append(asyncio.get_running_loop().time())
        if self.faults:
            raise self.faults.pop(0)


class Scene:
    """configs: by function; others have the defaults."""

    def __init__(
        self, *, concurrency: int = 1000, reserved: dict[str, int] | None = None, ledger: FakeLedger | None = None
    ) -> None:
        self.began = asyncio.get_running_loop().time()
        self.ledger = ledger or FakeLedger()
        self.facts: list[Fact] = []
        self.functions = Functions(lambda: self.now)
        self.slots = Slots(concurrency, reserved or {})
        self.targets: dict[str, Told] = {}
        self.configs: dict[str, EventInvokeConfig] = {}
        self.patience = 3600.0
        self.backlog = self._backlog()

    @property
    def now(self) -> float:
        return asyncio.get_running_loop().time() - self.began

    def config(self, function: str, qualifier: str = "") -> EventInvokeConfig:
        arn = f"{ARN}:{function}"
        found = self.configs.get(function, EventInvokeConfig(function_arn="", arn=""))
        return dataclasses.replace(found, function_arn=arn, arn=f"{arn}:{qualifier or '$LATEST'}")

    def told(self, target: str) -> Told:
        return self.targets.setdefault(target, Told())

    def of(self, kind: type[Fact]) -> list[Fact]:
        return [fact for fact in self.facts if type(fact) is kind]

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Backlog]:
        """While the backlog runs; at the end it is drained."""
        stop = Stop()
        running = asyncio.create_task(self.backlog.run(stop))
        await asyncio.sleep(0.001)
        try:
            yield self.backlog
        finally:
            stop.begin("over")
            await running
            await self.backlog.close()

    async def until(self, true: Callable[[], bool], seconds: float = 100_000) -> None:
        step = 0.01
        async with asyncio.timeout(seconds):
            while not true():
                await asyncio.sleep(step)
                step = min(1.0, step * 1.01)

    def done(self) -> bool:
        """Whether nothing waits any more."""
        return not (self.ledger.rows("async_events") or self.ledger.rows("async_deliveries"))

    def _backlog(self) -> Backlog:
        return Backlog(
            self.ledger,
            slots=self.slots,
            invoker=self.functions,
            configured=self.config,
            destinations=Destinations(records=self.told, letters=self.told),
            retry_delays=(60, 120),
            destination_patience=self.patience,
            clock=LoopClock(),
            emit=self.facts.append,
        )
