"""What a reload would find changed: the configuration's files, and in development the code of its functions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection
from functools import partial
from pathlib import Path

from poller.aio.changes import changes
from poller.control.desired import Desired
from poller.execution.package.stamp import PASSED_OVER
from poller.settings import files

_Stamp = tuple[tuple[str, int, int], ...]


async def file_changes(path: Path | None, templates: Callable[[], Collection[str]] = tuple) -> AsyncIterator[None]:
    """An item whenever the files of a configuration are not what they were. path: as ``load`` takes it. templates: those it names now."""
    found = files.locate(path)

    def every() -> list[Path]:
        beside = (
            [found.parent / files.DEFAULTS[0]] if found.is_file() else []
        )  # goes with a template that is the configuration
        return [*files.found(found), *beside, *map(Path, templates())]

    known = _stamp(every())
    async for _ in changes(partial(_folders, found, every), deep=False):
        if (now := _stamp(every())) != known:
            known = now
            yield None


def code_changes(desired: Desired) -> AsyncIterator[None]:
    """An item whenever something changes in packages and layers that the configuration's functions have."""
    return changes(partial(_code, desired), deep=True, passed_over=PASSED_OVER)


def _folders(path: Path, every: Callable[[], list[Path]]) -> set[Path]:
    """Files are replaced, by editors and by links that move, so it is their folders that are watched."""
    return {file.parent.absolute() for file in every()} | {files.folder_of(path)}


def _stamp(every: list[Path]) -> _Stamp:
    found = []
    for file in every:
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
