"""Provisioned concurrency of the running daemon: there before traffic, used first, kept, and told about."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import Any

import pytest

from tests.faults.daemon import Daemon
from tests.faults.scene import Scene
from tests.faults.until import until

pytestmark = pytest.mark.server


def readiness(daemon: Daemon) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(daemon.get("/readyz")[1])
    return answer


def sample(daemon: Daemon, line: str) -> float:
    """Value of the sample that begins with this text; 0 if there is none."""
    found = [text for text in daemon.get("/metrics")[1].splitlines() if text.startswith(line)]
    return float(found[0].rpartition(" ")[2]) if found else 0.0


def environments(daemon: Daemon) -> list[int]:
    return sorted(daemon.processes() - {daemon.pid})


def test_provisioned_environments_are_ready_before_traffic_and_stay(scene: Scene) -> None:
    queue = scene.queue()
    scene.function(provisioned_concurrency=2, reserved_concurrency=4, idle_timeout_seconds=1)
    scene.mapping("work", queue.name, batch_size=1)
    daemon = scene.daemon()
    daemon.start()
    until(lambda: readiness(daemon)["ready"], "all is ready")
    [function] = readiness(daemon)["functions"]
    assert function["function"] == "worker"
    numbers = {"requested": 2, "allocated": 2, "available": 2, "status": "READY", "status_reason": ""}
    assert function["provisioned_concurrency"] == numbers
    queue.send(10)
    queue.wait_empty()
    assert sample(daemon, 'pollerd_provisioned_invocations_total{function="worker",where="provisioned"}') >= 1
    spilled = sample(daemon, 'pollerd_provisioned_invocations_total{function="worker",where="spillover"}')
    assert sample(daemon, "pollerd_cold_starts_total") <= spilled
    time.sleep(2.0)  # past the idle timeout
    until(lambda: sample(daemon, 'pollerd_environments{function="worker"}') == 2, "only those are left")
    assert sample(daemon, 'pollerd_provisioned_available{function="worker"}') == 2
    daemon.stop()


def test_a_provisioned_environment_that_is_killed_while_idle_is_replaced_before_traffic_needs_it(scene: Scene) -> None:
    queue = scene.queue()
    scene.function(provisioned_concurrency=1, reserved_concurrency=1)
    scene.mapping("work", queue.name, batch_size=1)
    daemon = scene.daemon()
    daemon.start()
    until(lambda: readiness(daemon)["ready"], "all is ready")
    [victim] = environments(daemon)
    os.kill(victim, signal.SIGKILL)
    until(lambda: [pid for pid in environments(daemon) if pid != victim], "another is started")
    until(lambda: sample(daemon, 'pollerd_provisioned_available{function="worker"}') == 1, "it is ready")
    queue.send(1)
    queue.wait_empty()
    assert sample(daemon, "pollerd_cold_starts_total") == 0
    assert sample(daemon, "pollerd_init_seconds_count") == 2
    daemon.stop()
