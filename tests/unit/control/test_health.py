"""Health of a mapping that runs, in virtual time: its client hangs, its source is away, its function is slow, or there is nothing to do."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

from connectors.contract import Outcome, Record, Unreachable
from poller.aio.stop import Stop
from poller.control.health import Health
from poller.control.running import Running
from poller.dispatch.slots import Slots
from poller.envelope import envelope
from poller.execution.contract import Result, Status
from poller.observe.courses import Courses
from poller.observe.events import Fact, MappingRebuilt, MappingRecovered, MappingStalledError
from poller.pipeline.mapping import Mapping
from poller.pipeline.plan import QueuePlan
from tests.fakes.source import FakeSource
from tests.fakes.virtual_time import LoopClock

LIMIT = 300.0
FACTS = (MappingStalledError, MappingRebuilt, MappingRecovered)


class Deaf(FakeSource):
    """One whose client library hangs, and hears of no cancellation, until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.let_go = asyncio.Event()

    async def fetch(self, room: int, wait_seconds: float) -> list[Record]:
        while not self.let_go.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await self.let_go.wait()
        return await super().fetch(room, wait_seconds)


class Scene:
    """A queue's mapping in a daemon's stead; each of its runs has the next source."""

    def __init__(self, *sources: FakeSource, seconds: float = 0.1, timeout: float = 3.0, slots: int = 10) -> None:
        self.sources = list(sources)
        self.built: list[FakeSource] = []
        self.facts: list[Fact] = []
        self.seconds = seconds
        self.fails = False
        self.slots = Slots(slots, {})
        self.timeout = timeout
        self.stop = Stop()
        self.courses = Courses(LoopClock().epoch)
        self.running: Running[Any] = Running(
            "m",
            lambda _: self._build(),
            contextlib.nullcontext,
            found_defect=lambda error, _: self.facts.append(error),  # type: ignore[arg-type]  # asserted to be none
            grace=20.0,
            clock=LoopClock(),
            emit=self.emit,
        )
        keys = SimpleNamespace(unhealthy_after_seconds=LIMIT, maximum_batching_window_seconds=0.0)
        settings = SimpleNamespace(event_source_mappings={"m": keys})
        configured: Any = SimpleNamespace(settings=settings, mappings={"m": self.running})
        self.health = Health(configured, self.courses, lambda: self.stop.soft, clock=LoopClock(), emit=self.emit)

    def _build(self) -> Mapping:
        source = self.sources[min(len(self.built), len(self.sources) - 1)]
        self.built.append(source)
        plan = QueuePlan(
            name="m",
            function="f",
            timeout=self.timeout,
            batch_size=10,
            window=0.0,
            criteria=None,
            item_failures=False,
            envelope=lambda identity: envelope("sqs", identity, window=False),
        )
        return Mapping(
            plan,
            source,
            claim=self.slots.claim("f", "m"),
            ceiling=1,
            invoker=self,
            clock=LoopClock(),
            emit=self.emit,
        )

    async def invoke(self, target: str, payload: bytes, *, request_id: str = "") -> Result:
        await asyncio.sleep(self.seconds)
        if self.fails:
            payload = b'{"errorType": "Boom", "errorMessage": "no table"}'
            return Result(request_id="r", status=Status.ERROR, payload=payload, error_type="Boom")
        return Result(request_id="r", status=Status.SUCCESS, payload=b"null")

    def emit(self, fact: Fact) -> None:
        self.courses.emit(fact)
        self.facts.append(fact)

    @property
    def told(self) -> list[str]:
        return [type(fact).__name__ for fact in self.facts if isinstance(fact, (*FACTS, Exception))]

    @property
    def reason(self) -> str:
        return next(fact.reason for fact in self.facts if isinstance(fact, MappingStalledError))

    @contextlib.asynccontextmanager
    async def begun(self) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(each) for each in (self.running.run(self.stop), self.health.run(self.stop))]
        try:
            yield
        finally:
            self.stop.begin("over")
            await asyncio.gather(*tasks)


