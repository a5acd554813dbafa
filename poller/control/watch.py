"""What a reload would find changed: the configuration's files, and in development the code of its functions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection
from functools import partial
from pathlib import Path

from poller.aio.changes import changes
from poller.control.desired import Desired
from poller.execution.package.stamp import PASSED_OVER

_Stamp = tuple[tuple[str, int, int], ...]


async def file_changes(files: Callable[[], Collection[Path]]) -> AsyncIterator[None]:
    """An item whenever one of the files is not what it was. files: those that the configuration was read from, asked again each time."""
    known = _stamp(files())
    async for _ in changes(lambda: {file.parent for file in files()}, deep=False):
        if (now := _stamp(files())) != known:
            known = now
            yield None


def code_changes(desired: Desired) -> AsyncIterator[None]:
    """An item whenever something changes in packages and layers that the configuration's functions have."""
    return changes(partial(_code, desired), deep=True, passed_over=PASSED_OVER)


def _stamp(files: Collection[Path]) -> _Stamp:
    """Files are replaced, by editors and by links that move, so it is their folders that are watched, and they that are compared."""
    found = []
    for file in files:
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
