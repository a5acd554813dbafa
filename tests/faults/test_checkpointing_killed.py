"""kill -9 while checkpoints are kept, at every instant: nothing that was told is gone, nothing is there by halves, nobody is shut out."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[2]


def test_killed_at_every_line() -> None:
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None  # a kill spares the page cache, and a disk takes minutes
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        program = [sys.executable, "-m", "tests.faults.checkpointing", folder]
        ended = subprocess.run(program, cwd=REPOSITORY, capture_output=True, text=True, timeout=110, check=False)
    assert ended.returncode == 0, ended.stderr
    left = list(map(int, ended.stdout.split()))
    assert set(left) == set(range(7)), "every step was cut somewhere"
    assert min(left.count(step) for step in range(6)) > 5, "hardly anything was cut before some commit"
