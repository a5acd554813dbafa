"""Faults that only some streams have: shards that split, members that come and go, records that the server has thrown away."""

from __future__ import annotations

import pytest

from tests.faults.flow import flowing
from tests.faults.oracle import overtaken
from tests.faults.streams.conftest import LANES, RESHARDING, Make
from tests.faults.streams.sources import KinesisStream, RedisStream
from tests.faults.until import until

pytestmark = [pytest.mark.server, pytest.mark.slow]

BATCH_SIZE = 5


@pytest.mark.timeout(240)
@pytest.mark.parametrize("shared", [RESHARDING], indirect=True, ids=["kinesis"])
def test_shards_that_split_and_merge_in_mid_stream_keep_the_order_of_keys(make: Make) -> None:
    """The daemon is restarted in between, so that it finds parents half read."""
    scene = make()
    assert isinstance(scene.of, KinesisStream)
    scene.work(batch_size=BATCH_SIZE)
    daemon = scene.daemon()
    with flowing(scene.stream, seconds=0.01):
        daemon.start()
        scene.wait_handled(50)
        scene.of.split()
        scene.wait_more(40)
        daemon.kill()
        daemon.wait_gone()
        scene.of.merge()
        daemon.start()
        scene.wait_more(40)
    scene.judge(
        "kinesis: reshard twice and a kill -9 between", bound=6 * BATCH_SIZE, why="1 kill x 6 shards x batch size"
    )
    daemon.stop()
    assert overtaken(scene.notes()) == []


@pytest.mark.timeout(240)
@pytest.mark.parametrize("shared", ["kafka", "redis-stream"], indirect=True)
def test_daemons_that_come_and_go_share_the_work(make: Make) -> None:
    """Three times a second daemon joins, and one of the two leaves: by SIGTERM, then by SIGKILL, then by SIGTERM again."""
    scene = make()
    scene.work(batch_size=BATCH_SIZE)
    staying, guest = scene.daemon(), scene.daemon(state=str(scene.folder / "state-of-the-guest"))
    staying.start()
    with flowing(scene.stream, seconds=0.01):
        for leave in ("stop", "kill", "stop"):
            guest.start()
            scene.wait_more(60)
            getattr(guest, leave)()
            scene.wait_more(40)
    name = scene.stream.name
    bound = 3 * LANES * BATCH_SIZE
    scene.judge(f"{name}: a second daemon comes and goes, once by SIGKILL", bound=bound, why="3 x 3 lanes x batch size")
    staying.stop()


@pytest.mark.timeout(240)
@pytest.mark.parametrize("shared", ["redis-stream"], indirect=True)
def test_trimmed_records_stop_nothing_and_are_told(make: Make) -> None:
    """What the server threw away is nobody's to handle; what came after it is handled, each once."""
    scene = make()
    assert isinstance(scene.of, RedisStream)
    gate, seen_gate = scene.gate()
    scene.work(batch_size=BATCH_SIZE)
    scene.stream.send(100, gate=seen_gate)
    daemon = scene.daemon()
    daemon.start()
    until(scene.started, "a batch runs")
    scene.of.client.xtrim(scene.of.stream, maxlen=0)
    gone = set(scene.stream.sent)
    scene.stream.send(50)
    gate.touch()
    until(lambda: set(scene.stream.sent) - gone <= scene.handled_ones(), "what came after it is handled")
    daemon.stop()
    assert len(scene.notes()) == len({(note.what, note.n) for note in scene.notes()})
