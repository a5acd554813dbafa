"""What tells, without reading it, that a folder of code is not what it was: names, kinds, sizes, inodes and times of all that is in it."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

PASSED_OVER = "__pycache__"
"""Interpreters write there what they have read; it changes nothing."""


def stamp(folder: Path) -> str:
    """Of a folder as it is now; "" for anything else. Equal for as long as nobody writes to it. Links count as what they lead to.

    What vanishes while it is looked at is left out: there is another stamp afterwards.
    """
    if not folder.is_dir():
        return ""
    found = hashlib.sha256()
    for place, folders, files in os.walk(folder, followlinks=False):
        folders[:] = sorted(name for name in folders if name != PASSED_OVER)
        for name in sorted(files):
            path = os.path.join(place, name)  # noqa: PTH118  # ten thousand times
            try:
                of_it = os.stat(path)  # noqa: PTH116  # as above
            except OSError:
                continue
            found.update(
                f"{path}\0{of_it.st_size}\0{of_it.st_ino}\0{of_it.st_mtime_ns}\0{of_it.st_mode}\n".encode(
                    "utf-8", "surrogateescape"
                )
            )
    return found.hexdigest()
