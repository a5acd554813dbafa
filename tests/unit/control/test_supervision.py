"""What feeds the watchdog, and what does not: in virtual time, with mappings that only have a state."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from poller.control.running import Running
from poller.control.store import StoreError
from poller.control.supervision import WEDGED_SECONDS, Supervision
from poller.control.writer import Step, T, Writer
from poller.observe.events import Fact, ProgressMissedError, RecordsPolled, SourceFailedError
from poller.observe.notify import Notify
from tests.fakes.virtual_time import LoopClock

DOWN = SourceFailedError(mapping="m", verb="fetch", kind="Unreachable", message="no route", retry_seconds=1)


class Heard(Notify):
    """Keeps what would be told."""

    def __init__(self, watchdog_seconds: float | None) -> None:
        super().__init__("@", watchdog_seconds)
        self.lines: list[str] = []

    def _tell(self, *lines: str) -> None:
        self.lines += lines


class File(Writer):
    """A state file whose threads answer when they are let; real ones know no virtual time."""

    def __init__(self) -> None:
        super().__init__(Path("/nowhere"))
        self.answers = asyncio.Event()
        self.answers.set()
        self.full = False
        self.asked = 0

    async def write(self, step: Step[T], then: object = None, *, forced: bool = False) -> T:
        del then, forced
        return await self.read(step)

    async def read(self, step: Step[T]) -> T:
        self.asked += 1
        await self.answers.wait()
        if self.full:
            raise StoreError("the disk is full")
        return step(cast("Any", None))


@dataclass
class Polling:
    in_hand: int = 0


@dataclass
class Life:
    state: str = "running"
    mapping: Polling | None = field(default_factory=Polling)


class Scene:
    def __init__(self, watchdog_seconds: float | None = 30.0) -> None:
        self.notify = Heard(watchdog_seconds)
        self.life = Life()
        self.waiting = 0
        self.facts: list[Fact] = []
        self.shown: dict[str, Any] = {"mapping": "m", "ready": True, "state": "polling"}
        self.writer = File()
        self.supervision = Supervision(
            self.notify,
            cast("dict[str, Running[Any]]", {"m": self.life}),
            lambda: {"": self.waiting},
            lambda: [self.shown],
            writer=self.writer,
            stop_seconds=30,
            clock=LoopClock(),
            emit=self.facts.append,
        )


@pytest.fixture
def scene() -> Scene:
    return Scene()


async def _later(seconds: float) -> None:
    await asyncio.sleep(seconds)


@pytest.mark.asyncio
async def test_a_mapping_that_says_nothing_for_no_reason_is_wedged(scene: Scene) -> None:
    assert scene.supervision.wedged() == []
    await _later(WEDGED_SECONDS)
    assert scene.supervision.wedged() == []
    await _later(1)
    assert scene.supervision.wedged() == ["m"]


@pytest.mark.asyncio
@pytest.mark.parametrize("fact", [RecordsPolled(mapping="m", count=0, seconds=0), DOWN])
async def test_an_empty_queue_and_a_broker_that_is_away_are_progress(scene: Scene, fact: Fact) -> None:
    for _ in range(10):
        scene.supervision.heard(fact)
        await _later(WEDGED_SECONDS)
        assert scene.supervision.wedged() == []


@pytest.mark.asyncio
@pytest.mark.parametrize("reason", ["paused", "not begun", "records in hand", "no slot"])
async def test_a_reason_to_stand_still_is_one_and_time_begins_anew_after_it(scene: Scene, reason: str) -> None:
    scene.life.state = "paused" if reason == "paused" else "running"
    scene.life.mapping = None if reason == "not begun" else Polling(in_hand=int(reason == "records in hand"))
    scene.waiting = int(reason == "no slot")
    for _ in range(3):
        await _later(WEDGED_SECONDS)
        assert scene.supervision.wedged() == []

    scene.life.state, scene.life.mapping, scene.waiting = "running", Polling(), 0
    assert scene.supervision.wedged() == []
    await _later(WEDGED_SECONDS + 1)
    assert scene.supervision.wedged() == ["m"]


async def _rounds(scene: Scene, seconds: float) -> None:
    """Let it tell for so long."""
    keeping = asyncio.create_task(scene.supervision.keep())
    await _later(seconds)
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)


@pytest.mark.asyncio
async def test_progress_is_told_in_each_round_with_a_line(scene: Scene) -> None:
    await _rounds(scene, 11)

    assert scene.notify.lines == ["WATCHDOG=1", "STATUS=1 of 1 mappings are ready"] * 3


@pytest.mark.asyncio
async def test_a_full_disk_is_an_answer(scene: Scene) -> None:
    scene.writer.full = True
    await _rounds(scene, 1)

    assert scene.notify.lines[0] == "WATCHDOG=1"


@pytest.mark.asyncio
async def test_a_wedged_mapping_feeds_nothing_and_is_told_once(scene: Scene) -> None:
    scene.supervision.heard(DOWN)
    await _later(WEDGED_SECONDS + 1)
    await _rounds(scene, 60)

    assert "WATCHDOG=1" not in scene.notify.lines
    assert scene.facts == [ProgressMissedError(mappings=("m",), seconds=WEDGED_SECONDS)]


@pytest.mark.asyncio
async def test_a_state_file_that_does_not_answer_feeds_nothing(scene: Scene) -> None:
    scene.writer.answers.clear()
    await _rounds(scene, 60)

    assert scene.notify.lines == []


@pytest.mark.asyncio
async def test_the_line_names_who_waits_and_why(scene: Scene) -> None:
    scene.shown = {"mapping": "m", "ready": False, "state": "connecting", "trouble": "no route"}

    scene.supervision.ready()

    assert scene.notify.lines == ["READY=1", "STATUS=0 of 1 mappings are ready; m: no route"]


@pytest.mark.asyncio
async def test_nobody_who_watches_nobody_who_writes() -> None:
    scene = Scene(None)
    await _rounds(scene, 11)

    assert scene.notify.lines == ["STATUS=1 of 1 mappings are ready"] * 3
    assert scene.writer.asked == 0
