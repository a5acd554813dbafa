"""What a deployment package has to be: a folder or a sound .zip, not too big, with the handler's file in it.

Looks at the file system, changes nothing. Unpacking is the driver's business.
Sources: Lambda DG, Lambda quotas; Working with .zip file archives; Define Lambda function handler in Python.
"""

from __future__ import annotations

import difflib
import os
import stat
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

MOST_UNPACKED_BYTES = 262_144_000
"""Package and layers together, unpacked (Lambda quotas: 250 MB)."""

_MODULE_ENDINGS = (".py", ".pyc", ".so")


class PackageError(Exception):
    """The package cannot serve. The message is a sentence; ``hint`` says what to do, or is ""."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def contents(code: Path) -> list[str]:
    """Return the package's files as paths relative to its root, having checked that it is sound and not too big.

    Raises ``PackageError``.
    """
    try:
        if code.is_dir():
            sizes = _folder(code)
        elif not code.exists():
            raise PackageError(f"there is no {code}")
        elif code.suffix.lower() == ".zip":
            sizes = _archive(code)
        else:
            raise PackageError(f"{code} is neither a folder nor a .zip")
    except OSError as error:
        raise PackageError(f"{error.filename or code} cannot be read: {error.strerror}") from error
    return list(sizes)


def _folder(root: Path) -> dict[str, int]:
    sizes: dict[str, int] = {}
    total = 0
    for path in _walk(root):
        sizes[path.relative_to(root).as_posix()] = size = path.lstat().st_size
        total += size
        _refuse_too_big(total)
    return sizes


def _walk(root: Path) -> Iterator[Path]:
    def fail(error: OSError) -> None:
        raise error

    for folder, _, names in os.walk(root, onerror=fail):
        for name in names:
            yield Path(folder, name)


def _archive(file: Path) -> dict[str, int]:
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            _refuse_too_big(sum(member.file_size for member in members))
            for member in members:
                path = PurePosixPath(member.filename)
                if path.is_absolute() or ".." in path.parts:
                    raise PackageError(f"{file} holds {member.filename!r}, which leads out of the package")
                if stat.S_ISLNK(member.external_attr >> 16):
                    raise PackageError(f"{file} holds a link, {member.filename!r}; links are not unpacked")
            if damaged := archive.testzip():
                raise PackageError(f"{file} is damaged at {damaged!r}: the checksum does not match")
            return {member.filename: member.file_size for member in members if not member.is_dir()}
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError) as error:
        raise PackageError(f"{file} is no readable .zip: {error}", "pack it anew") from error
    except (RuntimeError, NotImplementedError) as error:  # a password, or a compression that Python does not know
        raise PackageError(f"{file} cannot be unpacked: {error}", "pack it anew without") from error


def _refuse_too_big(size: int) -> None:
    if size > MOST_UNPACKED_BYTES:
        raise PackageError(f"unpacked it must be smaller than {MOST_UNPACKED_BYTES} bytes")


def check_python_handler(handler: str, files: Sequence[str]) -> None:
    """Check that the module of ``path/to/module.function`` or ``package.module.function`` is among the package's files.

    Raises ``PackageError``. Whether the function is in the module only running it can tell.
    """
    module, _, function = handler.rpartition(".")
    parts = module.replace("/", ".").split(".")
    if not module or not function or "" in parts:
        raise PackageError(f"{handler!r} is not file.function", "app.handler is handler in app.py")
    path = "/".join(parts)
    if any(_is_module(file, path) for file in files):
        return
    modules = {
        file.removesuffix(".py").removesuffix("/__init__"): file for file in sorted(files) if file.endswith(".py")
    }
    alike = [stem for stem in modules if PurePosixPath(stem).name == parts[-1]] or difflib.get_close_matches(
        path, modules, 1
    )
    hint = f"there is {modules[alike[0]]}" if alike else "" if modules else "there is no Python file in it at all"
    raise PackageError(f"the package has no {path}.py for the handler {handler!r}", hint)


def _is_module(file: str, path: str) -> bool:
    stem, dot, ending = file.partition(".")
    return stem in {path, f"{path}/__init__"} and f"{dot}{ending}".endswith(_MODULE_ENDINGS)
