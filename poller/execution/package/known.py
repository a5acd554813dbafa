"""Identities of packages that are asked for again and again: each is read once, until something has been written to it.

It looks at all that goes into the .zip of a folder: names, kinds, modes, links themselves, and what interpreters write, which a stamp
passes over.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from poller.execution.package.snapshot import Fingerprint, fingerprint

SETTLED_SECONDS = 2.0
"""A file system's clock ticks: what was written twice within a tick looks like once. FAT's, the coarsest, takes 2 s."""


@dataclass(frozen=True, slots=True)
class _Look:
    """What a package looks like from outside. newest: when something of it changed last, seconds since 1970."""

    digest: str
    newest: float


class Fingerprints:
    """One for each path that was asked for. now: seconds since 1970. Threads may share it."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._known: dict[Path, tuple[str, Fingerprint]] = {}

    def of(self, code: Path) -> Fingerprint:
        """Of a folder or a .zip as it is now. Raises PackageError, as ``fingerprint`` does."""
        look = _look(code)
        if known := self._known.get(code):
            as_of, found = known
            if as_of == look.digest:
                return found
        began = self._now()
        found = fingerprint(code)
        if look.newest < began - SETTLED_SECONDS and _look(code) == look:
            self._known[code] = look.digest, found
        return found


def _look(code: Path) -> _Look:
    digest, newest = hashlib.sha256(), 0.0
    for path in _paths(code):
        try:
            seen = os.stat(path, follow_symlinks=path == str(code))  # noqa: PTH116  # ten thousand times
        except OSError:
            continue  # gone since it was listed: there is another look afterwards, or reading it says why
        newest = max(newest, seen.st_mtime, seen.st_ctime)
        facts = (seen.st_mode, seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns)
        digest.update(f"{path}\0{facts}\n".encode("utf-8", "surrogateescape"))
    return _Look(digest.hexdigest(), newest)


def _paths(code: Path) -> Iterator[str]:
    """The package itself and, of a folder, all that is in it, in an order that does not change by itself."""
    yield str(code)
    for folder, subfolders, names in os.walk(code):
        subfolders.sort()
        yield from (os.path.join(folder, name) for name in sorted([*subfolders, *names]))  # noqa: PTH118  # as above
