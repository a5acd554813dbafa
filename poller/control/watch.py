"""What a reload would find changed: the configuration's files, and in development the code of its functions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from functools import partial
from pathlib import Path

from poller.aio.changes import changes
from poller.control.desired import Desired
from poller.execution.package.stamp import PASSED_OVER
from poller.settings import files

_Stamp = tuple[tuple[str, int, int], ...]


async def file_changes(path: Path | None) -> AsyncIterator[None]:
    """An item whenever the files of a configuration are not what they were. path: as ``load`` takes it."""
    found = files.locate(path)
    known = _stamp(found)
    async for _ in changes(partial(_folders, found), deep=False):
        if (now := _stamp(found)) != known:
            known = now
            yield None


def code_changes(desired: Desired) -> AsyncIterator[None]:
    """An item whenever something changes in packages and layers that the configuration's functions have."""
    return changes(partial(_code, desired), deep=True, passed_over=PASSED_OVER)


def _folders(path: Path) -> set[Path]:
    """Files are replaced, by editors and by links that move, so it is their folders that are watched."""
    return {file.parent.absolute() for file in files.found(path)} | {files.folder_of(path)}


def _stamp(path: Path) -> _Stamp:
    found = []
    for file in files.found(path):
        try:
            of_it = file.stat()
        except OSError:
            continue
        found.append((str(file), of_it.st_ino, of_it.st_mtime_ns))
    return tuple(found)


def _code(desired: Desired) -> Collection[Path]:
    found = set()
    for name, function in desired.fleet.settings.functions.items():
        if desired.is_filed("functions", name) and isinstance(function.code, str) and function.code:
            found |= {Path(place) for place in (function.code, *function.layers)}
    return {place if place.is_dir() else place.parent for place in found}
