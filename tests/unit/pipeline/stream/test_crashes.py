"""A crash at the n-th write, for n = 1, 2, 3 ... until a run is clean: nothing is lost, and a lane repeats one batch at most."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from connectors.contract import Record
from poller.pipeline.stream.marks import lane_of
from tests.fakes.checkpoints import FakeCheckpoints
from tests.fakes.stream_scene import Call, StreamScene, frozen

LANES = 3
SIZE = 4
KEYS = "abcdefgh"


class Life:
    """A process until its n-th write, which is not done any more."""

    def __init__(self, crash_at: int) -> None:
        self.crash_at = crash_at
        self.left: FakeCheckpoints | None = None
        self.crashed = asyncio.Event()
        self.done: Counter[int] = Counter()

    def begin(self, before: StreamScene | None = None, **options: Any) -> StreamScene:
        scene = StreamScene(self.function, before=before, batch_size=SIZE, **options)
        writes = iter(range(1, 10_000))

        def write() -> None:
            if next(writes) == self.crash_at:
                self.left = frozen(scene.checkpoints)
                self.crashed.set()

        scene.checkpoints.before = write
        return scene

    async def function(self, call: Call) -> Any:
        await asyncio.sleep(min(call.numbers) % 3 / 10)
        if self.crashed.is_set():
            await asyncio.Event().wait()
        count = len(call.numbers) // 2 if len(call.numbers) == 3 else len(call.numbers)
        self.done.update(call.numbers[:count])
        return {"batchItemFailures": [{"itemIdentifier": position} for position in call.positions[count:]]}


@pytest.mark.parametrize("lanes", [1, LANES])
async def test_a_crash_at_any_write_repeats_one_batch_a_lane_at_most(lanes: int) -> None:
    options: dict[str, Any] = {"parallelization_factor": lanes, "item_failures": True}
    for crash_at in range(1, 1000):
        life = Life(crash_at)
        sent: dict[int, str] = {}
        async with life.begin(**options) as scene:
            for n in range(40):
                sent |= dict.fromkeys(scene.send(1, key=KEYS[n * n % len(KEYS)]), KEYS[n * n % len(KEYS)])
            waiting = asyncio.create_task(life.crashed.wait())
            await asyncio.wait({waiting}, timeout=60)
            waiting.cancel()
            await scene.kill()
        if life.left is None:
            break
        scene.checkpoints = life.left
        next_life = Life(0)
        async with next_life.begin(before=scene, **options) as later:
            await later.quiet(60)
            assert later.checkpoints.saved == {scene.stream.partitions[0]: str(max(sent))}
        assert set(life.done + next_life.done) == set(sent), "lost"
        again = [Record(id="", body="", key=sent[number]) for number in life.done if number in next_life.done]
        repeated = Counter(lane_of(record, lanes) for record in again)
        assert max(repeated.values(), default=0) <= SIZE
    assert crash_at > 10, "there were crashes"