async def test_an_idle_mapping_is_healthy_for_ever() -> None:
    scene = Scene(FakeSource())
    async with scene.begun():
        await asyncio.sleep(100 * LIMIT)
        assert (scene.told, scene.health.healthy(), len(scene.built)) == ([], {"m": 1.0}, 1)


async def test_a_client_that_hangs_is_found_replaced_and_the_mapping_goes_on_with_what_waits() -> None:
    hanging, sound = FakeSource(), FakeSource()
    hanging.faults["fetch"] = [1e9]
    scene = Scene(hanging, sound)
    async with scene.begun():
        await asyncio.sleep(LIMIT)
        assert scene.told == []
        sound.send("a")
        await asyncio.sleep(60)
        assert scene.told == ["MappingStalledError", "MappingRebuilt", "MappingRecovered"]
        assert "the source owes an answer" in scene.reason
        assert (hanging.is_open, sound.outcomes()) == (False, {"a": Outcome.DELIVERED})


async def test_a_client_that_hears_of_no_cancellation_is_left_behind() -> None:
    deaf, sound = Deaf(), FakeSource()
    scene = Scene(deaf, sound)
    sound.send("a")
    async with scene.begun():
        asyncio.get_running_loop().call_later(LIMIT + 200, deaf.let_go.set)
        await asyncio.sleep(LIMIT + 120)
        told, outcomes = scene.told, sound.outcomes()
        await asyncio.sleep(200)
    assert told == ["MappingStalledError", "MappingRebuilt", "MappingRecovered"]
    assert outcomes == {"a": Outcome.DELIVERED}


async def test_one_that_hangs_again_is_rebuilt_once_only_and_stays_unhealthy() -> None:
    sources = [FakeSource(), FakeSource(), FakeSource()]
    for source in sources:
        source.faults["fetch"] = [1e9]
    scene = Scene(*sources)
    async with scene.begun():
        await asyncio.sleep(20 * LIMIT)
        assert scene.told == ["MappingStalledError", "MappingRebuilt"]
        assert (len(scene.built), scene.health.healthy()) == (2, {"m": 0.0})
        assert scene.health.stalled_since("m") is not None


async def test_a_source_that_is_away_makes_it_unhealthy_until_it_works() -> None:
    source = FakeSource()
    source.faults["open"] = [Unreachable("no route to the queue")] * 40
    scene = Scene(source)
    async with scene.begun():
        await asyncio.sleep(LIMIT + 30)
        assert scene.told == ["MappingStalledError", "MappingRebuilt"]
        assert "no route to the queue" in scene.reason
        await asyncio.sleep(3600)
        assert scene.told[2:] == ["MappingRecovered"]


async def test_a_handler_of_fifteen_minutes_is_healthy() -> None:
    source = FakeSource()
    source.send("a", "b")
    scene = Scene(source, seconds=899.0, timeout=900.0)
    async with scene.begun():
        await asyncio.sleep(2000)
        assert (scene.told, len(scene.built), len(source.outcomes())) == ([], 1, 2)


async def test_a_function_that_fails_for_long_is_unhealthy_with_its_error_and_nothing_is_rebuilt() -> None:
    source = FakeSource()
    scene = Scene(source)
    scene.fails = True
    async with scene.begun():
        for n in range(40):
            source.send(f"m{n}")
            await asyncio.sleep(10)
        assert scene.told == ["MappingStalledError"]
        assert "Boom: no table" in scene.reason
        scene.fails = False
        source.send("good")
        await asyncio.sleep(60)
        assert scene.told == ["MappingStalledError", "MappingRecovered"]
        assert len(scene.built) == 1


async def test_one_that_gets_no_slot_is_unhealthy_and_says_so() -> None:
    scene = Scene(FakeSource(), slots=1)
    other = await scene.slots.claim("f", "other").acquire()
    async with scene.begun():
        await asyncio.sleep(2 * LIMIT)
        assert scene.told == [], "nothing is known to wait: it has not been asked"
        other.release()


async def test_one_that_is_paused_is_not_judged() -> None:
    hanging = FakeSource()
    hanging.faults["fetch"] = [1e9]
    scene = Scene(hanging)
    async with scene.begun():
        await scene.running.pause()
        await asyncio.sleep(10 * LIMIT)
        assert scene.told == []
