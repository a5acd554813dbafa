"""One mapping's life in a daemon, in virtual time: started anew after defects, waited for, paused, halted, stopped."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable
from contextlib import AbstractAsyncContextManager

import pytest

from connectors.contract import SourceError
from poller.aio.stop import Stop
from poller.control.checkpoints import StoredCheckpoints
from poller.control.running import NotOursError, Running
from poller.observe.events import Fact, SourceFailedError
from tests.fakes.virtual_time import LoopClock

GRACE = 20.0


class Fake:
    """A mapping that waits for its stop, then takes ``finishing`` seconds to finish."""

    def __init__(self, log: list[str], finishing: float = 0.0, defect: Exception | None = None) -> None:
        self._log = log
        self._finishing = finishing
        self._defect = defect

    async def run(self, stop: Stop) -> None:
        self._log.append("begins")
        try:
            if self._defect is not None:
                raise self._defect
            await stop.wait()
            await asyncio.sleep(self._finishing)
            self._log.append(f"finished: {stop.reason}")
        except asyncio.CancelledError:
            self._log.append("cut")
            raise


class Scene:
    """A mapping in a daemon that runs until the scene is left."""

    def __init__(self, refusals: int = 0, **of_fake: float) -> None:
        self.log: list[str] = []
        self.facts: list[Fact] = []
        self.defects: list[tuple[str, float]] = []
        self.next_defects: list[Exception] = []
        self.taken = False
        self.stop = Stop()
        self._refusals = refusals
        self._of_fake = of_fake
        self.running = Running(
            "m",
            self._build,
            self._take,
            found_defect=lambda error, delay: self.defects.append((repr(error), delay)),
            grace=GRACE,
            clock=LoopClock(),
            emit=self.facts.append,
        )

    def _build(self, checkpoints: StoredCheckpoints | None) -> Fake:
        defect = self.next_defects.pop() if self.next_defects else None
        return Fake(self.log, defect=defect, **self._of_fake)

    def _take(self) -> AbstractAsyncContextManager[None]:
        @contextlib.asynccontextmanager
        async def taking() -> AsyncIterator[None]:
            if self._refusals:
                self._refusals -= 1
                raise SourceError("process 7 runs it")
            self.taken = True
            yield
            self.taken = False

        return taking()

    @contextlib.asynccontextmanager
    async def begun(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.running.run(self.stop))
        await self.settle()
        try:
            yield
        finally:
            self.stop.begin("over")
            await task
            assert not self.taken

    async def settle(self) -> None:
        """Let everything happen that takes no time."""
        for _ in range(20):
            await asyncio.sleep(0)


async def seconds(work: Awaitable[object]) -> float:
    began = LoopClock().now()
    await work
    return LoopClock().now() - began


async def test_it_runs_until_the_stop_and_leaves_then() -> None:
    scene = Scene()
    async with scene.begun():
        assert (scene.running.state, scene.taken, scene.log) == ("running", True, ["begins"])
    assert scene.log == ["begins", "finished: over"]


async def test_a_defect_is_told_and_it_starts_anew_ever_later() -> None:
    scene = Scene()
    scene.next_defects = [ZeroDivisionError("c"), ZeroDivisionError("b"), ZeroDivisionError("a")]
    async with scene.begun():
        await asyncio.sleep(300)
        assert scene.log == ["begins"] * 4
        assert [text for text, _ in scene.defects] == [f"ZeroDivisionError('{name}')" for name in "abc"]
        delays = [delay for _, delay in scene.defects]
        assert 0 < delays[0] < delays[2] <= 60
        assert scene.taken, "it stays ours"


async def test_while_another_process_runs_it_ours_waits_and_takes_over() -> None:
    scene = Scene(refusals=2)
    async with scene.begun():
        assert (scene.log, scene.running.trouble) == ([], "process 7 runs it")
        with pytest.raises(NotOursError, match="process 7 runs it"):
            async with scene.running.halted():
                raise AssertionError
        await asyncio.sleep(30)
        assert (scene.log, scene.running.trouble) == (["begins"], "")
    assert [fact.message for fact in scene.facts if isinstance(fact, SourceFailedError)] == ["process 7 runs it"] * 2


async def test_a_pause_finishes_what_was_begun_and_keeps_the_mapping_ours() -> None:
    scene = Scene(finishing=5.0)
    async with scene.begun():
        assert await seconds(scene.running.pause()) == 0.0
        assert scene.running.state == "pausing"
        await asyncio.sleep(5.1)
        assert (scene.running.state, scene.taken) == ("paused", True)
        assert scene.log == ["begins", "finished: paused"]
        await asyncio.sleep(3600)
        assert scene.log == ["begins", "finished: paused"]
        await scene.running.resume()
        await scene.settle()
        assert (scene.running.state, scene.log[2:]) == ("running", ["begins"])


async def test_a_paused_mapping_stops_at_once() -> None:
    scene = Scene()
    async with scene.begun():
        await scene.running.pause()
        await scene.settle()
        began = LoopClock().now()
    assert LoopClock().now() == began


@pytest.mark.parametrize("paused", [False, True])
async def test_while_halted_nothing_runs_and_then_all_is_as_before(paused: bool) -> None:
    scene = Scene(finishing=5.0)
    async with scene.begun():
        if paused:
            await scene.running.pause()
        async with scene.running.halted():
            assert scene.log[-1].startswith("finished")
            await asyncio.sleep(60)
            assert scene.log.count("begins") == 1
        await scene.settle()
        assert scene.log.count("begins") == (1 if paused else 2)
        assert scene.running.state == ("paused" if paused else "running")


async def test_what_takes_longer_than_the_grace_is_cut() -> None:
    scene = Scene(finishing=900.0)
    async with scene.begun():
        assert await seconds(_halt(scene)) == GRACE
        await scene.settle()
        assert scene.log == ["begins", "cut", "begins"]


async def _halt(scene: Scene) -> None:
    async with scene.running.halted():
        pass


async def test_a_halt_waits_its_turn_and_a_failing_one_leaves_it_running() -> None:
    scene = Scene(finishing=1.0)
    order = []

    async def halt(name: str) -> None:
        async with scene.running.halted():
            order.append(name)
            await asyncio.sleep(10)
            order.append(name)
            raise ZeroDivisionError

    async with scene.begun():
        results = await asyncio.gather(halt("a"), halt("b"), return_exceptions=True)
        assert order == ["a", "a", "b", "b"]
        assert [type(result) for result in results] == [ZeroDivisionError] * 2
        await scene.settle()
        assert scene.running.state == "running"
        assert scene.log[-1] == "begins"


async def test_a_halt_under_way_keeps_the_mapping_ours_through_a_stop_and_no_later_one_begins() -> None:
    scene = Scene()
    task = asyncio.create_task(scene.running.run(scene.stop))
    await scene.settle()
    async with scene.running.halted():
        scene.stop.begin("over")
        await asyncio.sleep(60)
        assert (scene.taken, task.done()) == (True, False)
    await task
    assert not scene.taken
    with pytest.raises(NotOursError, match="the mapping m does not run"):
        async with scene.running.halted():
            raise AssertionError


async def test_cancellation_cuts_what_runs() -> None:
    scene = Scene(finishing=900.0)
    task = asyncio.create_task(scene.running.run(scene.stop))
    await scene.settle()
    scene.stop.begin("over")
    await scene.settle()
    task.cancel()
    await asyncio.wait({task})
    assert scene.log == ["begins", "cut"]


@pytest.mark.parametrize("before", [False, True])
def test_a_part_stops_with_the_whole_at_the_latest(before: bool) -> None:
    whole = Stop()
    if before:
        whole.begin("all")
    part = whole.part()
    whole.begin("all")
    assert (part.soft, part.reason) == (True, "all")


def test_a_part_stops_alone_and_keeps_its_reason() -> None:
    whole = Stop()
    part = whole.part()
    part.begin("mine")
    assert not whole.soft
    whole.begin("all")
    assert part.reason == "mine"
