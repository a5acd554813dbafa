"""Limits that the kernel keeps: a control group (version 2) an environment, below the one that was delegated to the daemon.

Source: Linux, Documentation/admin-guide/cgroup-v2.rst; systemd, Control Group APIs and Delegation. A group that has children may not have
processes, so the daemon moves into a leaf of its own first. Where nothing was delegated, memory is watched instead (box.py).
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from poller.execution.sandbox import procfs

FULL_CORE_MB = 1769
"""Memory that comes with one whole virtual processor (Lambda DG, Configure Lambda function memory)."""
PERIOD = 100_000
"""Microseconds; the kernel's default."""
CONTROLLERS = ("memory", "cpu", "pids")
LEAF = "daemon"
LOOKS = 10


OWN = {"anon", "kernel_stack", "sock"}
"""What counts as a function's memory, of memory.stat."""


class Group:
    """One environment's group. folder: where it is."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._kills = 0

    def memory(self) -> int | None:
        """Bytes in use that are the processes' own; None where the kernel does not tell.

        Neither what was read of files nor what lies in /tmp, which is a disk on the service and has its own limit: both are in memory.peak,
        which is of no use for a report because of it.
        """
        counts = self._counts("memory.stat")
        return sum(counts[name] for name in OWN) if counts.keys() >= OWN else None

    def out_of_memory(self) -> bool:
        """Whether the kernel has killed here for want of memory since this was last asked."""
        before, self._kills = self._kills, self._counts("memory.events").get("oom_kill", 0)
        return self._kills > before

    def _counts(self, name: str) -> dict[str, int]:
        with contextlib.suppress(OSError, ValueError):
            pairs = (line.split() for line in (self.folder / name).read_text().splitlines())
            return {key: int(value) for key, value in pairs}
        return {}

    def remove(self) -> None:
        """The group must be empty of processes; one that is not yet is left for the next start."""
        with contextlib.suppress(OSError):
            self.folder.rmdir()


class Groups:
    """The groups of all environments. parent: the delegated one; divided with the first of them, and never by one who only looks."""

    def __init__(self, parent: Path) -> None:
        self._parent = parent
        self._divided = False

    def group(self, name: str, *, memory_mb: int, temporary_mb: int, processes: int) -> Group:
        """Make a group: memory with nothing swapped out, all killed together past it; a share of processors as on AWS. Raises OSError.

        Files in /tmp are memory to the kernel, so there must be room for them: what is past memory_mb, and not past both together, is
        left to those who watch (environment/memory.py).
        """
        if not self._divided:
            _divide(self._parent)
            self._divided = True
        folder = self._parent / f"environment-{name}"
        folder.mkdir()
        quota = max(1000, round(PERIOD * memory_mb / FULL_CORE_MB))  # 1 ms is the least the kernel takes
        limits = {
            "memory.max": (memory_mb + temporary_mb) * 1024 * 1024,
            "memory.swap.max": 0,
            "memory.oom.group": 1,
            "cpu.max": f"{quota} {PERIOD}",
            "pids.max": processes,
        }
        try:
            for file, value in limits.items():
                # memory.swap.max is absent where the kernel was built without swap accounting
                if file != "memory.swap.max" or (folder / file).exists():
                    (folder / file).write_text(str(value))
        except OSError:
            folder.rmdir()
            raise
        return Group(folder)


def delegated(process: Path = Path("/proc/self"), mounted: Path = Path("/sys/fs/cgroup")) -> Groups | str:
    """The group that is ours to divide, untouched yet; or a sentence why there is none.

    One in which others live as well, a shell's say, is not ours, whether it could be written to or not.
    """
    try:
        lines = (process / "cgroup").read_text().splitlines()
        own = next((line.removeprefix("0::") for line in lines if line.startswith("0::")), None)
        if own is None or not (mounted / "cgroup.controllers").exists():
            return "this host has no control groups of version 2 at /sys/fs/cgroup"
        group = mounted / own.lstrip("/")
        if group.name == LEAF:  # DelegateSubgroup=, or a daemon before us that has become this one
            group = group.parent
        offered = set((group / "cgroup.controllers").read_text().split())
        if missing := sorted(set(CONTROLLERS) - offered):
            return f"the controllers {', '.join(missing)} are not delegated to {own} (systemd: Delegate=yes)"
        if not all(os.access(group / file, os.W_OK) for file in ("cgroup.procs", "cgroup.subtree_control")):
            return f"the control group {own} is not ours to divide (systemd: Delegate=yes)"
        if set(_members(group)) - set(procfs.children(int((process / "stat").read_text().split()[0]))):
            return f"others live in the control group {own} as well (systemd: a unit of our own, Delegate=yes)"
        return Groups(group)
    except OSError as error:
        return f"the control group cannot be read: {error.strerror}"


def _members(group: Path) -> list[int]:
    return list(map(int, (group / "cgroup.procs").read_text().split()))


def _divide(group: Path) -> None:
    """Move what lives in the group into a leaf, and give controllers to the groups below. Raises OSError."""
    leaf = group / LEAF
    leaf.mkdir(exist_ok=True)
    for _ in range(LOOKS):  # who is forked meanwhile is seen the next time
        for pid in (members := _members(group)):
            with contextlib.suppress(ProcessLookupError):
                (leaf / "cgroup.procs").write_text(str(pid))
        if not members:
            break
    (group / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in CONTROLLERS))
    for left in group.glob("environment-*"):  # of a daemon that was killed
        with contextlib.suppress(OSError):
            left.rmdir()
