"""Who belongs to an environment, by what /proc tells."""

from __future__ import annotations

import os
import subprocess

import pytest

from poller.execution.sandbox import procfs


@pytest.mark.parametrize("mark", [b"", b"\0"])
def test_a_mark_that_everything_has_is_refused(mark: bytes) -> None:
    """Or all of the host would be killed for it."""
    with pytest.raises(ValueError, match="empty mark"):
        procfs.kill_marked(mark)


@pytest.mark.parametrize("where", ["environ", "cmdline"])
def test_who_has_the_mark_is_killed_and_nobody_else(where: str) -> None:
    mark = f"a mark of {os.getpid()}"
    name, environment = (mark, {}) if where == "cmdline" else ("sleep", {"MARK": mark})
    with (
        subprocess.Popen([name, "600"], executable="/bin/sleep", env=environment) as one,
        subprocess.Popen(["/bin/sleep", "600"], env={}) as other,
    ):
        while one.pid not in procfs.marked(mark.encode(), where):
            pass  # Popen returns when the program is about to begin, a moment before /proc has its arguments and variables
        procfs.kill_marked(mark.encode(), where)
        assert one.wait() == -9
        assert other.poll() is None
        other.kill()


def test_a_chain_of_descendants_is_followed_to_its_end() -> None:
    script = "depth() { [ $1 -gt 0 ] && (depth $(($1 - 1)); :) || sleep 600; }; depth 5"
    with subprocess.Popen(["/bin/sh", "-c", script], start_new_session=True) as first:
        while len(found := list(procfs.children(first.pid))) < 6:
            pass
        assert found[0] == first.pid
        os.killpg(first.pid, 9)
