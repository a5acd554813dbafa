"""Lines on their way elsewhere, whatever the other side does. Time is virtual."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

import pytest

from connectors.contract import Unreachable
from poller.observe import log_shipping
from poller.observe.events import DefectFoundError, Fact, LogEventsDropped, LogShippingFailedError, StopBegan
from poller.observe.log_shipping import EVENT_SIZE, LATE, REFUSED, LogShipping
from tests.fakes.virtual_time import LoopClock
from tests.unit.observe.log_store.told import line


class Far:
    """The other side. failing: what the next puts raise, one after the other."""

    def __init__(self) -> None:
        self.taken: dict[tuple[str, str], list[str]] = {}
        self.failing: list[Exception] = []
        self.lost = 0
        self.closed = False

    async def put(self, group: str, stream: str, events: Sequence[tuple[int, str]]) -> int:
        await asyncio.sleep(0.01)
        if self.failing:
            raise self.failing.pop(0)
        self.taken.setdefault((group, stream), []).extend(message for _, message in events)
        return self.lost

    async def close(self) -> None:
        self.closed = True


class Scene:
    def __init__(self) -> None:
        self.far = Far()
        self.facts: list[Fact] = []
        self.shipping = LogShipping(self.far, "/here", self.facts.append, LoopClock())

    def say(self, *texts: str, stream: str = "s") -> None:
        for text in texts:
            self.shipping(line(text, stream=stream))

    @property
    def all(self) -> list[str]:
        return [message.strip() for messages in self.far.taken.values() for message in messages]

    async def until_sent(self, count: int) -> None:
        async with asyncio.timeout(600):
            while len(self.all) < count:
                await asyncio.sleep(0.1)


@contextlib.asynccontextmanager
async def shipping() -> AsyncIterator[Scene]:
    scene = Scene()
    yield scene
    await scene.shipping.close()
    assert scene.far.closed


async def test_lines_arrive_in_order_under_the_names_they_have_there() -> None:
    async with shipping() as scene:
        scene.say("1", "2")
        scene.say("x", stream="t")
        scene.say("3")
        scene.shipping(StopBegan(reason="x", seconds=1))
        await scene.until_sent(4)
        scene.say("4")
        await scene.until_sent(5)
    assert scene.far.taken == {
        ("/here/aws/lambda/orders", "s"): ["1\n", "2\n", "3\n", "4\n"],
        ("/here/aws/lambda/orders", "t"): ["x\n"],
    }
    assert scene.facts == []


async def test_what_fails_is_told_again_and_nothing_overtakes_it() -> None:
    async with shipping() as scene:
        scene.far.failing = [Unreachable("away"), Unreachable("away")]
        scene.say("1")
        while len(scene.facts) < 2:
            await asyncio.sleep(0.1)
            scene.say("2")
        await scene.until_sent(2)
    assert scene.all[0] == "1"
    assert [type(fact) for fact in scene.facts] == [LogShippingFailedError, LogShippingFailedError]


async def test_beyond_the_bound_the_newest_are_dropped_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_shipping, "MAX_WAITING", 5 * (EVENT_SIZE + 1))
    async with shipping() as scene:
        for _ in range(3):
            scene.say(*"1234567")
            await scene.until_sent(5)
            scene.far.taken.clear()
            await asyncio.sleep(1)
    dropped = LogEventsDropped(place="shipping", count=2, why=LATE)
    assert scene.facts == [dropped] * 3


async def test_what_the_service_will_never_take_is_counted_and_the_rest_goes_on() -> None:
    async with shipping() as scene:
        scene.far.lost = 1
        scene.far.failing = [RuntimeError("ours")]
        scene.say("a", stream="a")
        scene.say("b", stream="b")
        await scene.until_sent(1)
        await asyncio.sleep(1)
    defect, dropped = scene.facts
    assert isinstance(defect, DefectFoundError)
    assert dropped == LogEventsDropped(place="shipping", count=2, why=REFUSED)


async def test_the_end_sends_what_is_left() -> None:
    async with shipping() as scene:
        scene.say("last")
    assert scene.all == ["last"]
    assert scene.facts == []


async def test_the_end_waits_for_nobody_who_is_away_and_counts_what_is_lost() -> None:
    scene = Scene()
    scene.far.failing = [Unreachable("away")] * 100
    scene.say("1", "2")
    began = asyncio.get_running_loop().time()
    await asyncio.sleep(2)
    scene.say("3")
    await scene.shipping.close()
    assert asyncio.get_running_loop().time() - began < 2 + log_shipping.CLOSING_SECONDS + 1
    assert scene.facts[-1] == LogEventsDropped(place="shipping", count=3, why=LATE)
    assert scene.far.closed
