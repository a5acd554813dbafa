"""The scripted driver: environments without processes, in which everything happens as a script says. For tests of what uses environments.

They behave as the contract asks of all: no more invocations at a time than the spec has, a crash leaves them to start again inside the
next invocation, and so does a timeout, unless they run several at once: then it costs a place. Errors have the service's words. What a
script cannot make them do is break that contract; only ``DEFECT`` does.
"""

from __future__ import annotations

import asyncio
import dataclasses
import enum
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Self

from poller.execution import failures
from poller.execution.contract import Driver, Environment, FunctionSpec, Invocation, Opening, Result, Status
from poller.execution.runtime_api import AnswerStream


class Ending(enum.Enum):
    """How an INIT or an invocation ends."""

    WELL = enum.auto()
    RAISED = enum.auto()  # the handler, or the import of its module
    EXITED = enum.auto()  # exit status 1
    KILLED = enum.auto()
    HUNG = enum.auto()  # until it is timed out
    OVERSIZED = enum.auto()  # an answer past the limit
    DEFECT = enum.auto()  # an exception out of the driver


@dataclass(frozen=True, slots=True)
class Act:
    """One INIT or one invocation. seconds: how long it takes. payload: the answer; None: the event itself.

    pieces: the answer in place of a payload, as a stream to whoever wants one, all but the last before the seconds pass; content_type: of
    that.
    """

    ending: Ending = Ending.WELL
    seconds: float = 0.0
    payload: bytes | None = None
    pieces: tuple[bytes, ...] = ()
    content_type: str = "application/octet-stream"


class DefectError(RuntimeError):
    """What ``Ending.DEFECT`` raises."""


WELL = Act()


@dataclass(slots=True)
class Script:
    """What happens in the environments of a driver. Both are asked anew each time: inits per INIT, acts per invocation."""

    init: Callable[[], Act] = lambda: WELL
    act: Callable[[Invocation], Act] = lambda _: WELL


class ScriptedDriver(Driver):
    """Remembers all its environments, in the order in which they were made."""

    def __init__(self, script: Script | None = None) -> None:
        self.script = script or Script()
        self.environments: list[ScriptedEnvironment] = []

    def problems(self, spec: FunctionSpec) -> list[str]:  # noqa: ARG002  # the contract's
        """None: there is nothing that this host would have to have."""
        return []

    def environment(self, spec: FunctionSpec) -> ScriptedEnvironment:
        """A new environment, not yet started."""
        environment = ScriptedEnvironment(f"{len(self.environments):032x}", spec, self.script)
        self.environments.append(environment)
        return environment

    async def close(self) -> None:
        """Nothing is shared."""


