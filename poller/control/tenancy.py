"""Who runs a stream mapping: one process of those that share a state folder, by a lock that goes with it.

Two that read the same partitions would handle every record twice and overwrite each other's positions. The one that comes second waits
until the first is gone, and may take over then; a command that moves positions finds out in the same way that it is not alone.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

FOLDER = ".mappings"


class TakenError(Exception):
    """Another process has it. The message is a sentence that names the process."""


class Tenancy:
    """Ours from ``take`` to ``leave``, or to the end of this process, however it ends."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def leave(self) -> None:
        """Give it up. Once only."""
        os.close(self._descriptor)


def take(state: Path, mapping: str, what: str = "") -> Tenancy:
    """Become the one that runs the mapping, or what else goes by that name. Raises TakenError, OSError."""
    folder = state / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / mapping, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    except BlockingIOError:
        number = os.pread(descriptor, 20, 0).decode(errors="replace").strip()
        os.close(descriptor)
        what = what or f"the mapping {mapping}"
        raise TakenError(f"process {number or 'unknown'} runs {what} with this state folder") from None
    except BaseException:
        with contextlib.suppress(OSError):
            os.close(descriptor)
        raise
    return Tenancy(descriptor)
