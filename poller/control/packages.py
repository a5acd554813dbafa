"""Packages that came by calls: each a .zip beside its unpacked copy on the shelf, named by its digest, so that equal ones are there once.

The .zip stays as long as a function, a version or a layer names it: who asks for the code gets the very bytes that came.
"""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
import time
from base64 import b64encode
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from poller.control.versions import code_of
from poller.execution.package import size
from poller.execution.package.shelf import IDLE_SECONDS
from poller.settings.code import opened, opened_zip
from poller.settings.model import Settings
from poller.settings.package import PackageError

ENDING = ".zip"
_HALF = ".coming-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """digest: SHA-256 of the .zip, hexadecimal. size: its bytes. unpacked: bytes of its files, as it declares them."""

    digest: str
    size: int
    unpacked: int

    @property
    def code_sha256(self) -> str:
        """The digest as the API tells it."""
        return in_base64(self.digest)

    @property
    def reference(self) -> str:
        """As a document names it: relative to the folder of code copies."""
        return self.digest + ENDING


def in_base64(digest: str) -> str:
    """A hexadecimal digest as AWS tells it (Lambda API reference, CodeSha256)."""
    return b64encode(bytes.fromhex(digest)).decode()


def examined(data: bytes) -> Package:
    """What a .zip is, looked through as a whole. Raises PackageError for what is none, or must not be unpacked."""
    with opened_zip(io.BytesIO(data), Path("the package")) as members:
        return Package(digest=hashlib.sha256(data).hexdigest(), size=len(data), unpacked=size(members))


def keep(package: Package, data: bytes, settings: Settings) -> None:
    """Put a .zip on the shelf; on the disk when this returns. Raises PackageError."""
    path = path_of(package.digest, settings)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            os.utime(path)
            return
        descriptor, half = tempfile.mkstemp(dir=path.parent, prefix=_HALF)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(descriptor)
            Path(half).rename(path)
        except BaseException:
            Path(half).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise PackageError(f"the package cannot be kept: {error}") from error


def path_of(digest: str, settings: Settings) -> Path:
    """Where the .zip is, if it is there."""
    return code_of(settings) / (digest + ENDING)


def unpacked_size(digest: str, settings: Settings) -> int:
    """Bytes of the files of a .zip on the shelf, as it declares them. Blocking. Raises PackageError."""
    with opened(path_of(digest, settings)) as members:
        return size(members)


def collect(folder: Path, needed: Collection[str], *, idle_seconds: float = IDLE_SECONDS) -> list[Path]:
    """Remove the .zips on a shelf that nobody names, and what came half; return what was removed. Raises OSError.

    needed: digests. idle_seconds: what was kept so recently stays in any case, somebody may be about to name it.
    """
    if not folder.is_dir():
        return []
    before = time.time() - idle_seconds
    found = [
        path
        for path in sorted(folder.iterdir())
        if (path.suffix == ENDING and path.stem not in needed) or path.name.startswith(_HALF)
    ]
    gone = [path for path in found if path.is_file() and path.stat().st_mtime < before]
    for path in gone:
        path.unlink(missing_ok=True)
    return gone
