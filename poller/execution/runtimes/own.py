"""The runtime that needs no build: the daemon's own interpreter with the client and the SDK that the daemon was installed with.

Those distributions, and nothing else of the daemon's, are linked into a folder of their own. For sandboxes there is a second one, with
room to mount each package into it: a mount costs a cold start a quarter of a millisecond, so files and metadata, two thirds of the parts,
are copied.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import shutil
import sys
import tempfile
from importlib.metadata import distribution
from pathlib import Path

from poller.execution.runtimes import python
from poller.execution.runtimes.installed import Build

IDENTIFIER = f"python{sys.version_info.major}.{sys.version_info.minor}"
"""The identifier of the daemon's own interpreter."""

DISTRIBUTIONS = (
    "awslambdaric",
    "snapshot-restore-py",
    "simplejson",
    "boto3",
    "botocore",
    "s3transfer",
    "jmespath",
    "python-dateutil",
    "six",
    "urllib3",
)
"""The client with what it needs, and the SDK that the service's own Python runtimes carry."""

MOUNTED = "mounted"
"""The folder that sandboxes see."""


@functools.cache
def own_build(state: Path) -> Build:
    """The runtime, its folder made on first use; shared by all functions and by all daemons with this state. Raises OSError.

    Looked for once: the SDK has thousands of files, and listing them takes longer than a cold start.
    """
    parts = _parts()
    folder = _folder(state, parts)
    mounted = {name: path for name, path in parts.items() if _is_package(path)}
    interpreter = Path(sys.executable).resolve()  # not the virtual environment's link to it
    prefix = "" if interpreter.is_relative_to("/usr") else sys.base_prefix
    return Build(
        identifier=IDENTIFIER,
        folder=folder,
        version=".".join(map(str, sys.version_info[:3])),
        client=description(),
        interpreter=str(interpreter.relative_to(prefix)) if prefix else str(interpreter),
        prefix=prefix,
        parts=(("", str(folder / MOUNTED)), *((name, str(path)) for name, path in mounted.items())),
    )


def description() -> str:
    """Client and SDK with their versions."""
    return " with ".join(f"{name} {distribution(name).version}" for name in ("awslambdaric", "boto3"))


def _folder(state: Path, parts: dict[str, Path]) -> Path:
    """The build's folder. Named after what it is made of, so that an upgrade of the daemon is noticed."""
    made_of = sorted((name, str(path), path.is_file() and path.stat().st_mtime_ns) for name, path in parts.items())
    digest = hashlib.sha256(repr(made_of).encode())
    folder = state / "runtimes" / "own" / f"{IDENTIFIER}-{digest.hexdigest()[:16]}"
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".linking-") as beside:
            build = Path(beside) / "build"
            for view in ("client", MOUNTED):
                (build / view).mkdir(parents=True)
            for name, path in parts.items():
                (build / "client" / name).symlink_to(path)
                _put(path, build / MOUNTED / name)
            with contextlib.suppress(OSError):  # another daemon was faster
                build.rename(folder)
        if not folder.is_dir():
            raise OSError(f"{folder} cannot be made")
    return folder


def _put(part: Path, place: Path) -> None:
    """A package gets a folder to be mounted over; all else is copied."""
    if _is_package(part):
        place.mkdir()
    elif part.is_dir():
        shutil.copytree(part, place)
    else:
        shutil.copy2(part, place)


def _is_package(part: Path) -> bool:
    return part.is_dir() and part.suffix != ".dist-info"


def _parts() -> dict[str, Path]:
    """Name in /var/runtime -> where it is installed. Names of versions are among them: *.dist-info."""
    parts = {python.BOOTSTRAP: Path(__file__).resolve().with_name(python.BOOTSTRAP)}
    for name in DISTRIBUTIONS:
        found = distribution(name)
        for file in found.files or ():
            top = file.parts[0]
            if top not in {"..", "__pycache__"} and top not in parts:
                parts[top] = Path(str(found.locate_file(top))).resolve()
    return parts
