"""When a sandbox may be entered: real namespaces, with steps where bubblewrap has none."""

from __future__ import annotations

import platform
import subprocess
import sys
from collections.abc import Iterator
from typing import IO, Any

import pytest

from poller.execution.sandbox.spawner import setup

PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
BUILD = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
BIND, RECURSIVE, DETACH = 4096, 16384, 2
def done(result):
    if result: raise OSError(ctypes.get_errno(), "a step was refused")
def mount(source, target, flags=0):
    done(libc.mount(source, target, b"tmpfs", flags, None))
def pivot(new, old):
    done(libc.syscall(int(sys.argv[1]), new, old))
def step():
    os.write(1, b".")
    os.read(0, 1)
mount(b"base", b"/tmp")
os.chdir("/tmp")
for name in ("newroot", "oldroot", "proc"):
    os.mkdir(name)
mount(b"newroot", b"newroot", BIND)
mount(b"/proc", b"proc", BIND | RECURSIVE)
pivot(b"/tmp", b"oldroot")
os.chdir("/")
os.mkdir("newroot/proc")
mount(b"proc", b"newroot/proc", BIND | RECURSIVE)
done(libc.umount2(b"oldroot", DETACH))
step()
base = os.open("/", os.O_RDONLY)
os.chdir("newroot")
pivot(b".", b".")
step()
os.fchdir(base)
done(libc.umount2(b".", DETACH))
step()
"""
Builder = subprocess.Popen[bytes]


def _piped(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe


def _go_on(builder: Builder) -> None:
    _piped(builder.stdin).write(b".")
    assert _piped(builder.stdout).read(1) == b".", _piped(builder.stderr).read().decode()


@pytest.fixture
def builder() -> Iterator[Builder]:
    """A process that builds a root as bubblewrap 0.11 does, up to the point where nothing but the new one is left to be entered."""
    number = PIVOT_ROOT.get(platform.machine())
    if number is None:
        pytest.skip(f"pivot_root has another number on {platform.machine()}")
    program = ["unshare", "--user", "--map-root-user", "--mount", sys.executable, "-Ic", BUILD, str(number)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(program, bufsize=0, **pipes) as process:  # type: ignore[call-overload]  # options in a dictionary
        try:
            if _piped(process.stdout).read(1) != b".":
                pytest.skip(f"this host refuses namespaces: {_piped(process.stderr).read().decode()}")
            yield process
        finally:
            process.kill()


def test_a_sandbox_is_settled_when_its_new_root_is_all_there_is(builder: Builder) -> None:
    settled = [setup.settled(builder.pid)]
    for _ in range(2):
        _go_on(builder)
        settled.append(setup.settled(builder.pid))

    assert settled == [False, False, True]


def test_a_root_that_changes_while_mounts_are_listed_is_looked_at_again(
    builder: Builder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened(path: str, **options: Any) -> Any:  # whatever a file opened so is
        file = open(path, **options)  # noqa: SIM115, PTH123  # closed by who asked for it
        _go_on(builder)
        return file

    monkeypatch.setattr(setup, "open", opened, raising=False)

    assert setup.settled(builder.pid) is False
