"""Deployment packages: a folder is used in place, a .zip is unpacked once, by the hash of its content.

What makes a package sound is checked with the settings; unpacking trusts nothing all the same.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

from poller.settings.package import MOST_UNPACKED_BYTES, PackageError

CHUNK = 1024 * 1024


def resolve(code: Path, state: Path) -> Path:
    """The folder that holds the unpacked code. Raises PackageError."""
    if code.is_dir():
        return code
    try:
        folder = state / "code" / _digest(code)
        if not folder.is_dir():
            _unpack(code, folder)
    except (OSError, zipfile.BadZipFile, RuntimeError) as error:
        raise PackageError(f"{code} cannot be unpacked: {error}") from error
    return folder


def _digest(code: Path) -> str:
    with code.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _unpack(code: Path, folder: Path) -> None:
    """Unpack beside the goal, then move: another daemon, or a kill in the middle, never sees half a package."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".unpacking-"))
    try:
        with zipfile.ZipFile(code) as archive:
            _extract(archive, beside)
        beside.chmod(0o755)
        try:
            beside.rename(folder)
        except OSError:
            if not folder.is_dir():  # else somebody was faster, with the same content
                raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _extract(archive: zipfile.ZipFile, root: Path) -> None:
    left = MOST_UNPACKED_BYTES
    for entry in archive.infolist():
        path = PurePosixPath(entry.filename)
        if path.is_absolute() or ".." in path.parts:
            raise PackageError(f"{archive.filename}: {entry.filename!r} leads out of the package")
        mode = entry.external_attr >> 16
        if stat.S_ISLNK(mode):
            raise PackageError(f"{archive.filename}: {entry.filename!r} is a link; links are not unpacked")
        target = root / path
        if entry.is_dir():
            target.mkdir(parents=True, exist_ok=True)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        left = _copy(archive, entry, target, left)
        target.chmod((stat.S_IMODE(mode) & 0o777) | 0o444 if mode else 0o644)


def _copy(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, left: int) -> int:
    """Write one file; what its header says of its size is not believed. Returns the bytes that are left."""
    with archive.open(entry) as packed, target.open("wb") as unpacked:
        while chunk := packed.read(CHUNK):
            left -= len(chunk)
            if left < 0:
                raise PackageError(
                    f"{archive.filename}: unpacked size must be smaller than {MOST_UNPACKED_BYTES} bytes"
                )
            unpacked.write(chunk)
    return left


def temporary_folder(state: Path, name: str) -> Path:
    """A private folder for one environment, in place of /tmp."""
    folder = state / "tmp" / name
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.chmod(folder, 0o700)  # noqa: PTH101  # whatever the umask says
    return folder
