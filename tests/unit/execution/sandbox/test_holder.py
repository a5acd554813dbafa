"""What the spawner knows of a sandbox."""

from __future__ import annotations

import os
import subprocess

from poller.execution.sandbox.spawner.job import Held


def test_killing_a_sandbox_that_has_ended_is_no_error() -> None:
    child = subprocess.Popen(["true"])
    watch, block = os.pidfd_open(child.pid), os.open("/dev/null", os.O_RDONLY)
    child.wait()
    ended = Held(parent=0, block=block, watch=watch, user=-1)
    ended.kill()
    ended.close()
