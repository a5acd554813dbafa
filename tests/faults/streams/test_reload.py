"""Reloads of a stream's mapping and function under load: each keeps its place."""

from __future__ import annotations

import pytest

from tests.faults.oracle import overtaken
from tests.faults.reloading import RATE, RELOADS, reload_again_and_again, sending
from tests.faults.streams.conftest import Make

pytestmark = [pytest.mark.server, pytest.mark.slow]


@pytest.mark.timeout(400)
def test_reloads_under_load_lose_and_repeat_nothing(make: Make) -> None:
    """Function and mapping change each time, so that nothing is as it was but the place in the stream."""
    scene = make()
    scene.work(batch_size=100)
    daemon = scene.daemon()
    daemon.start()

    def change(number: int) -> None:
        scene.function(handler="streams.handler", environment=scene.variables() | {"ROUND": str(number)})
        scene.source("work", scene.of.source(), batch_size=100 + number % 3, starting_position="TRIM_HORIZON")

    with sending(scene.stream):
        reload_again_and_again(daemon, scene, change)
    fault = f"{scene.stream.name}: {RELOADS} reloads, {RATE} messages a second"
    scene.judge(fault, bound=0, why="what a changed mapping began is finished before it goes on")
    daemon.stop()
    assert overtaken(scene.notes()) == []
