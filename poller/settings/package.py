"""What holds for every deployment package: how big it may be unpacked, and that the handler's file is in it.

What a folder or a .zip holds is read in code.py. Pure.
Sources: Lambda DG, Lambda quotas; Define Lambda function handler in Python.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import PurePosixPath

MOST_UNPACKED_BYTES = 262_144_000
"""Package and layers together, unpacked (Lambda quotas: 250 MB)."""

_MODULE_ENDINGS = (".py", ".pyc", ".so")


class PackageError(Exception):
    """The package cannot serve. The message is a sentence; ``hint`` says what to do, or is ""."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class Room:
    """Bytes that may still be unpacked: one room for a package and all its layers.

    most: bytes. Counted are files' contents as they are written or declared, also of files that a later layer replaces.
    """

    def __init__(self, most: int | None = None, what: str = "package and layers together") -> None:
        self._most = self._left = MOST_UNPACKED_BYTES if most is None else most
        self._what = what

    def take(self, size: int) -> None:
        """Give up ``size`` bytes. Raises ``PackageError`` when there are not that many."""
        self._left -= size
        if self._left < 0:
            raise PackageError(f"{self._what} must be smaller than {self._most} bytes unpacked")


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
