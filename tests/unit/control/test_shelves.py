"""What is removed of unpacked code, and what never is."""

from __future__ import annotations

import fcntl
import os
import time
import zipfile
from pathlib import Path

import pytest

from poller.control import shelves, versions
from poller.execution.contract import FunctionSpec
from poller.execution.package import resolve
from poller.execution.package.shelf import IDLE_SECONDS
from poller.settings.model import FunctionSettings, Settings


def unpacked(folder: Path, text: str) -> Path:
    """A package of its own on the shelf, found long ago."""
    with zipfile.ZipFile(folder / "package.zip", "w") as archive:
        archive.writestr("app.py", text)
    found = resolve(folder / "package.zip", folder / "state")
    long_ago = time.time() - IDLE_SECONDS - 10
    os.utime(found, (long_ago, long_ago))
    return found


def spec(task_root: Path) -> FunctionSpec:
    return FunctionSpec(
        name="f", version="$LATEST", arn="", task_root=str(task_root), runtime="python3.11", handler="app.handler",
        timeout_seconds=3, memory_mb=128,
    )  # fmt: skip


def test_what_nobody_names_goes_and_what_runs_stays(tmp_path: Path) -> None:
    used, unused = unpacked(tmp_path, "used"), unpacked(tmp_path, "unused")
    with shelves.kept(tmp_path / "state", [spec(used)]):
        assert used.is_dir()
        assert not unused.exists()


def test_another_daemon_with_this_state_keeps_everything(tmp_path: Path) -> None:
    unused = unpacked(tmp_path, "unused")
    with shelves.kept(tmp_path / "state", [spec(unused)]), shelves.kept(tmp_path / "state", []):
        assert unused.is_dir()
    with shelves.kept(tmp_path / "state", []):
        assert not unused.exists(), "the other one is gone"


def test_published_versions_stay_though_nobody_runs_them(tmp_path: Path) -> None:
    code = tmp_path / "code"
    code.mkdir()
    (code / "app.py").write_text("def handler(event, context): return 1\n")
    function = FunctionSettings(code=str(code), runtime="python3.11", handler="app.handler")
    settings = Settings(state=str(tmp_path / "state"), functions={"f": function})
    digest = versions.publish("f", settings).version.code
    copy = tmp_path / "state" / "code" / digest
    long_ago = time.time() - IDLE_SECONDS - 10
    os.utime(copy, (long_ago, long_ago))
    with shelves.kept(tmp_path / "state", []):
        assert (copy / "app.py").is_file()


def test_the_lock_goes_with_the_daemon(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), shelves.kept(tmp_path, []):
        raise ZeroDivisionError
    lock = os.open(tmp_path / shelves.LOCK, os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(lock)
