"""The server freezes, restarts, or is away when an answer is to be settled: work goes on afterwards, without a hand."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

import pytest

from tests import servers
from tests.faults.scene import Scene
from tests.faults.until import until

pytestmark = [pytest.mark.server, pytest.mark.slow]

CONCURRENCY = 4
BATCH_SIZE = 5
WHY = f"{CONCURRENCY} batches in hand x batch size {BATCH_SIZE}: their leases ran out meanwhile"

Servers = Callable[..., servers.Server]
Scenes = Callable[[servers.Server], Scene]


def working_scene(scene: Scene) -> None:
    """A queue with work for some seconds."""
    queue = scene.queue(visibility=5, max_receives=1000)
    scene.function()
    scene.mapping("work", queue.name, batch_size=BATCH_SIZE, maximum_concurrency=CONCURRENCY)
    queue.send(400, seconds=0.03)


@contextlib.contextmanager
def slowed(server: servers.Server) -> Iterator[None]:
    """Let the server run for 10 ms in every 250: everything takes it twenty-five times as long."""
    stop = threading.Event()

    def run() -> None:
        while not stop.wait(0.01):
            server.freeze()
            stop.wait(0.24)
            server.thaw()

    thread = threading.Thread(target=run, name="slowing the server")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@pytest.mark.timeout(180)
def test_a_slow_server_is_not_asked_for_more_than_it_can_answer(private_ministack: Servers, scene_on: Scenes) -> None:
    """Else answers come too late, what they held is handed out to nobody, and work is done again and again."""
    server = private_ministack()
    scene = scene_on(server)
    queue = scene.queue(visibility=30, max_receives=1000)
    scene.function()
    scene.mapping("work", queue.name, batch_size=100, maximum_batching_window_seconds=1)
    queue.send(1000)
    daemon = scene.daemon()
    daemon.start()
    with slowed(server):
        scene.wait_handled(1000, seconds=120)
    scene.judge("server 25 times slower", bound=0, why="nothing fails, it is only late")
    daemon.stop()


@pytest.mark.timeout(180)
def test_a_frozen_server_makes_the_daemon_unready_until_it_thaws(private_ministack: Servers, scene_on: Scenes) -> None:
    server = private_ministack()
    scene = scene_on(server)
    working_scene(scene)
    daemon = scene.daemon()
    daemon.start()
    scene.wait_handled(40)
    server.freeze()
    try:
        until(lambda: daemon.logged("source failed"), "a request has timed out", 90)
        assert daemon.get("/healthz")[0] == 200
        trouble = until(lambda: str(daemon.readiness("work").get("trouble", "")), "the trouble is told")
        assert server.url in trouble
    finally:
        server.thaw()
    daemon.wait_ready()
    scene.judge("SIGSTOP of the server past its timeouts", bound=CONCURRENCY * BATCH_SIZE, why=WHY)
    daemon.stop()


@pytest.mark.timeout(180)
def test_a_server_that_restarts_is_found_again(private_ministack: Servers, scene_on: Scenes) -> None:
    server = private_ministack(persistent=True)
    scene = scene_on(server)
    working_scene(scene)
    daemon = scene.daemon()
    daemon.start()
    scene.wait_handled(40)
    server.restart()
    scene.judge("restart of the server, which keeps its queues", bound=CONCURRENCY * BATCH_SIZE, why=WHY)
    daemon.stop()


@pytest.mark.timeout(180)
def test_an_answer_that_cannot_be_settled_is_settled_once_the_server_is_back(
    private_ministack: Servers, scene_on: Scenes
) -> None:
    server = private_ministack(persistent=True)
    scene = scene_on(server)
    gate, seen_gate = scene.gate()
    queue = scene.queue(visibility=120, max_receives=1)
    scene.function(reserved_concurrency=1)
    scene.mapping("work", queue.name, batch_size=10)
    queue.send(10, gate=seen_gate)
    daemon = scene.daemon()
    daemon.start()
    until(lambda: len(scene.started()) == 1 and queue.counts() == (0, 10), "the batch runs")
    server.stop()
    gate.touch()
    scene.wait_handled(10)
    until(lambda: daemon.logged("source failed", verb="settle"), "the settling failed")
    server.start()
    scene.judge("server away between answer and delete", bound=0, why="the lease outlasts the outage")
    daemon.stop()
