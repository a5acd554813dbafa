"""Code as functions see it: packages, layers and images, unpacked by content into the state folder.

What makes a package sound is said in settings/code.py; unpacking goes by the same rules and believes no size that a header tells.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from poller.execution.package import shelf
from poller.execution.package.write import write
from poller.settings.code import File, Members, opened, opened_zip
from poller.settings.package import PackageError, Room

SHELF = "code"


def resolve(code: Path, state: Path, room: Room | None = None) -> Path:
    """The folder with the code: a folder is used in place, a .zip is unpacked once, by the hash of its bytes. Raises PackageError.

    room: what package and layers may take together. Without one a folder is not even looked at: it may be big, and grow.
    """
    if code.is_dir():
        if room is not None:
            with opened(code) as members:
                room.take(size(members))
        return code
    try:
        with code.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            with opened_zip(file, code) as members:
                return unpacked(members, room or Room(), state / SHELF, digest)
    except OSError as error:
        raise PackageError(f"{code} cannot be unpacked: {error}") from error


def unpacked(members: Members, room: Room, folder: Path, name: str) -> Path:
    """The folder ``name`` on a shelf, written from ``members`` unless it is there. Raises PackageError, OSError."""
    if found := shelf.find(folder, name):
        room.take(size(members))
        return found
    with shelf.beside(folder) as building:
        write(members, building, room)
        return shelf.place(building, folder, name)


def size(members: Members) -> int:
    """Bytes of all files, as declared."""
    return sum(member.size for member in members.values() if isinstance(member, File))


def temporary_folder(state: Path, name: str) -> Path:
    """A private folder for one environment, in place of /tmp."""
    folder = state / "tmp" / name
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.chmod(folder, 0o700)  # noqa: PTH101  # whatever the umask says
    return folder
