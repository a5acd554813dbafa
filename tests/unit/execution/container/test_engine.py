"""Where an engine is looked for, and what is said when there is none."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from poller.execution.container.engine import candidates, find


@pytest.fixture(autouse=True)
def nothing_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DOCKER_HOST", "CONTAINER_HOST", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)


def test_what_is_configured_is_the_only_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///other")
    assert candidates("tcp://127.0.0.1:2375") == ["tcp://127.0.0.1:2375"]


def test_variables_of_the_clients_come_before_the_usual_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/7")
    assert candidates("") == [
        "unix:///run/docker.sock",
        "unix:///run/user/7/docker.sock",
        "unix:///run/podman/podman.sock",
        "unix:///run/user/7/podman/podman.sock",
    ]
    monkeypatch.setenv("CONTAINER_HOST", "unix:///podman")
    monkeypatch.setenv("DOCKER_HOST", "unix:///docker")
    assert candidates("") == ["unix:///docker", "unix:///podman"]


def test_the_first_that_takes_a_connection_is_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        server.listen()
        monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody")
        monkeypatch.setenv("CONTAINER_HOST", f"unix://{tmp_path}/s")
        assert find("") == (f"unix://{tmp_path}/s", "")


@pytest.mark.parametrize(("url", "reason"), [
    ("unix:///nobody/here.sock", "no such file or directory"),
    ("unix:///etc/hostname", "no socket"),
    ("tcp://127.0.0.1:1", "connection refused"),
    ("tcp://127.0.0.1:none", "port could not be cast"),
    ("ssh://host", "neither unix:// nor tcp://"),
])  # fmt: skip
def test_what_was_tried_is_said_with_the_reason(url: str, reason: str) -> None:
    found, trouble = find(url)
    assert found == ""
    assert f"there is no container engine ({url}: {reason}" in trouble
    assert "podman system service" in trouble


def test_without_the_client_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("poller.execution.container.engine.find_spec", lambda _: None)
    assert find("") == ("", "the container driver needs aiodocker: pip install 'pollerd[container]'")
