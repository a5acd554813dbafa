"""SIGKILL of the daemon at any instant loses no asynchronous event that it has accepted."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.conftest import recorder
from tests.faults.events import Events
from tests.faults.flow import flowing, seeded
from tests.faults.scene import Scene

pytestmark = pytest.mark.slow

CONCURRENCY = 4
WHY = f"kills x {CONCURRENCY} events that run"


@pytest.fixture
def making(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[[], Scene]:
    def make() -> Scene:
        scene = Scene(tmp_path, "http://127.0.0.1:1", recorder(request))
        request.addfinalizer(scene.close)
        return scene

    return make


@pytest.mark.timeout(300)
def test_eight_kills_lose_nothing_and_repeat_at_most_what_ran(making: Callable[[], Scene], tmp_path: Path) -> None:
    kills = 8
    chance, seed = seeded()
    scene = making()
    scene.function(reserved_concurrency=CONCURRENCY)
    daemon = scene.daemon()
    events = Events(daemon, "worker", scene.numbers, scene.handled_ones, tmp_path / "state")
    scene.sources.append(events)
    daemon.start()
    with flowing(events, seconds=0.02):
        for _ in range(kills):
            scene.wait_more(1)
            time.sleep(chance.uniform(0.0, 0.8))
            assert daemon.running, daemon.tail()
            daemon.kill()
            daemon.wait_gone()
            daemon.start()
    assert len(events.sent) > kills
    name = f"kill -9 of the daemon with asynchronous events, {kills} times (seed {seed})"
    scene.judge(name, bound=kills * CONCURRENCY, why=WHY)
    daemon.stop()
