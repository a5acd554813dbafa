"""Mappings that share one slot: an idle one costs the others nothing, and of busy ones none starves."""

from __future__ import annotations

import time

import pytest

from tests.faults.scene import Scene

pytestmark = [pytest.mark.server, pytest.mark.slow]


@pytest.mark.timeout(180)
def test_an_idle_mapping_does_not_delay_the_messages_of_another(scene: Scene) -> None:
    """The bound is generous, and still far below the long poll of 20 s that an idle mapping sits in."""
    idle, live = scene.queue(), scene.queue()
    scene.function(reserved_concurrency=1)
    scene.mapping("idle", idle.name)
    scene.mapping("live", live.name)
    daemon = scene.daemon()
    daemon.start()
    delays = []
    for _ in range(50):
        sent_at = time.time()
        [number] = live.send(1)
        scene.wait_started(number)
        delays.append(next(note.at for note in scene.notes() if note.n == number) - sent_at)
    first, *rest = delays
    assert max(rest) < 2.0, f"first {first:.3f} s, then {sorted(rest)}"
    daemon.stop()


@pytest.mark.timeout(180)
def test_of_two_busy_mappings_neither_starves(scene: Scene) -> None:
    queues = [scene.queue(visibility=5, max_receives=1) for _ in range(2)]
    scene.function(reserved_concurrency=1)
    for n, queue in enumerate(queues):
        scene.mapping(f"work-{n}", queue.name, batch_size=1)
        queue.send(100, seconds=0.01)
    daemon = scene.daemon()
    daemon.start()
    for queue in queues:
        queue.wait_empty()
    runs = [note.n for note in scene.notes() if note.what == "end"]
    assert sorted(runs) == sorted(queues[0].sent + queues[1].sent)
    first_half = runs[:100]
    shares = [len(set(first_half) & set(queue.sent)) for queue in queues]
    assert min(shares) >= 25, shares
    daemon.stop()


@pytest.mark.timeout(180)
def test_a_flood_on_one_function_keeps_no_other_from_running(scene: Scene) -> None:
    """Both share two slots; the flooded function has six times the work of the other, still the other is done long before."""
    flood, modest = scene.queue(), scene.queue()
    scene.function("busy")
    scene.function("quiet")
    scene.mapping("flood", flood.name, "busy", batch_size=1)
    scene.mapping("modest", modest.name, "quiet", batch_size=1)
    flood.send(120, seconds=0.1)
    daemon = scene.daemon(concurrency=2)
    daemon.start()
    scene.wait_handled(10)
    modest.send(20, seconds=0.1)
    modest.wait_empty()
    ended = [note.n for note in scene.notes() if note.what == "end"]
    left = set(flood.sent) - set(ended)
    assert len(left) >= 60, f"only {len(left)} of the flood were left"
    flood.wait_empty()
    daemon.stop()
