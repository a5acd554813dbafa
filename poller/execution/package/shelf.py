"""Folders by the hash of their content, below the state folder; shared by environments and by daemons.

What holds here:

1. A folder is there as a whole or not at all: it is built beside, flushed to the disk, and renamed. Who comes second with the same
   content throws his own away.
2. Nothing on a shelf is written to again. ``collect`` removes what nobody uses, and what a killed daemon left half built.
3. Who builds holds a lock on the folder he builds in; the shelf's own lock keeps finding and collecting apart. Both are flocks, so
   they end with the process.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Collection, Iterator
from pathlib import Path

SHELVES = ("code", "layers", "images")
IDLE_SECONDS = 3600.0
"""Another daemon may have found a folder and not yet said that it uses it; an hour is far longer than any start."""

_HALF = "."  # what is built or being removed begins with a dot; hashes do not


def find(shelf: Path, name: str) -> Path | None:
    """The folder, or None. Raises OSError. It counts as used from now on, see ``collect``."""
    if not (shelf / name).is_dir():
        return None
    with _locked(shelf, fcntl.LOCK_SH):
        try:
            os.utime(shelf / name)
        except FileNotFoundError:
            return None
    return shelf / name


@contextlib.contextmanager
def beside(shelf: Path) -> Iterator[Path]:
    """An empty private folder to build in. What was not placed by the end is removed. Raises OSError."""
    shelf.mkdir(parents=True, exist_ok=True)
    with _locked(shelf, fcntl.LOCK_SH):  # nobody may take it for a leftover before it is locked
        folder = Path(tempfile.mkdtemp(dir=shelf, prefix=f"{_HALF}unpacking-"))
        descriptor = _opened(folder)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def place(building: Path, shelf: Path, name: str) -> Path:
    """Put a finished folder where ``find`` finds it; if somebody was faster with the same content, his stays. Raises OSError."""
    building.chmod(0o755)
    os.utime(building)
    descriptor = _opened(building)
    try:
        _flush(descriptor)
    finally:
        os.close(descriptor)
    try:
        building.rename(shelf / name)
    except OSError:
        if not (shelf / name).is_dir():
            raise
    return shelf / name


def collect(state: Path, in_use: Collection[str], *, idle_seconds: float = IDLE_SECONDS) -> list[Path]:
    """Remove what nobody uses from all shelves; return what was removed. Raises OSError.

    in_use: last parts of the paths that anybody works with (task_root, layers_root, image.root), of every daemon with this state
    folder. idle_seconds: what was found or placed so recently stays in any case.
    """
    removed = []
    for shelf in (state / name for name in SHELVES):
        if shelf.is_dir():
            removed += [entry for entry in _entries(shelf) if _removed(entry, in_use, time.time() - idle_seconds)]
    return removed


def _entries(shelf: Path) -> list[Path]:
    return sorted(entry for entry in shelf.iterdir() if entry.is_dir() and not entry.is_symlink())


def _removed(entry: Path, in_use: Collection[str], before: float) -> bool:
    """Remove one folder unless it is used; first from sight, then from the disk."""
    half = entry.name.startswith(_HALF)
    if not half and entry.name in in_use:
        return False
    with contextlib.ExitStack() as stack:
        with _locked(entry.parent, fcntl.LOCK_EX):
            try:
                descriptor = _opened(entry)
                stack.callback(os.close, descriptor)
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except (FileNotFoundError, BlockingIOError):  # it is gone, or somebody builds or removes it
                return False
            if not half:
                if os.fstat(descriptor).st_mtime > before:
                    return False
                entry = entry.rename(entry.with_name(f"{_HALF}removing-{entry.name}"))
        shutil.rmtree(entry)
    return True


def _opened(folder: Path) -> int:
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)


@contextlib.contextmanager
def _locked(shelf: Path, how: int) -> Iterator[None]:
    """Hold the shelf's lock. It is held for some system calls, never while files are written or removed."""
    descriptor = os.open(shelf / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, how)
        yield
    finally:
        os.close(descriptor)


def _flush(descriptor: int) -> None:
    """Write the file system out: after a power cut a renamed folder with empty files in it would pass for whole.

    One call for all files; a sync of each costs a hundred times more for a package of thousands.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syncfs(descriptor) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
