"""Files and folders whose changes are noticed."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Collection
from pathlib import Path

LOOK_MILLISECONDS = 1000
"""Between looks whether there is something else to watch, or something watched was taken away and came back."""

_Target = tuple[Path, int, int]


async def changes(places: Callable[[], Collection[Path]], *, deep: bool, passed_over: str = "") -> AsyncIterator[None]:
    """An item whenever something has changed at the places; many changes that come together are one.

    places: files and folders, asked again from time to time; what is not there is waited for. deep: folders with all that is in them,
    else only what lies in them directly. passed_over: a name; what happens in folders that are called so does not count. A file that is
    replaced is another file: watch its folder.
    """
    from watchfiles import awatch  # noqa: PLC0415  # for those who watch

    watched = _targets(places())
    while True:
        wanted = watched
        looking = awatch(
            *(path for path, *_ in wanted),
            recursive=deep,
            watch_filter=lambda _, path: not passed_over or passed_over not in Path(path).parts,
            rust_timeout=LOOK_MILLISECONDS,
            yield_on_timeout=True,
            ignore_permission_denied=True,
            debug=False,
        )
        async with contextlib.aclosing(looking):
            async for found in looking:
                watched = _targets(places())
                if found or watched != wanted:
                    yield None
                if watched != wanted:
                    break


def _targets(places: Collection[Path]) -> frozenset[_Target]:
    found = set()
    for place in places:
        try:
            of_it = place.stat()
        except OSError:
            continue
        found.add((place, of_it.st_dev, of_it.st_ino))
    return frozenset(found)
