"""SIGTERM in the middle of work: what runs is finished, what waits goes back at once, and no rollout dead-letters anything."""

from __future__ import annotations

import pytest

from tests.faults.oracle import ends
from tests.faults.scene import Scene
from tests.faults.until import until

pytestmark = [pytest.mark.server, pytest.mark.slow]

STOP_SECONDS = 30.0
"""The daemon's stop_timeout_seconds unless it is told otherwise."""


@pytest.mark.timeout(180)
def test_sigterm_finishes_what_runs_and_hands_back_what_waits(scene: Scene) -> None:
    """The waiting batch has room for one more, so that a long poll the server has not noticed to be gone takes one at most.

    MiniStack notices none: it goes on with a receive whose caller has hung up, and hands out what it finds to nobody.
    """
    gate, seen_gate = scene.gate()
    running = scene.queue(visibility=8, max_receives=2)
    waiting = scene.queue(visibility=8, max_receives=3)
    scene.function()
    scene.mapping("running", running.name, batch_size=2, maximum_concurrency=2)
    scene.mapping("waiting", waiting.name, batch_size=31, maximum_batching_window_seconds=300, maximum_concurrency=1)
    running.send(4, gate=seen_gate)
    waiting.send(30)
    daemon = scene.daemon()
    daemon.start()
    until(lambda: len(scene.started()) == 2 and running.counts() == (0, 4), "two batches run")
    until(lambda: waiting.counts() == (0, 30), "a batch waits for its window")
    daemon.signal()
    until(lambda: daemon.logged("stop began"), "the stop began")
    gate.touch()
    assert daemon.wait(STOP_SECONDS) == 0
    assert running.counts() == (0, 0)
    assert set(ends(scene.notes())) == set(running.sent)
    visible, _ = waiting.counts()
    assert visible >= 29, "handed back at once, not when the lease ends"
    daemon.wait_gone()
    scene.mapping("waiting", waiting.name, batch_size=31, maximum_batching_window_seconds=1)
    again = scene.daemon()
    again.start()
    scene.judge("SIGTERM in the middle of work", bound=0, why="what runs is finished and settled")
    again.stop()


@pytest.mark.timeout(180)
@pytest.mark.parametrize("how", ["deadline", "second signal"])
def test_a_handler_that_does_not_end_is_cut_and_its_record_comes_again(scene: Scene, how: str) -> None:
    gate, seen_gate = scene.gate()
    queue = scene.queue(visibility=5, max_receives=5)
    scene.function()
    scene.mapping("work", queue.name, batch_size=1, maximum_concurrency=1)  # no poll is left to the server, see above
    queue.send(1, gate=seen_gate)
    daemon = scene.daemon(stop_timeout_seconds=4 if how == "deadline" else 600)
    daemon.start()
    until(scene.started, "the handler runs")
    daemon.signal()
    until(lambda: daemon.logged("stop began"), "the stop began")
    if how == "second signal":
        daemon.signal()
    assert daemon.wait() == 0
    daemon.wait_gone()
    gate.touch()
    daemon.start()
    scene.judge(f"SIGTERM, handler cut by the {how}", bound=0, why="what was cut had not ended")
    daemon.stop()


@pytest.mark.timeout(180)
def test_more_rollouts_than_receives_dead_letter_nothing(scene: Scene) -> None:
    rollouts, receives = 4, 3
    queue = scene.queue(visibility=5, max_receives=receives)
    scene.function()
    scene.mapping("work", queue.name, batch_size=5, maximum_concurrency=4)
    queue.send(400, seconds=0.03)
    daemon = scene.daemon()
    for _ in range(rollouts):
        daemon.start()
        scene.wait_more(40)
        daemon.stop()
    daemon.start()
    scene.judge(f"{rollouts} rollouts with at most {receives} receives", bound=0, why="every stop drains")
    daemon.stop()
