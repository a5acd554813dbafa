"""Members -> an empty folder that nobody else looks at yet."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from poller.settings.code import CHUNK, File, Folder, Link, Member, Members, parents
from poller.settings.package import PackageError, Room


def write(members: Members, root: Path, room: Room) -> None:
    """Write checked members below ``root``. Raises PackageError: there is no room left, here or on the disk.

    Modes are what the service asks of a package (Lambda DG, Working with .zip file archives): 0755 for folders and for what
    was executable to anybody, else 0644. Links come last, so that nothing is written through one.
    """
    try:
        _write(complete(members), root, room)
    except OSError as error:
        raise PackageError(f"nothing more can be unpacked in {root.parent}: {error.strerror}") from error


def _write(with_folders: Members, root: Path, room: Room) -> None:
    for path in sorted(path for path, member in with_folders.items() if isinstance(member, Folder)):
        (root / path).mkdir()
        (root / path).chmod(0o755)
    for path, member in with_folders.items():
        if isinstance(member, File):
            _file(member, root / path, room)
    for path, member in with_folders.items():
        if isinstance(member, Link):
            (root / path).symlink_to(member.target)


def complete(members: Members) -> dict[str, Member]:
    """Add the folders that are only implied."""
    folders: Mapping[str, Member] = {parent: Folder() for path in members for parent in parents(path)}
    return {**folders, **members}


def merge(layers: list[Members]) -> dict[str, Member]:
    """What one sees when each of the layers is unpacked over those before it: the last one's member has the path.

    Folders are joined; what replaces a folder replaces all that is in it.
    """
    merged: dict[str, Member] = {}
    for layer in layers:
        for path, member in complete(layer).items():
            replaced = merged.get(path)
            if isinstance(replaced, Folder) and not isinstance(member, Folder):
                below = [other for other in merged if other.startswith(f"{path}/")]
                for other in below:
                    del merged[other]
            merged[path] = member
    return merged


def _file(member: File, path: Path, room: Room) -> None:
    mode = 0o755 if member.executable else 0o644
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb", buffering=0) as unpacked, member.open() as packed:
        while chunk := packed.read(CHUNK):
            room.take(len(chunk))
            unpacked.write(chunk)
        os.fchmod(descriptor, mode)
        if member.modified is not None:
            os.utime(descriptor, (member.modified, member.modified))
