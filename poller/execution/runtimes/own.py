"""The runtime that needs no build: the daemon's own interpreter with the client and the SDK that the daemon was installed with.

Those distributions, and nothing else of the daemon's, are linked into a folder of their own; a sandbox mounts each at its place.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
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


@functools.cache
def own_build(state: Path) -> Build:
    """The runtime, its folder made on first use; shared by all functions and by all daemons with this state. Raises OSError.

    Looked for once: the SDK has thousands of files, and listing them takes longer than a cold start.
    """
    parts = _parts()
    interpreter = Path(sys.executable).resolve()  # not the virtual environment's link to it
    prefix = "" if interpreter.is_relative_to("/usr") else sys.base_prefix
    return Build(
        identifier=IDENTIFIER,
        folder=_folder(state, parts),
        version=".".join(map(str, sys.version_info[:3])),
        client=description(),
        interpreter=str(interpreter.relative_to(prefix)) if prefix else str(interpreter),
        prefix=prefix,
        parts=tuple((name, str(path)) for name, path in parts.items()),
    )


def description() -> str:
    """Client and SDK with their versions."""
    return " with ".join(f"{name} {distribution(name).version}" for name in ("awslambdaric", "boto3"))


def _folder(state: Path, parts: dict[str, Path]) -> Path:
    """The build's folder, made of links. Named after what they lead to, so that an upgrade of the daemon is noticed."""
    digest = hashlib.sha256(repr(sorted((name, str(path)) for name, path in parts.items())).encode())
    folder = state / "runtimes" / "own" / f"{IDENTIFIER}-{digest.hexdigest()[:16]}"
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".linking-") as beside:
            client = Path(beside) / "build" / "client"
            client.mkdir(parents=True)
            for name, path in parts.items():
                (client / name).symlink_to(path)
            with contextlib.suppress(OSError):  # another daemon was faster
                client.parent.rename(folder)
        if not folder.is_dir():
            raise OSError(f"{folder} cannot be made")
    return folder


def _parts() -> dict[str, Path]:
    """Name in /var/runtime -> where it is installed. Names of versions are among them: *.dist-info."""
    parts = {python.BOOTSTRAP: Path(__file__).resolve().with_name(python.BOOTSTRAP)}
    for name in DISTRIBUTIONS:
        found = distribution(name)
        for file in found.files or ():
            top = file.parts[0]
            if top not in {"..", "__pycache__"}:
                parts[top] = Path(str(found.locate_file(top))).resolve()
    return parts
