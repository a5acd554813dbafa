"""Layers: .zip files and folders, merged in the order of their list into one folder, the function's /opt.

Source: Lambda DG, Packaging your layer content; Adding layers to functions.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Sequence
from pathlib import Path

from poller.execution.package import size, unpacked
from poller.execution.package.snapshot import snapshot
from poller.execution.package.write import merge
from poller.settings.code import Members, opened, opened_zip
from poller.settings.package import PackageError, Room

SHELF = "layers"


def merged(layers: Sequence[Path], state: Path, room: Room | None = None) -> Path | None:
    """The folder with all layers, made once for the same contents in the same order; None for no layers. Raises PackageError.

    room: what the package has left. Every layer takes its whole size, also of files that a later one replaces, as on AWS.
    """
    if not layers:
        return None
    digests: list[str] = []
    contents: list[Members] = []
    try:
        with contextlib.ExitStack() as stack:
            for layer in layers:
                digest, members = _layer(layer, state, stack)
                digests.append(digest)
                contents.append(members)
            tree = merge(contents)
            room = room or Room()
            room.take(sum(map(size, contents)) - size(tree))
            return unpacked(tree, room, state / SHELF, hashlib.sha256("\n".join(digests).encode()).hexdigest())
    except OSError as error:
        raise PackageError(f"the layers cannot be unpacked: {error}") from error


def _layer(layer: Path, state: Path, stack: contextlib.ExitStack) -> tuple[str, Members]:
    """Hash and members of one layer, readable as long as the stack is open. Of a folder a copy is taken, which nobody changes."""
    if not layer.is_file():
        copy = snapshot(layer, state)
        return copy.fingerprint.digest, stack.enter_context(opened(copy.root))
    file = stack.enter_context(layer.open("rb"))
    digest = hashlib.file_digest(file, "sha256").hexdigest()
    return digest, stack.enter_context(opened_zip(file, layer))
