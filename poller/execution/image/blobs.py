"""Where an image's parts lie: an OCI layout as a folder or as a .tar, or the archive of `docker save` or `podman save`.

A part is opened by its name in there. Names come from files that nobody vouches for, so they lead to regular files inside, or nowhere.
"""

from __future__ import annotations

import io
import os
import stat
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from posixpath import dirname, normpath
from typing import IO, Protocol, cast

from poller.execution.image.tar import Bounded
from poller.settings.package import PackageError

MOST_MEMBERS = 65_536
"""Of an archive: an image has at most some hundred layers, and an archive some files for each."""
_MOST_LINKS = 8
_COMPRESSED = {b"\x1f\x8b": "gunzip", b"\x28\xb5": "unzstd", b"BZ": "bunzip2", b"\xfd7": "unxz"}


class Blobs(Protocol):
    """The parts of one layout or archive, by name."""

    def open(self, name: str) -> IO[bytes]:
        """Open a part for reading. Raises PackageError when there is none, OSError."""
        ...

    def __contains__(self, name: str) -> bool: ...


@contextmanager
def opened(path: Path) -> Iterator[Blobs]:
    """Yield the parts of what lies at ``path``. Raises PackageError for what is no image at all, OSError."""
    if path.is_dir():
        yield _Folder(path)
        return
    with path.open("rb") as file:
        start = file.read(2)
        if start in _COMPRESSED:
            raise PackageError("this archive is compressed as a whole", f"unpack it with {_COMPRESSED[start]} first")
        file.seek(0)
        yield _Archive(file, _members(file))


class _Folder:
    """An OCI layout as it lies on the disk."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def __contains__(self, name: str) -> bool:
        return _inside(name) and (self._root / name).is_file()

    def open(self, name: str) -> IO[bytes]:
        if name not in self:
            raise _missing(name)
        descriptor = os.open(self._root / name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise _missing(name)
        return os.fdopen(descriptor, "rb")


class _Archive:
    """Parts of an uncompressed .tar. One part is read at a time, or each from a place of its own: all seek before they read."""

    def __init__(self, file: io.BufferedReader, members: dict[str, tarfile.TarInfo]) -> None:
        self._file = file
        self._members = members

    def __contains__(self, name: str) -> bool:
        return self._find(name) is not None

    def open(self, name: str) -> IO[bytes]:
        member = self._find(name)
        if member is None:
            raise _missing(name)
        return io.BufferedReader(_Slice(self._file, member.offset_data, member.size), 1024 * 1024)

    def _find(self, name: str) -> tarfile.TarInfo | None:
        """Follow the links that `docker save` writes for layers that occur twice; they stay inside because names do."""
        for _ in range(_MOST_LINKS):
            member = self._members.get(normpath(name))
            if member is None or member.isreg():
                return member
            name = f"{dirname(member.name)}/{member.linkname}" if member.issym() else member.linkname
            name = name.lstrip("/")
        return None


class _Slice(io.RawIOBase):
    """A part of an open file."""

    def __init__(self, file: io.BufferedReader, start: int, size: int) -> None:
        super().__init__()
        self._file = file
        self._at, self._end = start, start + size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(cast("bytearray", buffer))[: self._end - self._at]
        self._file.seek(self._at)
        count = self._file.readinto(view) if len(view) else 0
        self._at += count
        return count


def _members(file: IO[bytes]) -> dict[str, tarfile.TarInfo]:
    members: dict[str, tarfile.TarInfo] = {}
    try:
        with tarfile.open(fileobj=cast("IO[bytes]", Bounded(file)), mode="r:", encoding="utf-8") as archive:
            for member in archive:
                if member.issym() or member.islnk() or (member.isreg() and member.sparse is None):
                    members[normpath(member.name)] = member
                if len(members) > MOST_MEMBERS:
                    raise PackageError(f"this archive holds more than {MOST_MEMBERS} files")
    except (tarfile.TarError, ValueError, OverflowError, EOFError) as error:
        raise PackageError(f"this is no archive of an image: {error}") from error
    return members


def _inside(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and "\0" not in name


def _missing(name: str) -> PackageError:
    return PackageError(f"the image lacks {name}", "it was not saved as a whole; save it again")
