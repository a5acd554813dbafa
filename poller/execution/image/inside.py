"""Where paths of a root file system lead, seen from outside of it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

_MOST_LINKS = 40  # as many as Linux follows (path_resolution(7))


def resolved(root: Path, path: str) -> Path | None:
    """What ``path`` is to a process whose root this folder is, all links followed: absolute ones and ``..`` begin and end at the root.

    None where there is nothing, or links loop. Nobody may write in the folder meanwhile. root: without links itself.
    """
    ahead, found, links = path.split("/")[::-1], root, 0
    while ahead:
        part = ahead.pop()
        if part in {"", "."}:
            continue
        if part == "..":
            found = found if found == root else found.parent
            continue
        try:
            mode = (found / part).lstat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            return None
        if not stat.S_ISLNK(mode):
            found /= part
            continue
        links += 1
        if links > _MOST_LINKS:
            return None
        target = os.readlink(found / part)
        found = root if target.startswith("/") else found
        ahead += target.split("/")[::-1]
    return found
