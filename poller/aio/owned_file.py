"""Making a file that others must not read, and that SQLite may have open."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def make(path: Path) -> None:
    """An empty file for its owner only, unless there is one. Raises OSError.

    One that is there is never opened: a process's locks on a file are gone as soon as it closes any descriptor of it (fcntl(2)). Where
    SQLite has the file open, whoever else closes it last then takes the write-ahead log away, with all that is written to it later.
    """
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
