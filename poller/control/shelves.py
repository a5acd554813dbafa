"""Unpacked code that nobody needs any more goes when a daemon starts; whoever runs holds it back for the others.

Every daemon holds a shared lock of its state folder while it runs. The one that finds itself alone may remove what neither it nor any
published version names; a command that works with the folder meanwhile is safe by the hour for which what was found last stays (shelf.py).
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from poller.control import made, packages, store
from poller.control.layers import Layers
from poller.execution.contract import FunctionSpec
from poller.execution.package import SHELF, shelf

LOCK = ".daemons"
_DIGEST = re.compile(r"[0-9a-f]{64}")


@contextlib.contextmanager
def kept(state: Path, specs: Iterable[FunctionSpec]) -> Iterator[None]:
    """Keep what these functions need until the end; first remove what nobody does, if no other daemon runs. Raises OSError, StoreError."""
    state.mkdir(parents=True, exist_ok=True)
    lock = os.open(state / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            names = needed(state, specs)
            shelf.collect(state, names)
            packages.collect(state / SHELF, names)
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield
    finally:
        os.close(lock)


def needed(state: Path, specs: Iterable[FunctionSpec]) -> set[str]:
    """Names on shelves: of what the functions run, whatever any published version was frozen with, any call named, any layer holds."""
    folders = {folder for spec in specs for folder in _folders(spec) if folder}
    documents = [version.configuration for version in store.published(state).versions]
    documents += [each.document for each in made.read(state).values()]
    named = {digest for document in documents for digest in _DIGEST.findall(json.dumps(dict(document)))}
    layers = {version.package.digest for version in Layers(state).all()}
    return {Path(folder).name for folder in folders} | named | layers


def _folders(spec: FunctionSpec) -> tuple[str | None, ...]:
    return spec.task_root, spec.layers_root, str(spec.image.root) if spec.image else None
