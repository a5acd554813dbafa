"""What tests have downloaded or built, kept between runs; may be removed at any time. One process at a time makes a thing."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pollerd-tests"


@contextlib.contextmanager
def making(thing: str) -> Iterator[None]:
    """Held by whoever looks for the thing, and makes it if need be; others wait. The kernel ends the lock of a process that dies."""
    locks = CACHE / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    with (locks / thing).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
