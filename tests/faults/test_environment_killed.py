"""SIGKILL of a function's processes is a failed invocation: its records come again, and the daemon lives on."""

from __future__ import annotations

import contextlib
import os
import signal
import time

import pytest

from tests.faults.daemon import Daemon
from tests.faults.flow import flowing, seeded
from tests.faults.scene import Scene
from tests.faults.until import until

pytestmark = [pytest.mark.server, pytest.mark.slow]


def environments(daemon: Daemon) -> list[int]:
    return sorted(daemon.processes() - {daemon.pid})


@pytest.mark.timeout(180)
def test_killed_environments_lose_nothing_and_repeat_at_most_their_batches(scene: Scene) -> None:
    kills, batch_size = 20, 5
    chance, seed = seeded()
    queue = scene.queue(visibility=3, max_receives=1000)
    scene.function()
    scene.mapping("work", queue.name, batch_size=batch_size, maximum_concurrency=4)
    daemon = scene.daemon()
    daemon.start()
    with flowing(queue, seconds=0.02):
        for _ in range(kills):
            scene.wait_more(1)
            time.sleep(chance.uniform(0.0, 0.2))
            victim = chance.choice(until(lambda: environments(daemon), "there is an environment"))
            with contextlib.suppress(ProcessLookupError):  # it was just being replaced
                os.kill(victim, signal.SIGKILL)
    scene.judge(
        f"kill -9 of environments, {kills} times (seed {seed})",
        bound=kills * batch_size,
        why="kills x batch size: a kill fails one batch",
    )
    assert daemon.logged("defect found") == []
    daemon.stop()
    daemon.wait_gone()
