"""Whose a container is: labels by which a daemon finds again what one before it, that was killed, has left at the engine."""

from __future__ import annotations

import contextlib
import os
import uuid
from pathlib import Path

STATE, DAEMON, FUNCTION = "io.pollerd.state", "io.pollerd.daemon", "io.pollerd.function"


def state_id(folder: Path) -> str:
    """The name of a state folder, made with its first use: a path would be another one in another mount namespace."""
    file = folder / "id"
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError), file.open("x") as new:
        new.write(uuid.uuid4().hex)
    return file.read_text()


def daemon_id() -> str:
    """This process, as nothing else is called on this host: boot, process, its start."""
    return f"{_boot()}-{os.getpid()}-{_started(os.getpid())}"


def lives(daemon: str) -> bool:
    """Whether the process of that name still runs."""
    boot, _, rest = daemon.partition("-")
    pid, _, started = rest.partition("-")
    return boot == _boot() and pid.isdigit() and started == _started(int(pid)) != ""


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().replace("-", "").strip()


def _started(pid: int) -> str:
    """Clock ticks since the boot; "" when there is no such process."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    return ""
