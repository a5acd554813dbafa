"""kill -9 while asynchronous events are accepted and run, at instants all over: none is lost, and a run is repeated at most."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.faults.accepting import ACCEPTED

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[2]
AT_ONCE = len(ACCEPTED)


def test_killed_all_over() -> None:
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None  # a kill spares the page cache, and a disk takes minutes
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        program = [sys.executable, "-m", "tests.faults.accepting", folder, "11"]
        ended = subprocess.run(program, cwd=REPOSITORY, capture_output=True, text=True, timeout=110, check=False)
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert not ended.stderr
    rows = [tuple(map(int, line.split())) for line in ended.stdout.splitlines()]
    assert {accepted for accepted, _ in rows} == set(range(AT_ONCE + 1)), "it was cut before and after each acceptance"
    assert max(repeated for _, repeated in rows) <= AT_ONCE, "no more than was in hand is repeated"
    assert any(repeated for _, repeated in rows), "something was cut between a run and its end"
