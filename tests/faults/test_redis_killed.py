"""The daemon is killed with records of a Redis list in hand: whoever comes next handles all of them, and few twice."""

from __future__ import annotations

import json
import subprocess
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from tests.faults.oracle import Verdict, ends
from tests.faults.scene import Scene
from tests.faults.until import until
from tests.servers import Server

pytestmark = [pytest.mark.server, pytest.mark.slow]

COUNT = 150
BATCH = 10
KILLS = 2


def cli(server: Server, *words: str) -> str:
    done = subprocess.run(["redis-cli", "-p", str(server.port), *words], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def feed(server: Server, command: str, count: int, **more: Any) -> None:
    """Messages 0, 1, 2 ... by a command that they end."""
    lines = [f"{command} '{json.dumps({'n': n, **more})}'\n" for n in range(count)]
    words = ["redis-cli", "-p", str(server.port)]
    subprocess.run(words, input="".join(lines), check=True, capture_output=True, text=True)


def killed_and_started_again(scene: Scene) -> Verdict:
    """kill -9 in the middle, twice; then all is handled, and the daemon stops as told."""
    daemon = scene.daemon()
    for _ in range(KILLS):
        daemon.start()
        scene.wait_more(30)
        daemon.kill()
        daemon.wait_gone()
    daemon.start()
    scene.wait_handled(COUNT)
    daemon.stop()
    return Verdict(range(COUNT), ends(scene.notes()), [])


def test_a_killed_daemon_loses_no_element_of_a_list(redis: Server, scene_on: Callable[[Server], Scene]) -> None:
    """Two batches run at a time, so each kill repeats what two hold at most."""
    key = f"list-{uuid.uuid4().hex}"
    scene = scene_on(redis)
    scene.function()
    options = {"type": "redis-list", "list": key, "port": redis.port, "lease_seconds": 1}
    scene.source("work", options, batch_size=BATCH, maximum_concurrency=2)
    feed(redis, f"LPUSH {key}", COUNT, seconds=0.01)
    verdict = killed_and_started_again(scene)
    assert verdict.lost == []
    assert verdict.strangers == []
    assert verdict.duplicates <= KILLS * 2 * BATCH
    assert cli(redis, "KEYS", f"*{key}*") == f"{{{key}}}:pollerd:counter"


def test_a_stopped_daemon_leaves_the_rest_to_others(redis: Server, scene_on: Callable[[Server], Scene]) -> None:
    """SIGTERM: what ran is finished, what was never started is another node's at once, though its lease is a minute."""
    key = f"stream-{uuid.uuid4().hex}"
    scene = scene_on(redis)
    gate, seen_as = scene.gate()
    scene.function(handler="streams.handler")
    options = {"type": "redis-stream", "stream": key, "port": redis.port, "data_field": "message", "group": "workers"}
    scene.source("work", {**options, "consumer": "first"}, batch_size=1)
    first = scene.daemon()
    feed(redis, f"XADD {key} * message", 20, gate=seen_as)
    first.start()
    scene.wait_started(0)
    first.signal()
    gate.touch()
    assert first.wait() == 0
    scene.source("work", {**options, "consumer": "second"}, batch_size=1)
    second = scene.daemon()
    second.start()
    scene.wait_handled(20, seconds=30)
    second.stop()
    assert ends(scene.notes()).total() == 20, "nothing was handled twice"


@pytest.mark.parametrize("kind", ["stream", "list"])
def test_a_server_that_is_killed_under_a_handler_repeats_nothing(
    kind: str, private_redis: Callable[..., Server], scene_on: Callable[[Server], Scene]
) -> None:
    """What is in hand stays in hand over the outage, is settled after it, and does not run again."""
    server = private_redis("--appendonly", "yes", "--appendfsync", "always")
    scene = scene_on(server)
    gate, seen_as = scene.gate()
    scene.function(handler="streams.handler" if kind == "stream" else "app.handler")
    options = {
        "type": f"redis-{kind}",
        kind: "orders",
        "port": server.port,
        "lease_seconds": 12,
    }  # noticed at a quarter
    scene.source("work", {**options, **({"data_field": "message"} if kind == "stream" else {})}, batch_size=2)
    feed(server, "XADD orders * message" if kind == "stream" else "LPUSH orders", 10, gate=seen_as)
    daemon = scene.daemon()
    daemon.start()
    scene.wait_started(0)
    server.kill()
    until(lambda: daemon.readiness("work").get("ready") is False, "the outage is told")
    server.start()
    daemon.wait_ready()
    gate.touch()
    scene.wait_handled(10)
    daemon.stop()
    assert ends(scene.notes()).total() == 10
    if kind == "stream":
        assert cli(server, "XPENDING", "orders", "work").splitlines()[0] == "0"
    else:
        assert cli(server, "KEYS", "*") == "{orders}:pollerd:counter"


def test_subscribers_hear_what_is_published_and_a_paused_server_is_found_again(
    private_redis: Callable[..., Server], scene_on: Callable[[Server], Scene]
) -> None:
    server = private_redis()
    scene = scene_on(server)
    scene.function()
    scene.source("work", {"type": "redis-pubsub", "channels": ["news"], "port": server.port}, envelope="sqs")
    daemon = scene.daemon()
    daemon.start()
    until(lambda: cli(server, "PUBLISH", "news", json.dumps({"n": 0})) == "1", "somebody listens")
    scene.wait_handled(1)
    server.stop()
    until(lambda: "cannot reach" in str(daemon.readiness("work").get("trouble")), "the outage is told")
    server.start()
    until(lambda: cli(server, "PUBLISH", "news", json.dumps({"n": 1})) == "1", "somebody listens again")
    scene.wait_handled(2)
    daemon.stop()
