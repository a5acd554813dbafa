"""SIGHUP under load: what did not change does not notice, what changed goes on from its place, and nothing is lost or sent to the dead."""

from __future__ import annotations

import signal

import pytest

from tests.faults.reloading import RATE, RELOADS, reload, reload_again_and_again, sending
from tests.faults.scene import Scene
from tests.faults.until import until

pytestmark = [pytest.mark.server, pytest.mark.slow]


@pytest.mark.timeout(240)
def test_reloads_under_load_lose_nothing(scene: Scene) -> None:
    """Function and mapping change each time; every third time another mapping comes or goes.

    The server goes on with long polls whose callers hung up, and hands what comes to nobody for one lease: hence leases that are short,
    and more receives than reloads.
    """
    queue, other = (scene.queue(visibility=15, max_receives=RELOADS + 2) for _ in range(2))
    scene.function(timeout_seconds=10)
    scene.mapping("work", queue.name, batch_size=10)
    daemon = scene.daemon()
    daemon.start()

    def change(number: int) -> None:
        scene.function(timeout_seconds=10 + number % 2, environment=scene.variables() | {"ROUND": str(number)})
        scene.mapping("work", queue.name, batch_size=10 - number % 3)
        if number % 3 == 0:
            scene.mapping("other", other.name, enabled=number % 2 == 0)
            other.send(10)

    with sending(queue):
        reload_again_and_again(daemon, scene, change)
    scene.mapping("other", other.name)
    reload(daemon, scene)
    why = "what a changed mapping began is finished before it goes on, and settled"
    scene.judge(f"{RELOADS} reloads, {RATE} messages a second", bound=0, why=why)
    daemon.stop()


@pytest.mark.timeout(120)
def test_a_broken_file_changes_nothing(scene: Scene) -> None:
    queue = scene.queue()
    scene.function()
    scene.mapping("work", queue.name)
    daemon = scene.daemon()
    daemon.start()
    pid = daemon.pid
    daemon.config.write_text("{")
    daemon.signal(signal.SIGHUP)
    until(lambda: daemon.logged("configuration refused"), "the file was refused")
    scene.write(daemon, stop_timeout_seconds=5, log={"level": "debug"})
    daemon.signal(signal.SIGHUP)
    until(lambda: len(daemon.logged("configuration refused")) == 2, "what takes a restart was refused")
    assert "stop_timeout_seconds and log can be changed by a restart only" in str(
        daemon.logged("configuration refused")[1]
    )
    queue.send(20)
    scene.judge("a broken file at a reload", bound=0, why="nothing was touched")
    assert daemon.pid == pid
    daemon.stop()


@pytest.mark.timeout(120)
def test_what_a_reload_does_not_concern_keeps_its_environments(scene: Scene) -> None:
    queue = scene.queue()
    scene.function()
    scene.function("changing")
    scene.mapping("work", queue.name, batch_size=1, maximum_concurrency=1)
    daemon = scene.daemon()
    daemon.start()
    queue.send(5)
    scene.wait_handled(5)
    scene.function("changing", timeout_seconds=61)
    reload(daemon, scene)
    queue.send(5)
    scene.wait_handled(10)
    starts = [line for line in daemon.lines() if str(line.get("event", "")).startswith("INIT_START")]
    assert len(starts) == 1
    daemon.stop()
