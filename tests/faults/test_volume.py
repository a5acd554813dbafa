"""Ten thousand messages through a configuration as the README has it: each handled once, at its first receive."""

from __future__ import annotations

import pytest

from tests.faults.scene import Scene

pytestmark = [pytest.mark.server, pytest.mark.slow]


@pytest.mark.timeout(240)
def test_ten_thousand_messages_are_each_handled_once(scene: Scene) -> None:
    queue = scene.queue(visibility=30, max_receives=3)
    scene.function(timeout_seconds=30)
    scene.mapping("orders-queue", queue.name, batch_size=100, maximum_batching_window_seconds=1)
    queue.send(10_000)
    daemon = scene.daemon()
    daemon.start()
    scene.wait_handled(10_000, seconds=180)
    scene.judge("none: 10,000 messages", bound=0, why="nothing fails")
    assert {note.receives for note in scene.notes()} == {1}
    assert daemon.logged("defect found") == []
    assert daemon.logged("lease lost") == [], "told only of records that come again"
    daemon.stop()
