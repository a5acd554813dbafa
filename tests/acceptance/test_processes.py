"""Nothing the daemon has started outlives it, however it ends."""

from __future__ import annotations

import signal

import pytest

from tests.faults.scene import Scene
from tests.faults.until import until

pytestmark = [pytest.mark.server, pytest.mark.slow]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL], ids=lambda number: number.name)
def test_no_process_is_left(scene: Scene, number: signal.Signals) -> None:
    """Two environments are busy and one is idle when the end comes."""
    gate, seen_gate = scene.gate()
    busy, idle = scene.queue(), scene.queue()
    scene.function()
    scene.function("quick")
    scene.mapping("busy", busy.name, batch_size=1, maximum_concurrency=2)
    scene.mapping("idle", idle.name, "quick")
    daemon = scene.daemon()
    busy.send(2, gate=seen_gate)
    idle.send(1)
    daemon.start()
    scene.wait_handled(1)
    until(lambda: len(scene.started()) == 3, "both handlers run")
    until(lambda: len(daemon.processes()) >= 4, "the daemon and three environments")
    daemon.signal(number)
    if number is not signal.SIGKILL:
        until(lambda: daemon.logged("stop began"), "the stop began")
        gate.touch()
    assert daemon.wait() == (-signal.SIGKILL if number is signal.SIGKILL else 0)
    daemon.wait_gone()
