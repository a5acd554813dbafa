"""The provided Python runtime: the daemon's interpreter with AWS's runtime client and SDK, and nothing else of the daemon's.

A runtime is a folder of links to just those distributions, the function's /var/runtime.
"""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import sys
import tempfile
from importlib.metadata import distribution
from pathlib import Path

NAME = f"python{sys.version_info.major}.{sys.version_info.minor}"
"""The one Python runtime this host provides."""

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


def interpreter() -> str:
    """The interpreter itself, not the virtual environment's link to it."""
    return os.path.realpath(sys.executable)


@functools.cache
def runtime_folder(state: Path) -> Path:
    """The folder of links, made on first use; shared by all functions and by all daemons with this state. Raises OSError.

    Looked for once: the SDK has thousands of files, and listing them takes longer than a cold start.
    """
    links = _links()
    name = hashlib.sha256(repr(sorted(links.items())).encode()).hexdigest()[:16]
    folder = state / "runtimes" / f"{NAME}-{name}"
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".linking-"))
        for link, target in links.items():
            (beside / link).symlink_to(target)
        beside.chmod(0o755)
        try:
            beside.rename(folder)
        except OSError:
            shutil.rmtree(beside, ignore_errors=True)
            if not folder.is_dir():  # else another daemon was faster
                raise
    return folder


def _links() -> dict[str, str]:
    """Top-level name -> where it is installed."""
    links = {}
    for name in DISTRIBUTIONS:
        found = distribution(name)
        for file in found.files or ():
            top = file.parts[0]
            if top not in {"..", "__pycache__"}:
                links[top] = os.path.realpath(str(found.locate_file(top)))
    return links
