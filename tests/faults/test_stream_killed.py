"""SIGKILL of the daemon while it reads a stream loses nothing, repeats a batch a lane at most, and keeps the order of keys."""

from __future__ import annotations

import random
import time
from typing import Any

import pytest

from tests.faults.daemon import Daemon
from tests.faults.flow import seeded
from tests.faults.oracle import overtaken
from tests.faults.scene import Scene

pytestmark = [pytest.mark.server, pytest.mark.slow]

KEYS = 24
SHARDS = 2
SIZE = 5
MAPPING: dict[str, Any] = {
    "batch_size": SIZE,
    "starting_position": "TRIM_HORIZON",
    "function_response_types": ["ReportBatchItemFailures"],
}


def kill_again_and_again(scene: Scene, daemon: Daemon, chance: random.Random, kills: int) -> None:
    for _ in range(kills):
        daemon.spawn()
        scene.wait_more(1)
        time.sleep(chance.uniform(0.0, 0.6))
        assert daemon.running, daemon.tail()
        daemon.kill()
        daemon.wait_gone()
    daemon.start()


@pytest.mark.timeout(240)
@pytest.mark.parametrize("lanes", [1, 4])
def test_kills_lose_nothing_repeat_a_batch_a_lane_and_let_no_record_overtake_another_of_its_key(
    scene: Scene, lanes: int
) -> None:
    kills = 6
    chance, seed = seeded()
    stream = scene.stream(SHARDS)
    scene.function(partial=True, reserved_concurrency=SHARDS * lanes)
    scene.source("work", stream.source, **MAPPING, parallelization_factor=lanes)
    stream.send_each({"key": f"key {n % KEYS}", "seconds": 0.02, "fail": n % 50 == 7} for n in range(20 * KEYS * lanes))
    daemon = scene.daemon()
    kill_again_and_again(scene, daemon, chance, kills)
    scene.judge(
        f"kill -9 amid a stream, {lanes} lanes a shard, {kills} times (seed {seed})",
        bound=kills * SHARDS * lanes * SIZE,
        why="kills x shards x lanes x batch size",
    )
    assert overtaken(scene.notes()) == []
    assert daemon.readiness("work")["ready"]
    daemon.stop()


@pytest.mark.timeout(120)
def test_a_stop_amid_a_stream_repeats_nothing(scene: Scene) -> None:
    stream = scene.stream(SHARDS)
    scene.function(partial=True)
    scene.source("work", stream.source, **MAPPING, parallelization_factor=3)
    stream.send_each({"key": f"key {n % KEYS}", "seconds": 0.02} for n in range(20 * KEYS))
    daemon = scene.daemon()
    for _ in range(3):
        daemon.start()
        scene.wait_more(5)
        daemon.stop()
    daemon.start()
    scene.judge("SIGTERM amid a stream, 3 times", bound=0, why="what runs is finished and settled")
    assert overtaken(scene.notes()) == []
    daemon.stop()
