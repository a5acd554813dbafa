"""A queue here, its function elsewhere: in AWS's own emulator, which goes away in the middle and comes back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import servers
from tests.faults.daemon import Daemon
from tests.faults.scene import FUNCTION, Scene
from tests.faults.until import until

pytestmark = [pytest.mark.server, pytest.mark.slow]


@pytest.fixture
def emulator(scene: Scene, tmp_path: Path) -> Iterator[servers.Server]:
    try:
        variables = scene.variables() | {"JOURNAL": str(scene.journal.path)}  # it runs beside us, in no sandbox
        server = servers.interface_emulator(tmp_path, FUNCTION, "app.handler", **variables)
        server.start()
    except servers.Unavailable as reason:
        pytest.skip(str(reason))
    yield server
    server.kill()


def state(daemon: Daemon) -> Callable[[], dict[str, Any]]:
    """What /readyz tells of the function."""

    def look() -> dict[str, Any]:
        _, body = daemon.get("/readyz")
        found: list[dict[str, Any]] = json.loads(body)["functions"] if body else []
        return found[0] if found else {}

    return look


def test_nothing_is_lost_while_the_server_is_away(scene: Scene, emulator: servers.Server) -> None:
    queue = scene.queue(visibility=2, max_receives=100)
    remote = {"endpoint_url": emulator.url, "function": "function", "concurrency": 1}
    scene.elsewhere(remote, timeout_seconds=10)
    scene.mapping("work", queue.name, batch_size=1)
    daemon = scene.daemon()
    queue.send(30, seconds=0.02)
    daemon.start()
    look = state(daemon)
    scene.wait_handled(5)
    assert look()["ready"]
    emulator.kill()
    until(lambda: look().get("ready") is False, "the function is not ready")
    told = look()["remote"]
    assert told["server"] == emulator.url
    assert told["trouble"]
    assert told["failing_since"] >= told["last_success"]
    assert daemon.get("/readyz")[0] == 503
    until(lambda: daemon.logged("remote failed", kind="unreachable", function="worker"), "the log tells")
    emulator.start()
    until(lambda: look().get("ready") is True, "the function is ready")
    scene.judge("the remote server is killed and comes back", bound=1, why="the message that ran when it was killed")
    daemon.stop()


def test_two_mappings_never_ask_at_once_a_server_that_bears_one(scene: Scene, emulator: servers.Server) -> None:
    """The emulator breaks down when a second invocation comes at once."""
    scene.elsewhere({"endpoint_url": emulator.url, "function": "function", "concurrency": 1})
    queues = [scene.queue(), scene.queue()]
    for number, queue in enumerate(queues):
        scene.mapping(f"work-{number}", queue.name, batch_size=1)
        queue.send(15, seconds=0.02)
    daemon = scene.daemon()
    daemon.start()
    scene.judge("two mappings at a server that bears one", bound=0, why="nothing fails")
    assert daemon.logged("remote failed") == []
    daemon.stop()
