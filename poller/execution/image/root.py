"""A root file system in the making: entries of layers are put in, one after the other.

What holds here:

1. Every path is walked from the root, part by part, links followed as a process would that has this folder as its root: an absolute
   link and ``..`` never lead out. The last part is never followed, so what an entry replaces is the link and not where it leads.
2. A whiteout hides what lower layers have, and nothing of its own layer, whichever comes first in it. An opaque one hides all that
   lower layers have in its folder.
3. Owners, devices, pipes, set-user-id and the right to write for others are dropped; whoever the function runs as can read everything.

Nobody else writes in the folder meanwhile. Sources: OCI image-spec 1.1, layer.md (whiteouts, hard links); overlayfs for what replaces what.
"""

from __future__ import annotations

import os
import shutil
import stat
import tarfile
from collections.abc import Callable
from pathlib import Path

from poller.settings.code import CHUNK, MOST_DEPTH, parents
from poller.settings.package import PackageError

MOST_ENTRIES = 1_000_000
"""Over all layers: empty files take no bytes, but inodes. Big images have some hundred thousand."""
_WHITEOUT, _OPAQUE, _RESERVED = ".wh.", ".wh..wh..opq", ".wh..wh."
_MOST_LINKS = 40  # as many as Linux follows (path_resolution(7))
_DEVICES = {tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE}


