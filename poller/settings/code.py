"""What a folder or a .zip holds: its members by path, read before anything is unpacked, believed in nothing.

Looks at the file system, changes nothing. The settings check packages and layers with it; unpacking writes what it yields.

Rules of a .zip, which a folder has to keep, too, as soon as it is copied:

1. A path stays inside: no ``..``, not absolute, at most ``MOST_DEPTH`` deep. Of several members with one path the last one counts.
2. A member is a file, a folder or a link, and whatever has something below it is a folder. So nothing is ever written through a link.
3. Links are kept, as the service keeps them, and never followed here. A relative one has to stay inside, an absolute one may name a
   place that every execution environment has.

Sources: Lambda DG, Working with .zip file archives; Lambda quotas. APPNOTE.TXT 6.3.10, 4.4.4 (flags), 4.4.15 (attributes).
"""

from __future__ import annotations

import os
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from posixpath import normpath
from typing import IO

from poller.settings.package import PackageError, Room

CHUNK = 1024 * 1024
MOST_DEPTH = 256
"""Folders in folders. Deepest seen in the wild: some 60, in nested node_modules; what removes a tree recurses."""
MOST_MEMBERS = 262_144
"""One a kilobyte of the most that may be unpacked: empty members take no bytes, but inodes."""
PLACES = ("/var/task", "/opt", "/tmp", "/mnt", "/var/runtime", "/var/lang")  # noqa: S108  # names inside an environment
"""Where a link may lead: what an execution environment has (Lambda DG, Lambda execution environment)."""

_LONGEST_LINK = 4096
_UTF8_NAME, _ENCRYPTED = 0x800, 0x1


@dataclass(frozen=True, slots=True)
class File:
    """A file. size: bytes, as declared. modified: Unix time, None where none is known that means anything."""

    size: int
    executable: bool
    open: Callable[[], IO[bytes]]
    modified: float | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link."""

    target: str


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder; those that are only implied by what they hold need no member."""


@dataclass(frozen=True, slots=True)
class Special:
    """A device, pipe or socket. No .zip may have one; a folder may as long as it is used in place."""


Member = File | Link | Folder | Special
Members = Mapping[str, Member]
"""Members by path, relative to the root, parts separated by "/"."""


@contextmanager
def opened(code: Path) -> Iterator[Members]:
    """Yield the members of a folder or a .zip, readable as long as this lasts.

    Raises ``PackageError`` for what is neither, is unsound, or turns out to be when it is read.
    """
    try:
        if code.is_dir():
            yield _folder(code)
        elif not code.exists():
            raise PackageError(f"there is no {code}")
        elif code.suffix.lower() != ".zip":
            raise PackageError(f"{code} is neither a folder nor a .zip")
        else:
            with code.open("rb") as file, opened_zip(file, code) as members:
                yield members
    except OSError as error:
        raise PackageError(f"{error.filename or code} cannot be read: {error.strerror}") from error


@contextmanager
def opened_zip(file: IO[bytes], name: Path) -> Iterator[Members]:
    """Yield the members of a .zip that is already open; see ``opened``. name: for messages."""
    try:
        with zipfile.ZipFile(file) as archive:
            members = _archive(archive, name)
            check_members(members, name)
            yield members
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError) as error:
        raise PackageError(f"{name} is no readable .zip: {error}", "pack it anew") from error
    except (RuntimeError, NotImplementedError) as error:  # a compression that Python does not know
        raise PackageError(f"{name} cannot be unpacked: {error}", "pack it anew without") from error


def contents(code: Path, room: Room, *, in_place: bool = True) -> list[str]:
    """Return the paths of the files, having read all of a .zip and counted the bytes of either. Raises ``PackageError``.

    in_place: False for a folder that will be copied, and so has to keep the rules of a .zip.
    """
    with opened(code) as members:
        archive = not code.is_dir()
        if not in_place:
            check_members(members, code)
        for path, member in members.items():
            if isinstance(member, File):
                room.take(member.size)
                if archive:
                    _read_through(member, path, code)
        return [path for path, member in members.items() if not isinstance(member, Folder)]


def check_members(members: Members, name: Path) -> None:
    """Hold members against rules 2 and 3 of the module. name: for messages. Raises ``PackageError``."""
    for path, member in members.items():
        if isinstance(member, Special):
            raise PackageError(f"{name} holds {path!r}, which is neither a file nor a folder nor a link")
        if isinstance(member, Link) and not _stays(path, member.target):
            raise PackageError(f"{name} holds a link, {path!r}, that leads out of the package: to {member.target!r}")
        for parent in parents(path):
            if not isinstance(members.get(parent, Folder()), Folder):
                raise PackageError(f"{name} holds {path!r} below {parent!r}, which is no folder")
        if not path.isascii():
            _check_unicode(path, name)


