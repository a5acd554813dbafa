"""What has been built on this host: one folder a build, one link an identifier, so that a new build takes over in one step.

    <state>/runtimes/python3.12 -> builds/python3.12-1f00c2aa
    <state>/runtimes/builds/python3.12-1f00c2aa/{runtime.json, client/, lang/, root/}

A running function keeps the build that it began with: the former build stays until the next but one.
"""

from __future__ import annotations

import dataclasses
import json
import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

MANIFEST = "runtime.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """One built runtime.

    folder: where it lies. version: of the language. client: name and version of the runtime interface client, and of the SDK.
    interpreter: relative to prefix; without one, an absolute path on the system it runs on. prefix: the folder that functions see as
    /var/lang, absolute or relative to the build; "" for an interpreter under /usr. rooted: it has a root file system, root/.
    seen: host paths beyond /usr that it needs at their own places. parts: (name, host path) of what sandboxes see in place of its client's
    folder, "" for the folder itself.
    """

    identifier: str
    folder: Path
    version: str
    client: str
    interpreter: str
    prefix: str = ""
    rooted: bool = False
    seen: tuple[str, ...] = ()
    parts: tuple[tuple[str, str], ...] = ()

    @property
    def client_folder(self) -> Path:
        """What functions see as /var/runtime."""
        return self.folder / "client"

    @property
    def root(self) -> Path | None:
        """Its root file system."""
        return self.folder / "root" if self.rooted else None

    @property
    def executable(self) -> Path:
        """The interpreter, as a path of this host."""
        if self.rooted:
            return self.folder / "root" / self.interpreter.lstrip("/")
        return self.folder / self.prefix / self.interpreter

    def write(self) -> None:
        """Put the manifest into the build's folder: the last thing that a build does."""
        values = {name: value for name, value in dataclasses.asdict(self).items() if name not in {"folder", "parts"}}
        (self.folder / MANIFEST).write_text(json.dumps(values, indent=1))


def installed(state: Path, identifier: str) -> Build | None:
    """The build in force; None when there is none. Raises OSError or ValueError for one that cannot be read."""
    link = state / "runtimes" / identifier
    if not link.is_symlink():
        return None
    folder = link.resolve()
    values = json.loads((folder / MANIFEST).read_text())
    try:
        return Build(folder=folder, **{**values, "seen": tuple(values["seen"])})
    except (KeyError, TypeError) as error:
        raise ValueError(f"{folder / MANIFEST} is no manifest of this version") from error


def put_in_force(state: Path, build: Path, identifier: str) -> Path:
    """Move a finished build to its place and let the identifier mean it, in one step. Returns where it lies now."""
    builds = state / "runtimes" / "builds"
    builds.mkdir(parents=True, exist_ok=True)
    name = f"{identifier}-{secrets.token_hex(4)}"
    build.rename(builds / name)
    link = state / "runtimes" / identifier
    former = link.readlink().name if link.is_symlink() else ""
    beside = state / "runtimes" / f".{name}"
    beside.symlink_to(Path("builds") / name)
    os.replace(beside, link)  # noqa: PTH105  # Path.replace, by the name of the system call that makes it one step
    for other in builds.iterdir():
        if other.name.rpartition("-")[0] == identifier and other.name not in {name, former}:
            shutil.rmtree(other, ignore_errors=True)
    return builds / name
