"""A stream mapping against the rules of the service, whatever happens: failures, partial answers, halves, ages, crashes, stops, outages,
rebalances.

The model is what the function saw and what it answered. No record may be lost, skipped or overtaken by a later one of its key; after a
crash at most one batch of each lane comes again, and after a stop none.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.contract import Record, Throttled
from poller.execution.contract import Status
from poller.observe.events import Fact, RecordsDiscarded
from poller.pipeline.stream.marks import lane_of
from tests.fakes.stream_scene import Call, StreamScene
from tests.fakes.virtual_time import VirtualLoop

KEYS = "abcdef"
SETTLING = 0.05
"""Seconds that a write to the store takes, so that a crash can come before it."""

answers = st.tuples(
    st.sampled_from(["ok", "ok", "error", "partial", "nonsense"]), st.integers(0, 9), st.sampled_from([0.0, 0.1, 2.0])
)
steps = st.one_of(
    st.tuples(st.just("send"), st.integers(0, 2), st.sampled_from(KEYS), st.integers(1, 12)),
    st.tuples(st.just("wait"), st.sampled_from([0.0, 0.02, 0.1, 0.5, 3.0, 70.0])),
    st.tuples(st.just("crash"), st.integers(0, 12)),
    st.tuples(st.just("stop")),
    st.tuples(st.just("outage"), st.sampled_from([0.1, 5.0])),
    st.tuples(st.just("deaf")),
    st.tuples(st.just("rebalance"), st.integers(0, 2), st.sampled_from([0.0, 0.1, 5.0])),
)
plans = st.fixed_dictionaries(
    {
        "batch_size": st.integers(1, 5),
        "window": st.sampled_from([0.0, 0.3]),
        "parallelization_factor": st.integers(1, 3),
        "bisect": st.booleans(),
        "maximum_retry_attempts": st.sampled_from([-1, 0, 2]),
        "maximum_record_age": st.sampled_from([-1, -1, 60]),
        "item_failures": st.booleans(),
    }
)


@dataclass
class World:
    """What outlives crashes, and what is found out. done: when it was first known what became of a record."""

    plan: dict[str, Any]
    prefix: bool
    destination: bool
    answers: Iterator[tuple[str, int, float]]
    scene: StreamScene = field(init=False)
    sent: dict[int, tuple[str, str]] = field(default_factory=dict)
    done: dict[int, float] = field(default_factory=dict)
    repeated: set[tuple[int, tuple[str, int], int]] = field(default_factory=set)
    epoch: int = 0
    crashed: bool = False
    done_in: dict[int, int] = field(default_factory=dict)
    running: Counter[tuple[str, int]] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)

    def begin(self, before: StreamScene | None) -> StreamScene:
        self.scene = StreamScene(
            self.function,
            partitions=3,
            prefix=self.prefix,
            destination=self.destination,
            before=before,
            watch=self.look_at,
            **self.plan,
        )
        self.scene.checkpoints.seconds = SETTLING
        return self.scene

    def lane(self, number: int) -> tuple[str, int]:
        partition, key = self.sent[number]
        return partition, lane_of(Record(id="", body="", key=key), self.plan["parallelization_factor"])

    async def function(self, call: Call) -> Any:
        epoch, numbers = self.epoch, call.numbers
        [lane] = {self.lane(number) for number in numbers}
        assert self.running[lane] == 0, "two batches of a lane at once"
        assert numbers == sorted(numbers)
        self.look_at_order(numbers)
        for number in numbers:
            if number in self.done:
                assert self.done_in[number] < epoch, f"{number} ran again although nothing happened"
                self.repeated.add((epoch, lane, number))
        self.running[lane] += 1
        try:
            return await self.answer(call)
        finally:
            if epoch == self.epoch:
                self.running[lane] -= 1

    def look_at_order(self, numbers: list[int]) -> None:
        """Every earlier record of the same key is done, or in this batch before."""
        for number in numbers:
            partition, key = self.sent[number]
            for other, home in self.sent.items():
                if home == (partition, key) and other < number:
                    assert other in self.done or other in numbers, f"{number} overtook {other}"

    async def answer(self, call: Call) -> Any:
        kind, index, seconds = next(self.answers, ("ok", 0, 0.0))
        epoch = self.epoch
        await asyncio.sleep(seconds)
        count = len(call.numbers)
        if kind == "partial" and self.plan["item_failures"]:
            count = index % count
            self.acknowledge(call.numbers[:count], epoch)
            return {
                "batchItemFailures": [{"itemIdentifier": position} for position in reversed(call.positions[count:])]
            }
        if kind == "error" or (kind == "nonsense" and self.plan["item_failures"]):
            self.failed[call.request_id] += 1
            return Status.ERROR if kind == "error" else {"batchItemFailures": [{"itemIdentifier": "unheard of"}]}
        self.acknowledge(call.numbers, epoch)
        return None

    def acknowledge(self, numbers: list[int], epoch: int) -> None:
        for number in numbers:
            self.done.setdefault(number, asyncio.get_running_loop().time())
            self.done_in[number] = epoch

    def look_at(self, fact: Fact) -> None:
        """Records of a lane that were given up are done, too."""
        if isinstance(fact, RecordsDiscarded):
            numbers = [n for n, (home, _) in self.sent.items() if home == fact.partition]
            between = [n for n in numbers if int(fact.first) <= n <= int(fact.last)]
            given_up = [n for n in between if self.lane(n) == self.lane(int(fact.first))]
            assert len(given_up) == fact.count
            self.acknowledge(given_up, self.epoch)


async def play(world: World, program: list[tuple[Any, ...]]) -> None:
    scene = world.begin(None)
    async with scene:
        for step in program:
            scene = await follow(world, scene, step)
        await settled(world, scene)
        look_at_the_end(world, scene)
        scene.stop.begin("end")
        await scene.task


async def settled(world: World, scene: StreamScene) -> None:
    for _ in range(500):
        await asyncio.sleep(10)
        if scene.task.done() or (set(world.done) == set(world.sent) and not scene.mapping.in_hand):
            return


async def follow(world: World, scene: StreamScene, step: tuple[Any, ...]) -> StreamScene:
    match step:
        case ("send", partition, key, count):
            home = scene.stream.partitions[partition]
            world.sent |= dict.fromkeys(scene.send(count, key=key, partition=partition), (home, key))
        case ("wait", seconds):
            await asyncio.sleep(seconds)
        case ("outage", seconds):
            scene.stream.cut()
            await asyncio.sleep(seconds)
            scene.stream.mend()
        case ("rebalance", partition, seconds):
            name = scene.stream.partitions[partition]
            await scene.source.give_up(name)
            assert not any(count for (home, _), count in world.running.items() if home == name)
            await asyncio.sleep(seconds)
            scene.source.take_back(name)
        case ("deaf",):
            scene.checkpoints.faults += [Throttled("busy")]
        case ("crash", turns):
            for _ in range(turns):
                await asyncio.sleep(0)
            await scene.kill()
            world.crashed = True
            scene = next_life(world, scene)
        case ("stop",):
            scene.stop.begin("test")
            await scene.task
            scene = next_life(world, scene)
    return scene


def next_life(world: World, scene: StreamScene) -> StreamScene:
    world.epoch += 1
    world.running.clear()
    new = world.begin(scene)
    new.task = asyncio.create_task(new.mapping.run(new.stop))
    return new


def look_at_the_end(world: World, scene: StreamScene) -> None:
    assert set(world.done) == set(world.sent), "lost"
    assert scene.mapping.in_hand == 0
    assert scene.mapping.running == 0
    if world.prefix:
        last: dict[str, int] = defaultdict(int)
        for number, (partition, _) in world.sent.items():
            last[partition] = max(last[partition], number)
        saved = {partition: int(position) for partition, position in scene.checkpoints.saved.items()}
        assert {p: n for p, n in saved.items() if n} == dict(last)
        for partition, marks in scene.checkpoints.marked.items():
            assert max(map(int, marks.values())) <= saved[partition], "only a crash before its end leaves marks"
    else:
        assert not any(scene.stream.groups["m"].pending.values())
    for count in Counter((epoch, lane) for epoch, lane, _ in world.repeated).values():
        assert count <= world.plan["batch_size"], "more than what was under way comes again"
    assert world.crashed or not world.repeated, "a stop repeats nothing"
    retries = world.plan["maximum_retry_attempts"]
    assert retries < 0 or max(world.failed.values(), default=0) <= retries + 1


@settings(max_examples=100, deadline=None)
@given(plans, st.booleans(), st.booleans(), st.lists(answers, max_size=25), st.lists(steps, min_size=3, max_size=20))
def test_no_record_is_lost_skipped_or_overtaken(
    plan: dict[str, Any],
    prefix: bool,
    destination: bool,
    behaviour: list[tuple[str, int, float]],
    program: list[tuple[Any, ...]],
) -> None:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(play(World(plan, prefix, destination, iter(behaviour)), program))
