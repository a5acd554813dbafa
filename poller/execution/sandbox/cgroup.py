"""Limits that the kernel keeps: a control group (version 2) an environment, below the one that was delegated to the daemon.

Source: Linux, Documentation/admin-guide/cgroup-v2.rst; systemd, Control Group APIs and Delegation. A group that has children may not have
processes, so the daemon moves into a leaf of its own first. Where nothing was delegated, memory is watched instead (box.py).
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

FULL_CORE_MB = 1769
"""Memory that comes with one whole virtual processor (Lambda DG, Configure Lambda function memory)."""
PERIOD = 100_000
"""Microseconds; the kernel's default."""
CONTROLLERS = ("memory", "cpu", "pids")
LEAF = "daemon"


@dataclass(frozen=True, slots=True)
class Group:
    """One environment's group."""

    folder: Path

    def memory_peak(self) -> int | None:
        """Bytes, most at once since the group was made; None where the kernel does not say (before 5.19)."""
        with contextlib.suppress(OSError, ValueError):
            return int((self.folder / "memory.peak").read_text())
        return None

    def out_of_memory(self) -> bool:
        """Whether the kernel has killed for want of memory."""
        with contextlib.suppress(OSError):
            events = dict(line.split() for line in (self.folder / "memory.events").read_text().splitlines())
            return int(events.get("oom_kill", 0)) > 0
        return False

    def remove(self) -> None:
        """The group must be empty of processes; one that is not yet is left for the next start."""
        with contextlib.suppress(OSError):
            self.folder.rmdir()


class Groups:
    """The groups of all environments. parent: the delegated one."""

    def __init__(self, parent: Path) -> None:
        self._parent = parent

    def group(self, name: str, *, memory_mb: int, processes: int) -> Group:
        """Make a group: memory with nothing swapped out, all killed together past it; a share of processors as on AWS. Raises OSError."""
        folder = self._parent / f"environment-{name}"
        folder.mkdir()
        quota = max(1000, round(PERIOD * memory_mb / FULL_CORE_MB))  # 1 ms is the least the kernel takes
        limits = {
            "memory.max": memory_mb * 1024 * 1024,
            "memory.swap.max": 0,
            "memory.oom.group": 1,
            "cpu.max": f"{quota} {PERIOD}",
            "pids.max": processes,
        }
        for file, value in limits.items():
            if (
                file != "memory.swap.max" or (folder / file).exists()
            ):  # absent where the kernel was built without swap accounting
                (folder / file).write_text(str(value))
        return Group(folder)


def delegated(process: Path = Path("/proc/self"), mounted: Path = Path("/sys/fs/cgroup")) -> Groups | str:
    """The group that is ours to divide, made ready; or a sentence why there is none."""
    try:
        lines = (process / "cgroup").read_text().splitlines()
        own = next((line.removeprefix("0::") for line in lines if line.startswith("0::")), None)
        if own is None or not (mounted / "cgroup.controllers").exists():
            return "this host has no control groups of version 2 at /sys/fs/cgroup"
        group = mounted / own.lstrip("/")
        if group.name == LEAF:  # a daemon before us, in the same unit, has moved here
            group = group.parent
        offered = set((group / "cgroup.controllers").read_text().split())
        if missing := sorted(set(CONTROLLERS) - offered):
            return f"the controllers {', '.join(missing)} are not delegated to {own} (systemd: Delegate=yes)"
        return _divided(group)
    except OSError as error:
        return f"the control group is not ours to divide: {error.strerror} (systemd: Delegate=yes)"


def _divided(group: Path) -> Groups:
    leaf = group / LEAF
    leaf.mkdir(exist_ok=True)
    for pid in (group / "cgroup.procs").read_text().split():
        with contextlib.suppress(ProcessLookupError):
            (leaf / "cgroup.procs").write_text(pid)
    (group / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in CONTROLLERS))
    for left in group.glob("environment-*"):  # of a daemon that was killed
        with contextlib.suppress(OSError):
            left.rmdir()
    return Groups(group)