def parents(path: str) -> Iterator[str]:
    """The folders that ``path`` lies in, outermost first, the root left out."""
    at = path.find("/")
    while at != -1:
        yield path[:at]
        at = path.find("/", at + 1)


def _read_through(member: File, path: str, code: Path) -> None:
    """Read a file of a .zip to its end, where its checksum is compared."""
    try:
        with member.open() as content:
            while content.read(CHUNK):
                pass
    except zipfile.BadZipFile as error:
        raise PackageError(f"{code} is damaged at {path!r}: the checksum does not match") from error


def _stays(path: str, target: str) -> bool:
    """Whether a link leads to a place of the package, or of every execution environment."""
    if target.startswith("/"):
        place = normpath(target)
        return any(place == allowed or place.startswith(f"{allowed}/") for allowed in PLACES)
    place = normpath(f"{path}/../{target}")
    return bool(target) and place != ".." and not place.startswith("../")


def _check_unicode(path: str, name: Path) -> None:
    try:
        path.encode()
    except UnicodeEncodeError as error:
        raise PackageError(f"{name} holds {path!r}, which is no name in UTF-8") from error


def _archive(archive: zipfile.ZipFile, name: Path) -> dict[str, Member]:
    entries = archive.infolist()
    if len(entries) > MOST_MEMBERS:
        raise PackageError(f"{name} holds {len(entries)} members; {MOST_MEMBERS} are allowed")
    members: dict[str, Member] = {}
    for entry in entries:
        path = _path(entry, name)
        if entry.flag_bits & _ENCRYPTED:
            raise PackageError(f"{name} cannot be unpacked: {path!r} is encrypted", "pack it anew without")
        member = _member(archive, entry)
        if path:
            members.pop(path, None)  # its place in the order is that of the last one
            members[path] = member
        elif not isinstance(member, Folder):
            raise PackageError(f"{name} holds a file without a name")
    return members


def _path(entry: zipfile.ZipInfo, name: Path) -> str:
    text = _decoded(entry)
    path = PurePosixPath(text)
    if path.is_absolute() or ".." in path.parts:
        raise PackageError(f"{name} holds {text!r}, which leads out of the package")
    if len(path.parts) > MOST_DEPTH:
        raise PackageError(f"{name} holds a member in {len(path.parts)} folders; {MOST_DEPTH} are allowed")
    return "/".join(path.parts)


def _decoded(entry: zipfile.ZipInfo) -> str:
    """The name. Many packers write UTF-8 without saying so; a name in the old code page is hardly ever UTF-8 by chance."""
    if entry.flag_bits & _UTF8_NAME or entry.filename.isascii():
        return entry.filename
    try:
        return entry.filename.encode("cp437").decode()
    except UnicodeError:
        return entry.filename


def _member(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Member:
    mode = entry.external_attr >> 16  # 0 from packers that know no Unix
    kind = stat.S_IFMT(mode)
    if entry.is_dir() or kind == stat.S_IFDIR:
        return Folder()
    if kind == stat.S_IFLNK:
        if entry.file_size > _LONGEST_LINK:
            raise ValueError(f"the link {entry.filename!r} is {entry.file_size} bytes long")
        return Link(archive.read(entry).decode())
    if kind not in {0, stat.S_IFREG}:
        return Special()
    return File(entry.file_size, executable=bool(mode & 0o111), open=partial(archive.open, entry))


def _folder(root: Path) -> dict[str, Member]:
    def fail(error: OSError) -> None:
        raise error

    members: dict[str, Member] = {}
    for folder, subfolders, names in os.walk(root, onerror=fail):
        below = os.path.relpath(folder, root)
        prefix = "" if below == "." else f"{below}/"
        for name in sorted([*subfolders, *names]):
            members[prefix + name] = _found(Path(folder, name))
    return members


def _found(path: Path) -> Member:
    status = path.lstat()
    if stat.S_ISDIR(status.st_mode):
        return Folder()
    if stat.S_ISLNK(status.st_mode):
        return Link(str(path.readlink()))
    if not stat.S_ISREG(status.st_mode):
        return Special()
    executable = bool(status.st_mode & 0o111)
    return File(status.st_size, executable=executable, open=partial(_open, path), modified=status.st_mtime)


def _open(path: Path) -> IO[bytes]:
    """Open a file that was one when it was listed; neither a link nor a pipe that has taken its place since."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    return os.fdopen(descriptor, "rb")
