"""Whose a container is."""

from __future__ import annotations

import os
from pathlib import Path

from poller.execution.container.ownership import daemon_id, lives, state_id


def test_a_state_folder_keeps_its_name(tmp_path: Path) -> None:
    first = state_id(tmp_path / "container")
    assert state_id(tmp_path / "container") == first
    assert state_id(tmp_path / "other") != first


def test_a_daemon_lives_until_it_ends() -> None:
    assert lives(daemon_id())
    boot, pid, started = daemon_id().split("-")
    assert pid == str(os.getpid())
    assert not lives(f"{boot}-{pid}-{int(started) + 1}")  # the number was given to another process
    assert not lives(f"{'0' * 32}-{pid}-{started}")  # the host was started anew
    assert not lives(f"{boot}-4194304-{started}")  # beyond the largest process id
    assert not lives("")
    assert not lives(f"{boot}-x-1")
