"""SIGKILL of the daemon at any instant loses nothing, repeats no more than was in hand, and keeps the order of groups."""

from __future__ import annotations

import random
import time

import pytest

from tests.faults.daemon import Daemon
from tests.faults.flow import flowing, seeded
from tests.faults.oracle import overtaken
from tests.faults.scene import Scene

pytestmark = [pytest.mark.server, pytest.mark.slow]

CONCURRENCY = 4
WHY = f"kills x {CONCURRENCY} batches in hand x batch size"


def live_for_a_while(scene: Scene, chance: random.Random) -> None:
    """Let the daemon live until some instant: while it starts, or while it works."""
    if chance.random() < 0.3:
        time.sleep(chance.uniform(0.0, 1.2))
        return
    scene.wait_more(1)
    time.sleep(chance.uniform(0.0, 0.6))


def kill_again_and_again(scene: Scene, daemon: Daemon, chance: random.Random, kills: int) -> None:
    for _ in range(kills):
        daemon.spawn()
        live_for_a_while(scene, chance)
        assert daemon.running, daemon.tail()
        daemon.kill()
        daemon.wait_gone()
    daemon.start()


@pytest.mark.timeout(300)
def test_ten_kills_lose_nothing_and_repeat_at_most_what_was_in_hand(scene: Scene) -> None:
    kills, batch_size = 10, 5
    chance, seed = seeded()
    queue = scene.queue(visibility=2, max_receives=1000)
    scene.function()
    scene.mapping("work", queue.name, batch_size=batch_size, maximum_concurrency=CONCURRENCY)
    daemon = scene.daemon()
    with flowing(queue, seconds=0.01):
        kill_again_and_again(scene, daemon, chance, kills)
    scene.judge(f"kill -9 of the daemon, {kills} times (seed {seed})", bound=kills * CONCURRENCY * batch_size, why=WHY)
    daemon.stop()


@pytest.mark.timeout(180)
def test_kills_never_make_a_message_overtake_another_of_its_group(scene: Scene) -> None:
    kills, batch_size, groups = 5, 10, 12
    chance, seed = seeded()
    queue = scene.queue(visibility=3, max_receives=1000, fifo=True)
    scene.function()
    scene.mapping("work", queue.name, batch_size=batch_size, maximum_concurrency=CONCURRENCY)
    queue.send_each({"group": n % groups, "seconds": 0.03} for n in range(40 * groups))
    daemon = scene.daemon()
    kill_again_and_again(scene, daemon, chance, kills)
    scene.judge(
        f"kill -9 of the daemon, FIFO, {kills} times (seed {seed})", bound=kills * CONCURRENCY * batch_size, why=WHY
    )
    assert overtaken(scene.notes()) == []
    daemon.stop()
