"""A source that cannot be had keeps its mapping unready, with the reason, and nothing else down; a disabled one is left alone."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests import servers
from tests.acceptance.conftest import DenyingServer
from tests.faults.daemon import Daemon
from tests.faults.scene import Scene
from tests.faults.until import until

pytestmark = [pytest.mark.server, pytest.mark.slow]


def trouble(daemon: Daemon) -> str:
    """What /readyz says is wrong with the mapping "work", once it says anything; the status is 503 then."""
    told = until(lambda: str(daemon.readiness("work").get("trouble", "")), "the trouble is told")
    assert daemon.get("/readyz")[0] == 503
    assert daemon.get("/healthz") == (200, "ok\n")
    return told


def test_a_server_that_is_away_at_start_is_found_when_it_comes(
    private_ministack: Callable[..., servers.Server], scene_on: Callable[[servers.Server], Scene]
) -> None:
    server = private_ministack(persistent=True)
    scene = scene_on(server)
    queue = scene.queue()
    queue.send(10)
    server.stop()
    scene.function()
    scene.mapping("work", queue.name)
    daemon = scene.daemon()
    daemon.spawn()
    assert server.url in trouble(daemon)
    server.start()
    daemon.wait_ready()
    scene.wait_handled(10)
    daemon.stop()


def test_a_queue_that_is_missing_is_found_when_it_comes(scene: Scene) -> None:
    queue = scene.queue(create=False)
    scene.function()
    scene.mapping("work", queue.name)
    daemon = scene.daemon()
    daemon.spawn()
    assert queue.name in trouble(daemon)
    queue.create()
    daemon.wait_ready()
    queue.send(10)
    scene.wait_handled(10)
    daemon.stop()


def test_denied_access_is_told_and_other_mappings_work(scene: Scene, denying_server: DenyingServer) -> None:
    queue = scene.queue()
    queue.send(10)
    scene.function()
    scene.mapping("work", "forbidden", source={"endpoint_url": denying_server.url})
    scene.mapping("other", queue.name)
    daemon = scene.daemon()
    daemon.spawn()
    assert "denies" in trouble(daemon)
    scene.wait_handled(10)
    assert daemon.readiness("other")["ready"] is True
    daemon.stop()


def test_a_disabled_mapping_never_touches_its_source(scene: Scene, denying_server: DenyingServer) -> None:
    disabled, enabled = scene.queue(), scene.queue()
    disabled.send(10)
    enabled.send(10)
    scene.function()
    scene.mapping("off", disabled.name, enabled=False)
    scene.mapping("away", "forbidden", source={"endpoint_url": denying_server.url}, enabled=False)
    scene.mapping("on", enabled.name)
    daemon = scene.daemon()
    daemon.start()
    scene.wait_handled(10)
    assert daemon.readiness("off")["state"] == "disabled"
    assert json.loads(daemon.get("/readyz")[1])["ready"] is True
    daemon.stop()
    assert scene.started() == set(enabled.sent)
    assert disabled.counts() == (10, 0)
    assert denying_server.requests == 0


@pytest.mark.parametrize("visibility", [0, 2])
def test_a_visibility_timeout_too_short_for_the_work_is_told_and_the_mapping_works(
    scene: Scene, visibility: int
) -> None:
    queue = scene.queue(visibility=visibility, max_receives=1000)
    scene.function(timeout_seconds=20)
    scene.mapping("work", queue.name, maximum_batching_window_seconds=1)
    daemon = scene.daemon()
    daemon.start()
    warning = str(daemon.readiness("work")["warning"])
    assert f"lease (visibility timeout) {'is 0 s' if not visibility else 'of 2 s is shorter than the 21 s'}" in warning
    assert "121 s" in warning
    [told] = daemon.logged("lease found short", mapping="work")
    assert (told["level"], told["why"]) == ("warning", warning)
    queue.send(1)
    scene.wait_handled(1)
    daemon.stop()
