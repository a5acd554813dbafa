"""kill -9 in the middle of a publication, at every instant: there is no half version, and no number stands for two things."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from poller.control import store
from poller.execution.package import SHELF
from poller.execution.package.snapshot import fingerprint
from tests.faults.daemon import PROGRAM
from tests.faults.scene import RUNTIME

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Path]:
    """Of one function, ``worker``, of several files."""
    (tmp_path / "worker" / "lib").mkdir(parents=True)
    (tmp_path / "worker" / "lib" / "more.py").write_text("VALUE = 1\n" * 100)
    write(tmp_path, 0)
    functions = {"worker": {"code": "./worker", "runtime": RUNTIME, "handler": "app.handler"}}
    memory = (
        "/dev/shm" if Path("/dev/shm").is_dir() else None
    )  # a kill spares the page cache, and a disk takes minutes for this
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        (tmp_path / "pollerd.json").write_text(json.dumps({"state": f"{folder}/state", "functions": functions}))
        yield tmp_path / "pollerd.json"


def write(folder: Path, number: int) -> None:
    (folder / "worker" / "app.py").write_text(f"def handler(event, context): return {number}\n")


def publish(config: Path) -> str:
    program = [str(PROGRAM), "publish", "worker", "--config", str(config)]
    return subprocess.run(program, capture_output=True, text=True, timeout=60, check=True).stdout


def test_killed_at_every_line(config: Path) -> None:
    publish(config)
    write(config.parent, 1)
    program = [sys.executable, "-m", "tests.faults.publishing", str(config)]
    ended = subprocess.run(program, cwd=REPOSITORY, capture_output=True, text=True, timeout=110, check=False)
    assert ended.returncode == 0, ended.stderr
    left = ended.stdout.split()
    assert left == sorted(left), "once the version is there, it stays"
    assert left.count("1") > 50, "hardly anything was cut before the commit"
    assert "2" in left, "nothing was cut after the commit"


def test_the_command_killed_whenever(config: Path) -> None:
    """At moments that nobody has chosen; the whole command takes about as long as the latest of them."""
    state = Path(json.loads(config.read_text())["state"])
    for number in range(1, 13):
        write(config.parent, number)
        program = subprocess.Popen([PROGRAM, "publish", "worker", "--config", config], stdout=subprocess.DEVNULL)
        time.sleep(0.1 * number)
        program.kill()
        program.wait()
        found = store.published(state).versions
        assert [version.number for version in found] == list(range(1, len(found) + 1))
        assert all(fingerprint(state / SHELF / version.code).digest == version.code for version in found)
    write(config.parent, 13)
    assert publish(config) == f"{len(found) + 1}\n"
