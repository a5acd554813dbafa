"""The daemon as an operator has it, with functions that a container engine runs."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engines import NAME, Podman, built, serving
from tests.faults.daemon import PROGRAM, Daemon
from tests.faults.scene import Scene
from tests.faults.until import until
from tests.servers import Server

pytestmark = [pytest.mark.server, pytest.mark.slow]


@pytest.fixture(scope="module")
def engine() -> Iterator[Podman]:
    with serving(built()) as started:
        yield started


def function(**more: Any) -> dict[str, Any]:
    return {
        "driver": "container",
        "code": {"image": NAME, "pull": "never"},
        "memory_mb": 1769,
        "network": "none",
    } | more


def written(folder: Path, url: str, more: dict[str, Any] | None = None, **of_function: Any) -> Path:
    """A configuration with one function, of which an environment is kept ready. more: sections."""
    config = folder / "pollerd.json"
    config.write_text(
        json.dumps({
            "state": str(folder / "state"),
            "http": {"listen": "127.0.0.1:0"},
            "container": {"endpoint_url": url},
            "functions": {"orders": function(provisioned_concurrency=1, **of_function)},
            **(more or {}),
        })
    )  # fmt: skip
    return config


def containers(engine: Podman) -> int:
    return len(asyncio.run(engine.containers()))


def test_a_daemon_that_is_killed_leaves_no_container_behind_once_the_next_has_started(
    engine: Podman, tmp_path: Path
) -> None:
    daemon = Daemon(written(tmp_path, engine.url), str(tmp_path))
    daemon.start()
    until(lambda: containers(engine) == 1, "the provisioned environment is there")
    daemon.kill()
    daemon.start()
    until(lambda: containers(engine) == 1, "one of the new daemon's, and none of the old one's")
    assert daemon.logged("image resolved", image=NAME)
    daemon.stop()
    assert containers(engine) == 0


def test_messages_go_to_a_container(engine: Podman, scene: Scene, ministack: Server, tmp_path: Path) -> None:
    queue = scene.queue(visibility=2, max_receives=100)
    mapping = {"source": {"type": "sqs", "queue": queue.name}, "function": "orders", "batch_size": 1}
    aws = {"region": "us-east-1", "endpoint_url": ministack.url}
    more = {"aws": aws, "event_source_mappings": {"work": mapping}}
    daemon = Daemon(written(tmp_path, engine.url, more), str(tmp_path))
    daemon.start()
    queue.send(3)
    queue.wait_empty()
    assert queue.dead() == []
    assert len([line for line in daemon.lines() if str(line.get("event")).startswith("END RequestId")]) >= 3
    daemon.stop()
    assert containers(engine) == 0


def test_without_an_engine_the_daemon_does_not_start(tmp_path: Path) -> None:
    daemon = Daemon(written(tmp_path, f"unix://{tmp_path}/nobody.sock"), str(tmp_path))
    daemon.spawn()
    assert daemon.wait() == 78


def test_check_says_what_was_tried(tmp_path: Path) -> None:
    found = subprocess.run(
        [PROGRAM, "check", written(tmp_path, f"unix://{tmp_path}/nobody.sock")],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert found.returncode == 78
    assert f"there is no container engine (unix://{tmp_path}/nobody.sock: no such file or directory)" in found.stderr
    assert "container.endpoint_url" in found.stderr


def test_invoke_runs_one_event(engine: Podman, tmp_path: Path) -> None:
    event = tmp_path / "event.json"
    event.write_text('{"do": "print", "code": 1}')
    config = written(tmp_path, engine.url, image_config={"command": ["other.handler"]})
    done = subprocess.run(
        [PROGRAM, "invoke", "orders", f"@{event}", "--config", config],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["arguments"] == ["/bootstrap", "other.handler"]
    assert "line 0" in done.stderr
    assert containers(engine) == 0