class Root:
    """A root file system below ``folder``, which is empty and private."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._entries = 0
        self._written: set[str] = set()  # by this layer, with the folders above
        self._real: dict[str, str] = {}  # folders as entries name them, with links resolved

    def begin_layer(self) -> None:
        """Take what is there for lower layers from now on."""
        self._written = set()
        self._real.clear()

    def add(self, entry: tarfile.TarInfo, read: Callable[[int], bytes]) -> None:
        """Put in one entry. read: gives the file's bytes, some at a time. Raises PackageError, OSError."""
        self._entries += 1
        if self._entries > MOST_ENTRIES:
            raise PackageError(f"the layers hold more than {MOST_ENTRIES} files")
        parts = _parts(entry.name)
        if not parts or any(
            part.startswith(_WHITEOUT) for part in parts[:-1]
        ):  # the root; what other formats keep for themselves
            return
        folder, name = "/".join(parts[:-1]), parts[-1]
        if name.startswith(_WHITEOUT):
            self._whiteout(folder, name)
        else:
            self._put(entry, _join(self._walk(folder), name), read)

    def _whiteout(self, folder: str, name: str) -> None:
        where = self._walk(folder, create=False)
        if where is None:
            return
        if name == _OPAQUE:
            self._hide_below(where)
        elif not name.startswith(_RESERVED):  # the layer's own business, of AUFS
            hidden = name.removeprefix(_WHITEOUT)
            if hidden in {"", ".", ".."}:
                raise PackageError(f"a layer holds {name!r}, which hides nothing that may be hidden")
            self._hide(_join(where, hidden))

    def _put(self, entry: tarfile.TarInfo, path: str, read: Callable[[int], bytes]) -> None:
        if entry.isdir():
            if not _is(stat.S_ISDIR, self._mode(path)):
                self._remove(path)
                self._make_folder(path)
        elif entry.isreg():
            self._remove(path)
            self._write(entry, path, read)
        elif entry.issym():
            self._remove(path)
            self._at(path).symlink_to(_sound(entry.linkname))
        elif entry.islnk():
            self._link(entry, path)
        elif entry.type in _DEVICES:
            self._remove(path)
        else:
            raise PackageError(f"a layer holds {entry.name!r}, of a kind that nobody knows: {entry.type!r}")
        self._mark(path)

    def _write(self, entry: tarfile.TarInfo, path: str, read: Callable[[int], bytes]) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self._at(path), flags, 0o600)
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            left = entry.size
            while left:
                data = read(min(left, CHUNK))
                if not data:
                    raise tarfile.ReadError("unexpected end of data")
                file.write(data)
                left -= len(data)
            os.fchmod(descriptor, _file_mode(entry.mode))
            os.utime(descriptor, (entry.mtime, entry.mtime))  # compiled Python files tell theirs by it

    def _link(self, entry: tarfile.TarInfo, path: str) -> None:
        """Make a hard link to a file or link that is in the root already, of this layer or a lower one."""
        parts = _parts(entry.linkname)
        where = self._walk("/".join(parts[:-1]), create=False)
        target = _join(where, parts[-1]) if parts and where is not None else ""
        mode = self._mode(target) if target else None
        if not (_is(stat.S_ISREG, mode) or _is(stat.S_ISLNK, mode)):
            raise PackageError(f"a layer holds a hard link, {entry.name!r}, to {entry.linkname!r}, which is not there")
        if target != path:
            self._remove(path)
            os.link(self._at(target), self._at(path), follow_symlinks=False)

    def _walk(self, folder: str, *, create: bool = True) -> str | None:
        """Return the folder without links on the way to it, made where it is missing; None when there is none and none is to be made.

        Raises PackageError for what is no folder where one is needed, or loops.
        """
        if folder in self._real:
            return self._real[folder]
        ahead, real, links = folder.split("/")[::-1], list[str](), 0
        while ahead:
            part = ahead.pop()
            if part == "..":
                real[-1:] = []
            elif part not in {"", "."}:
                target = self._step("/".join([*real, part]), create=create)
                if target is None:
                    return None
                if target:
                    links += 1
                    real = [] if target.startswith("/") else real
                    ahead += target.split("/")[::-1]
                else:
                    real.append(part)
            if links > _MOST_LINKS or len(real) > MOST_DEPTH:
                raise PackageError(f"a layer holds {folder!r}, which is too deep or loops")
        self._real[folder] = "/".join(real)
        return self._real[folder]

    def _step(self, path: str, *, create: bool) -> str | None:
        """Return where a link leads, "" for a folder; None for anything else, if none is to be made."""
        mode = self._mode(path)
        if _is(stat.S_ISLNK, mode):
            return os.readlink(self._at(path))
        if _is(stat.S_ISDIR, mode):
            return ""
        if not create:  # some packers list what was in a folder as hidden after the file that replaced it
            return None
        if mode is not None:
            raise PackageError(f"a layer holds a file below {path!r}, which is no folder")
        self._make_folder(path)
        self._mark(path)
        return ""

    def _hide(self, path: str) -> None:
        """Remove what lower layers have at ``path``."""
        if path not in self._written:
            self._remove(path)
        elif _is(stat.S_ISDIR, self._mode(path)):
            self._hide_below(path)

    def _hide_below(self, folder: str) -> None:
        with os.scandir(self._at(folder)) as entries:
            names = [entry.name for entry in entries]
        for name in names:
            self._hide(_join(folder, name))

    def _remove(self, path: str) -> None:
        mode = self._mode(path)
        if mode is None:
            return
        if stat.S_ISDIR(mode):
            shutil.rmtree(self._at(path))  # marks of what was below stay: nothing of a lower layer can be there again
        else:
            self._at(path).unlink()
        if not stat.S_ISREG(mode):  # ways led through it
            self._real.clear()

    def _make_folder(self, path: str) -> None:
        self._at(path).mkdir()
        self._at(path).chmod(0o755)

    def _mark(self, path: str) -> None:
        self._written.add(path)
        self._written.update(parents(path))

    def _mode(self, path: str) -> int | None:
        try:
            return self._at(path).lstat().st_mode
        except FileNotFoundError:
            return None

    def _at(self, path: str) -> Path:
        return self._folder / path


def _parts(name: str) -> list[str]:
    """Parts of an entry's name; a leading "/" means the root. Raises PackageError for a name that leads out."""
    parts = [part for part in name.split("/") if part not in {"", "."}]
    if ".." in parts:
        raise PackageError(f"a layer holds {name!r}, which leads out of the image")
    return parts


def _join(folder: str | None, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _is(kind: Callable[[int], bool], mode: int | None) -> bool:
    return mode is not None and kind(mode)


def _sound(target: str) -> str:
    if not target:
        raise PackageError("a layer holds a link to nothing")
    return target


def _file_mode(mode: int) -> int:
    """Readable for all, executable for all if for anybody, writable for the owner at most."""
    return (mode & 0o755) | (0o555 if mode & 0o111 else 0o444)