class ScriptedEnvironment(Environment):
    """One environment. served: request ids in their order; doing: init, invoke, or "" for nothing; running: invocations, now."""

    def __init__(self, name: str, spec: FunctionSpec, script: Script) -> None:
        self.spec = spec
        self.doing = ""
        self.stopped = False
        self.served: list[str] = []
        self.running = 0
        self._overdue = 0
        self._turn = asyncio.Lock()  # one INIT for all who need it
        self._id = name
        self._script = script
        self._initialised = False
        self._init_ms: float | None = None
        self._ended = asyncio.Event()

    @property
    def id(self) -> str:
        """Its number, as 32 hex digits."""
        return self._id

    @property
    def alive(self) -> bool:
        """Until it is stopped, or nothing runs but what was given up."""
        return not self.stopped and not (self._overdue and not self.running)

    @property
    def capacity(self) -> int:
        """What is given up keeps its place."""
        return self.spec.max_concurrency - self._overdue

    @property
    def warm(self) -> bool:
        """Whether INIT went well, and nothing ended it since."""
        return self._initialised and not self.stopped

    def die(self) -> None:
        """Its process ends, as by the kernel, and with it whatever it runs."""
        self._initialised = False
        self._overdue = 0
        if not self.stopped:
            over, self._ended = self._ended, asyncio.Event()
            over.set()

    async def start(self) -> None:
        """INIT as the script has it."""
        with _Doing(self, "init"):
            began = self._now()
            if await self._init(self.spec.init_seconds) is Ending.WELL:
                self._init_ms = (self._now() - began) * 1000

    async def invoke(self, invocation: Invocation) -> Result:
        """The event as the script has it; INIT first, if there is none to build on, on the invocation's time."""
        with _Doing(self, "invoke"):
            self.served.append(invocation.request_id)
            init_ms, self._init_ms = self._init_ms, None
            began = self._now()
            act = WELL
            async with self._turn:
                ending = Ending.WELL if self.warm else await self._init(self.spec.timeout_seconds)
            if ending is Ending.WELL:
                act = self._script.act(invocation)
                with _Streaming(act, invocation) as streaming:
                    ending = await self._play(act, self.spec.timeout_seconds - (self._now() - began))
                    streaming.rest(ending)
                if ending is Ending.HUNG and self.spec.max_concurrency > 1:
                    self._overdue += 1
                elif ending is Ending.HUNG:
                    self.die()
            result = self._result(invocation, ending, act.payload)
            if act.pieces and ending is Ending.WELL:
                result.payload = b"" if invocation.on_opening else b"".join(act.pieces)
            return dataclasses.replace(result, init_ms=init_ms, duration_ms=(self._now() - began) * 1000)

    async def stop(self) -> None:
        """End at once; what runs is killed."""
        self.stopped = True
        self._ended.set()

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    async def _init(self, limit: float) -> Ending:
        ending = await self._play(self._script.init(), limit)
        self._initialised = ending is Ending.WELL
        return ending

    async def _play(self, act: Act, limit: float) -> Ending:
        """Let it happen; what takes longer than the limit hangs, for those who wait."""
        hangs = act.ending is Ending.HUNG or act.seconds > limit
        ended = self._ended
        try:
            async with asyncio.timeout(limit if hangs else act.seconds):
                await ended.wait()
        except TimeoutError:
            if act.ending is Ending.DEFECT:
                raise DefectError("as the script has it") from None
            if act.ending in {Ending.EXITED, Ending.KILLED} and not hangs:
                self.die()
            return Ending.HUNG if hangs else act.ending
        return Ending.KILLED

    def _result(self, invocation: Invocation, ending: Ending, answer: bytes | None) -> Result:
        """The answer in the service's words."""
        request_id, timeout = invocation.request_id, self.spec.timeout_seconds
        status, kind, payload = {
            Ending.WELL: (Status.SUCCESS, "", invocation.payload if answer is None else answer),
            Ending.RAISED: (Status.ERROR, "Error", failures.body("Error", request_id, "as the script has it")),
            Ending.EXITED: (Status.FAILURE, "Runtime.ExitError", failures.exited(request_id, 1)),
            Ending.KILLED: (Status.FAILURE, "Runtime.ExitError", failures.exited(request_id, -9)),
            Ending.HUNG: (Status.TIMEOUT, "Sandbox.Timedout", failures.timed_out(request_id, timeout)),
            Ending.OVERSIZED: (Status.ERROR, "Function.ResponseSizeTooLarge", failures.too_large(6291556)),
        }[ending]
        return Result(request_id=request_id, status=status, payload=payload, error_type=kind)


class _Streaming:
    """The pieces of an act, on their way to whoever wants them as they come."""

    def __init__(self, act: Act, invocation: Invocation) -> None:
        self._pieces = act.pieces
        self._stream: AnswerStream | None = None
        if act.pieces and invocation.on_opening:
            self._stream = AnswerStream(lambda _hold: None)
            invocation.on_opening(Opening(content_type=act.content_type, pieces=self._stream))

    def __enter__(self) -> Self:
        self._feed(self._pieces[:-1])
        return self

    def rest(self, ending: Ending) -> None:
        """It has ended so."""
        if ending is Ending.WELL:
            self._feed(self._pieces[-1:])

    def _feed(self, pieces: Iterable[bytes]) -> None:
        if self._stream is not None:
            for piece in pieces:
                self._stream.feed(piece)

    def __exit__(self, *_: object) -> None:
        if self._stream is not None:
            self._stream.finish()


class _Doing:
    """While an environment does something. More at once than it may do is the caller's defect, and so is anything after its stop."""

    def __init__(self, environment: ScriptedEnvironment, what: str) -> None:
        self._environment = environment
        self._what = what

    def __enter__(self) -> None:
        environment = self._environment
        one_more = self._what == environment.doing == "invoke" and environment.running < environment.capacity
        if environment.stopped or (environment.doing and not one_more):
            state = environment.doing or "stopped"
            raise DefectError(f"{self._what} in environment {environment.id}, which is: {state}")
        environment.doing = self._what
        environment.running += self._what == "invoke"

    def __exit__(self, *_: object) -> None:
        environment = self._environment
        environment.running -= self._what == "invoke"
        environment.doing = self._what if environment.running else ""
