"""What identifies a package, and copies of folders that stay as they are: versions of a function are immutable.

A folder's identity is that of the .zip it makes: members sorted, no times, modes as unpacking gives them, nothing compressed, because
what a compressor makes of the same bytes changes with its version.
"""

from __future__ import annotations

import base64
import hashlib
import stat
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from poller.execution.package import SHELF, resolve, shelf
from poller.execution.package.write import complete, write
from poller.settings.code import CHUNK, File, Folder, Link, Member, Members, check_members, opened
from poller.settings.package import PackageError, Room


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """digest: SHA-256 of the .zip, hexadecimal. size: its bytes (CodeSize)."""

    digest: str
    size: int

    @property
    def code_sha256(self) -> str:
        """The digest as the API tells it: base64 (Lambda API reference, FunctionConfiguration)."""
        return base64.b64encode(bytes.fromhex(self.digest)).decode()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A package that nobody changes any more. root: the unpacked code, on the shelf of that name."""

    root: Path
    fingerprint: Fingerprint


def fingerprint(code: Path) -> Fingerprint:
    """Identify a folder or a .zip as it is now. Raises PackageError, for a folder also for what cannot be copied."""
    if code.is_file():
        try:
            with code.open("rb") as file:
                return Fingerprint(hashlib.file_digest(file, "sha256").hexdigest(), file.tell())
        except OSError as error:
            raise PackageError(f"{code} cannot be read: {error}") from error
    with opened(code) as members:
        check_members(members, code)
        return _zipped(members)


def snapshot(code: Path, state: Path) -> Snapshot:
    """Unpack a .zip, or copy a folder, by content; equal contents have one copy. Raises PackageError.

    Of a folder that changes meanwhile some state between is copied; the digest is that of the copy in any case.
    """
    identity = fingerprint(code)
    if code.is_file():
        return Snapshot(resolve(code, state), identity)
    try:
        if found := shelf.find(state / SHELF, identity.digest):
            return Snapshot(found, identity)
        with shelf.beside(state / SHELF) as building:
            with opened(code) as members:
                check_members(members, code)
                write(members, building, Room())
            identity = fingerprint(building)
            return Snapshot(shelf.place(building, state / SHELF, identity.digest), identity)
    except OSError as error:
        raise PackageError(f"{code} cannot be copied: {error}") from error


def pack(code: Path, file: IO[bytes]) -> None:
    """Write the .zip that a folder makes, the one that identifies it. Raises PackageError."""
    with opened(code) as members:
        check_members(members, code)
        _zip(members, _Sink(file.write))


def _zipped(members: Members) -> Fingerprint:
    sink = _Sink()
    _zip(members, sink)
    return Fingerprint(sink.hash.hexdigest(), sink.size)


def _zip(members: Members, sink: _Sink) -> None:
    with zipfile.ZipFile(cast("IO[bytes]", sink), "w", zipfile.ZIP_STORED) as archive:
        for path, member in sorted(complete(members).items()):
            _add(archive, path, member)


def _add(archive: zipfile.ZipFile, path: str, member: Member) -> None:
    entry = zipfile.ZipInfo(f"{path}/" if isinstance(member, Folder) else path)
    entry.create_system = 3  # Unix, on whatever this runs
    match member:
        case File():
            entry.external_attr = (stat.S_IFREG | (0o755 if member.executable else 0o644)) << 16
            with member.open() as content, archive.open(entry, "w") as packed:
                while chunk := content.read(CHUNK):
                    packed.write(chunk)
        case Link():
            entry.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(entry, member.target)
        case _:
            entry.external_attr = (stat.S_IFDIR | 0o755) << 16
            archive.writestr(entry, b"")


class _Sink:
    """Takes what is written, hands it on, and keeps its hash and size. Nobody can seek in it, which is part of how the .zip turns out."""

    def __init__(self, write: Callable[[bytes], object] = lambda _: None) -> None:
        self._write = write
        self.hash = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> int:
        """Count, hash and hand on."""
        self._write(data)
        self.hash.update(data)
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        """Have nothing to flush."""
