"""What watches a daemon: its metrics page as Prometheus reads it, the stack's board and alerts on it, and ``pollerd health``."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.compose import FILES, metrics
from tests.servers import Server

TOKEN = "a-word-of-the-test"


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Path]]:
    """A daemon that asks for its token, and its configuration."""
    folder = tmp_path_factory.mktemp("monitoring")
    config = folder / "pollerd.yaml"
    server = Server("pollerd", lambda _port: [sys.executable, "-m", "poller", "run", str(config)], folder)
    config.write_text(f"state: ./state\nhttp: {{listen: '127.0.0.1:{server.port}', token: {TOKEN}}}\n")
    server.start()
    yield server, config
    server.stop()


@pytest.fixture(scope="module")
def page(daemon: tuple[Server, Path]) -> str:
    """Its metrics page."""
    request = urllib.request.Request(f"{daemon[0].url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    with urllib.request.urlopen(request) as answer:
        return str(answer.read().decode())


@pytest.fixture(scope="module")
def promtool() -> str:
    """The checker that comes with Prometheus."""
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("promtool is not installed (Debian: prometheus)")
    return found


def health(config: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "poller", "health", str(config)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_every_metric_that_the_board_and_the_alerts_ask_for_is_on_the_page(page: str) -> None:
    known = set(re.findall(r"^# TYPE (\w+) ", page, re.MULTILINE))
    assert metrics() - known == set()


def test_prometheus_has_nothing_against_the_page(page: str, promtool: str) -> None:
    done = subprocess.run([promtool, "check", "metrics"], input=page, capture_output=True, text=True, check=False)
    assert [line for line in done.stderr.splitlines() if line.startswith("pollerd_")] == []


def test_alerts_go_off_when_they_should(promtool: str) -> None:
    done = subprocess.run(
        [promtool, "test", "rules", FILES / "alerts.test.yml"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_health_is_0_while_the_daemon_answers_and_1_when_nothing_does(
    daemon: tuple[Server, Path], tmp_path: Path
) -> None:
    _, config = daemon
    assert health(config).returncode == 0
    elsewhere = tmp_path / "pollerd.yaml"
    elsewhere.write_text(
        f"state: ./state\nhttp: {{listen: '127.0.0.1:{Server('none', lambda _: [], tmp_path).port}'}}\n"
    )
    done = health(elsewhere)
    assert done.returncode == 1
    assert "no daemon answers" in done.stderr


def test_health_is_1_when_another_daemon_answers(daemon: tuple[Server, Path], tmp_path: Path) -> None:
    server, _ = daemon
    other = tmp_path / "pollerd.yaml"
    other.write_text(f"state: ./state\nhttp: {{listen: '127.0.0.1:{server.port}', token: another-word-than-that}}\n")
    done = health(other)
    assert done.returncode == 1
    assert "not the daemon of this configuration: 401" in done.stderr
