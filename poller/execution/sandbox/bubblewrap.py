"""What a sandbox is made of, as arguments for bubblewrap. Pure but for looking at folders.

Inside there is what the service shows (Lambda DG, execution environment): the package at /var/task, layers at /opt, the runtime, a private
/tmp of the configured size; all else read-only. Nothing of the daemon's state, configuration or variables, no other function.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

USER, GROUP = 993, 990
"""Inside; recorded on the service (sbx_user1051)."""
HOST_NAME = "sandbox"
TEMPORARY = "/tmp"  # noqa: S108  # the service's
DEVICES = ("null", "zero", "full", "random", "urandom")
BYTES_PER_FILE = 4096
"""Of /tmp's size, one file: with anything in it, it takes a page anyway, so only empty ones are fewer than they might be."""
HOST_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
HOST_ETC = (
    "alternatives",
    "ca-certificates",
    "crypto-policies",
    "java-17-openjdk",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "mime.types",
    "nsswitch.conf",
    "pki",
    "protocols",
    "services",
    "ssl",
    "timezone",
)
"""What programs of the host need of /etc; nothing that says who lives on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What a sandbox shows.

    root: a root file system of its own, None: the host's programs. mounts: path inside -> the host's, read-only. files: the same for
    single files such as /etc/hosts. writable: the same for folders that may be written to. temporary_bytes: size of /tmp.
    """

    root: Path | None
    mounts: Mapping[str, str]
    files: Mapping[str, str] = field(default_factory=dict)
    writable: Mapping[str, str] = field(default_factory=dict)
    temporary_bytes: int


def arguments(layout: Layout, *, own_user: bool, own_network: bool) -> list[str]:
    """Arguments up to the program. own_user: a user namespace, for a daemon without privileges."""
    words = ["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try", "--hostname", HOST_NAME]
    words += [
        "--die-with-parent",
        "--as-pid-1",
    ]  # a holder that goes on, because the spawner was killed, ends at once and not after its orphans
    if own_user:
        words += ["--unshare-user", "--uid", str(USER), "--gid", str(GROUP)]
    if own_network:
        words += ["--unshare-net"]
    points = {**layout.mounts, **layout.files, **layout.writable}
    made = ["/proc", "/dev", TEMPORARY]
    words += [*_folders(points), *_host(points)] if layout.root is None else _grafted(layout.root, [*points, *made])
    for inside, outside in sorted(points.items()):  # a folder before what lies in it
        words += ["--bind" if inside in layout.writable else "--ro-bind", outside, inside]
    words += ["--proc", "/proc", "--dir", "/dev"]
    for name in DEVICES:
        words += ["--dev-bind", f"/dev/{name}", f"/dev/{name}"]
    for name, target in (("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0")):
        words += ["--symlink", target, f"/dev/{name}"]
    for number, name in ((1, "stdout"), (2, "stderr")):
        words += ["--symlink", f"/proc/self/fd/{number}", f"/dev/{name}"]
    words += ["--perms", "1777", "--size", str(layout.temporary_bytes), "--tmpfs", TEMPORARY, "--remount-ro", "/"]
    return words


def _folders(points: Iterable[str]) -> Iterator[str]:
    """What mount points lie in; bubblewrap itself would make folders that only root can enter."""
    for folder in sorted({parent for point in [*points, "/etc/x"] for parent in PurePosixPath(point).parents}):
        if folder != PurePosixPath("/"):
            yield from ("--perms", "0755", "--dir", str(folder))


def _host(points: Iterable[str]) -> Iterator[str]:
    """The host's programs, and as much of /etc as they need."""
    for name in HOST_SYSTEM:
        path = Path(name)
        if path.is_symlink():
            yield from ("--symlink", os.readlink(path), name)
        elif path.is_dir():
            yield from ("--ro-bind", name, name)
    for name in HOST_ETC:
        if f"/etc/{name}" not in points:
            yield from ("--ro-bind-try", f"/etc/{name}", f"/etc/{name}")


def _grafted(root: Path, points: Iterable[str]) -> list[str]:
    """A root file system with room for mount points that it lacks.

    A read-only folder cannot be given a new entry, so the folder is made anew and what it has is mounted into it. A link where a mount
    point or a folder on the way to one should be is left out: it would be followed on the host, and lead out of the root.
    """
    wanted = {PurePosixPath(point) for point in points}
    above = {parent for point in wanted for parent in point.parents}
    missing = {parent for parent in above if not _has(root, parent, stat.S_ISDIR)}
    anew = {PurePosixPath("/")}
    for point in wanted:
        if not _has(root, point, lambda mode: not stat.S_ISLNK(mode)):
            anew.update(point.parents)
    words = []
    for folder in sorted(anew):
        if folder != PurePosixPath("/"):
            words += ["--perms", "0755", "--dir", str(folder)]
        if folder not in missing:
            words += _entries(root, folder, {*wanted, *anew, *missing})
    return words


def _entries(root: Path, folder: PurePosixPath, others: Collection[PurePosixPath]) -> Iterator[str]:
    """What the folder has but for the others, which are seen to elsewhere."""
    for entry in sorted(_on_host(root, folder).iterdir()):
        inside = folder / entry.name
        if inside in others:
            continue
        if entry.is_symlink():
            yield from ("--symlink", os.readlink(entry), str(inside))
        else:
            yield from ("--ro-bind", str(entry), str(inside))


def _has(root: Path, point: PurePosixPath, kind: Callable[[int], bool]) -> bool:
    """Whether the entry is of that kind, and below folders only."""
    try:
        above = [_on_host(root, parent).lstat().st_mode for parent in point.parents]
        return all(map(stat.S_ISDIR, above)) and kind(_on_host(root, point).lstat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _on_host(root: Path, inside: PurePosixPath) -> Path:
    return root / inside.relative_to("/")
