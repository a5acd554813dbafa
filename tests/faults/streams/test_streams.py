"""The faults of queues, for each kind of stream: nothing is lost, no more is repeated than was in hand, and keys keep their order."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from pathlib import Path

import pytest

from tests.faults.flow import flowing, seeded
from tests.faults.oracle import overtaken
from tests.faults.streams.conftest import LANES, Make
from tests.faults.test_daemon_killed import kill_again_and_again
from tests.faults.until import until

pytestmark = [pytest.mark.server, pytest.mark.slow]

BATCH_SIZE = 5
IN_HAND = LANES * BATCH_SIZE
WHY = f"{LANES} lanes x batch size {BATCH_SIZE}"


@pytest.mark.timeout(300)
@pytest.mark.parametrize("factor", [1, 3])
def test_kills_lose_nothing_and_repeat_at_most_a_batch_a_lane(make: Make, factor: int) -> None:
    kills = 4
    chance, seed = seeded()
    scene = make()
    scene.work(batch_size=BATCH_SIZE, parallelization_factor=factor)
    daemon = scene.daemon()
    with flowing(scene.stream, seconds=0.01):
        kill_again_and_again(scene, daemon, chance, kills)
    fault = f"{scene.stream.name}: kill -9, {kills} times, factor {factor} (seed {seed})"
    scene.judge(fault, bound=kills * IN_HAND * factor, why=f"kills x {WHY} x factor")
    daemon.stop()
    assert overtaken(scene.notes()) == []


@pytest.mark.timeout(180)
def test_rollouts_repeat_nothing(make: Make) -> None:
    """SIGTERM in the middle of work, a new start, again and again: what runs is finished and its position kept."""
    scene = make()
    scene.work(batch_size=BATCH_SIZE)
    daemon = scene.daemon()
    with flowing(scene.stream, seconds=0.01):
        for _ in range(2):
            daemon.start()
            scene.wait_more(20)
            daemon.stop()
    daemon.start()
    scene.judge(f"{scene.stream.name}: SIGTERM and a new start, twice", bound=0, why="what runs is finished")
    daemon.stop()
    assert overtaken(scene.notes()) == []


@pytest.mark.timeout(180)
def test_a_frozen_server_is_waited_for(make: Make) -> None:
    scene = make(private=True)
    scene.work(batch_size=BATCH_SIZE)
    scene.stream.send(300, seconds=0.02)
    daemon = scene.daemon()
    daemon.start()
    scene.wait_handled(40)
    scene.server.freeze()
    try:
        until(lambda: daemon.logged("source failed"), "a request has timed out", 90)
        assert daemon.get("/healthz")[0] == 200
    finally:
        scene.server.thaw()
    scene.judge(f"{scene.stream.name}: SIGSTOP of the server past its timeouts", bound=IN_HAND, why=WHY)
    daemon.stop()
    assert overtaken(scene.notes()) == []


@pytest.mark.timeout(180)
def test_poison_is_cut_out_and_nobody_else_suffers(make: Make) -> None:
    """Bisecting finds the one record that always fails; it goes to the destination, the others are handled."""
    scene = make()
    scene.work(
        batch_size=20,
        maximum_batching_window_seconds=1,
        bisect_batch_on_function_error=True,
        maximum_retry_attempts=1,
        **scene.failing_to_files(),
    )
    scene.stream.send(60)
    [poison] = scene.stream.send(1, fail=-1)
    scene.stream.send(60)
    daemon = scene.daemon()
    daemon.start()
    repeated = 20 * 8
    fault = f"{scene.stream.name}: poison, bisected"
    scene.judge(fault, bound=repeated, why="a batch of 20 and its halves, twice each", dead=[poison])
    daemon.stop()
    assert overtaken(note for note in scene.notes() if note.n != poison) == []


@pytest.mark.timeout(180)
def test_partial_responses_repeat_nothing(make: Make) -> None:
    """What is in front of the first failure is done, and is not run again; the rest keeps its order."""
    scene = make()
    scene.work(batch_size=20, partial=True)
    scene.stream.send_each({"fail": 1 if n % 10 == 0 else 0} for n in range(200))
    daemon = scene.daemon()
    daemon.start()
    scene.judge(f"{scene.stream.name}: every tenth record fails once, named", bound=0, why="only the rest comes again")
    daemon.stop()
    assert overtaken(scene.notes()) == []


@pytest.mark.timeout(180)
def test_killed_environments_lose_nothing(make: Make) -> None:
    scene = make()
    scene.work(batch_size=BATCH_SIZE)
    scene.stream.send_each({"exit": 1 if n % 40 == 7 else 0} for n in range(200))
    daemon = scene.daemon()
    daemon.start()
    scene.judge(
        f"{scene.stream.name}: the function's process dies 5 times", bound=5 * BATCH_SIZE, why="deaths x batch size"
    )
    daemon.stop()
    assert overtaken(scene.notes()) == []


@pytest.mark.timeout(180)
def test_a_locked_state_file_delays_and_loses_nothing(make: Make, tmp_path: Path) -> None:
    """Another process holds SQLite's write lock for longer than a checkpoint takes."""
    scene = make()
    scene.work(batch_size=BATCH_SIZE)
    daemon = scene.daemon()
    with flowing(scene.stream, seconds=0.01):
        daemon.start()
        scene.wait_handled(40)
        with contextlib.closing(sqlite3.connect(tmp_path / "state/pollerd.sqlite3", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            time.sleep(2.0)  # what is done meanwhile is told to nobody
            pause = len(scene.notes())
            other.execute("COMMIT")
        until(lambda: len(scene.notes()) > pause, "work goes on")
        daemon.kill()
        daemon.wait_gone()
        daemon.start()
    scene.judge(f"{scene.stream.name}: state file locked, then kill -9", bound=IN_HAND, why=WHY)
    daemon.stop()
    assert overtaken(scene.notes()) == []
