"""What a receive costs: never spent on a message that cannot run, kept alive while it runs, and left to the redrive when it failed."""

from __future__ import annotations

import time

import pytest

from tests.faults.oracle import overtaken
from tests.faults.scene import Scene
from tests.faults.until import INTERVAL, until

pytestmark = [pytest.mark.server, pytest.mark.slow]


def receives(scene: Scene) -> set[int]:
    """All receive counts the handler has seen."""
    return {note.receives for note in scene.notes()}


@pytest.mark.timeout(180)
def test_a_handler_slower_than_the_visibility_timeout_handles_each_message_once(scene: Scene) -> None:
    """Also one that waits for its batch longer than the visibility timeout."""
    slow = scene.queue(visibility=2, max_receives=1)
    waiting = scene.queue(visibility=2, max_receives=1)
    scene.function()
    scene.mapping("slow", slow.name, batch_size=1)
    scene.mapping("waiting", waiting.name, batch_size=1000, maximum_batching_window_seconds=7)
    slow.send(4, seconds=7)
    waiting.send(50)
    daemon = scene.daemon()
    daemon.start()
    scene.judge("handler 7 s, window 7 s, visibility 2 s", bound=0, why="leases are kept")
    assert receives(scene) == {1}
    daemon.stop()


@pytest.mark.timeout(180)
@pytest.mark.parametrize("mappings", [1, 2])
def test_one_slot_and_a_thousand_waiting_messages_burn_no_receive(scene: Scene, mappings: int) -> None:
    """Nothing more is ever in flight than one batch a mapping: what cannot run is not fetched in the first place."""
    batch_size = 10
    scene.function(reserved_concurrency=1)
    queues = [scene.queue(visibility=2, max_receives=1) for _ in range(mappings)]
    for n, queue in enumerate(queues):
        scene.mapping(f"work-{n}", queue.name, batch_size=batch_size)
        queue.send(1000 // mappings, seconds=0.005)
    daemon = scene.daemon()
    daemon.start()
    in_flight = set()
    while scene.handled() < 1000:
        in_flight |= {queue.counts()[1] for queue in queues}
        assert daemon.running, daemon.tail()
        time.sleep(INTERVAL)
    assert max(in_flight) <= batch_size
    scene.judge(f"1,000 waiting, {mappings} mapping(s), 1 slot, 1 receive", bound=0, why="a slot goes before a fetch")
    assert receives(scene) == {1}
    assert daemon.logged("lease lost") == [], "told only of records that come again"
    daemon.stop()


@pytest.mark.timeout(180)
def test_a_poison_message_goes_the_queues_own_way_and_all_others_are_handled(scene: Scene) -> None:
    queue = scene.queue(visibility=2, max_receives=3)
    scene.function()
    scene.mapping("work", queue.name, batch_size=1, maximum_concurrency=4)
    queue.send(50)
    poison = queue.send(2, fail=-1)
    queue.send(50)
    daemon = scene.daemon()
    daemon.start()
    scene.judge("2 poison messages among 100", bound=0, why="one record a batch", dead=poison)
    attempts = [note.receives for note in scene.notes() if note.n in poison]
    assert sorted(attempts) == [1, 1, 2, 2, 3, 3]
    daemon.stop()


@pytest.mark.timeout(180)
def test_of_a_partly_failed_batch_only_the_failed_records_come_again(scene: Scene) -> None:
    queue = scene.queue(visibility=2, max_receives=3)
    scene.function(partial=True)
    scene.mapping("work", queue.name, batch_size=10, function_response_types=["ReportBatchItemFailures"])
    sent = queue.send_each({"fail": 1 if n % 7 == 0 else 0} for n in range(200))
    poison = queue.send(1, fail=-1)
    daemon = scene.daemon()
    daemon.start()
    scene.judge("partial batch failures", bound=0, why="only what failed comes again", dead=poison)
    counts = {n: sorted(note.receives for note in scene.notes() if note.n == n and note.what == "start") for n in sent}
    assert counts == {n: [1, 2] if n % 7 == 0 else [1] for n in sent}
    daemon.stop()


@pytest.mark.timeout(180)
def test_a_failing_group_holds_no_other_group_back(scene: Scene) -> None:
    """The poison's followers share its receives, and its end: a group that fails fails in order."""
    groups = 8
    queue = scene.queue(visibility=5, max_receives=2, fifo=True)
    scene.function(partial=True)
    scene.mapping(
        "work",
        queue.name,
        batch_size=10,
        maximum_concurrency=4,
        function_response_types=["ReportBatchItemFailures"],
    )
    bad = [*queue.send(1, group="bad", fail=-1), *queue.send(3, group="bad")]
    good = queue.send_each({"group": n % groups, "seconds": 0.01} for n in range(10 * groups))
    daemon = scene.daemon()
    daemon.start()
    scene.wait_handled(len(good))
    until(lambda: queue.counts() == (0, 0), "the failing group is dead-lettered")
    notes = scene.notes()
    followers = {note.n for note in notes if note.what == "end"} & set(bad[1:])
    scene.judge("FIFO: a poison group among 8", bound=0, why="groups fail alone", dead=sorted(set(bad) - followers))
    last_try = max(note.at for note in notes if note.n == bad[0])
    assert {note.receives for note in notes if note.n in good} == {1}
    assert max(note.at for note in notes if note.n in good) < last_try, "they did not wait for it"
    assert overtaken(note for note in notes if note.n in good) == []
    assert all(note.at > last_try for note in notes if note.n in followers)
    daemon.stop()
