"""Secrets by reference: ``file:PATH``, ``env:NAME``, ``credential:NAME`` in place of the secret itself.

Only texts of a configuration file are references, never those of a call: a caller could have files of the daemon's user shown otherwise.
They are read anew each time the files are, so a reload takes what has changed. Nothing here ever repeats a value.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from poller.settings.nodes import Keys, Place

SCHEMES = ("file:", "env:", "credential:")
MOST_BYTES = 65_536
"""A secret is a line or a page. What has more is another file, or none that ends (/dev/zero)."""
CREDENTIALS = "CREDENTIALS_DIRECTORY"
"""Variable in which systemd tells a service where its credentials are (systemd.exec, Credentials)."""


class Secret(str):  # noqa: SLOT000  # it has a reference beside the text
    """The value of a secret that is told by reference. It is a text like any other, but does not show itself in a repr."""

    reference: str
    """What stands for it in the file."""

    def __new__(cls, value: str, reference: str = "") -> Self:
        """A secret, and how it is referred to."""
        secret = super().__new__(cls, value)
        secret.reference = reference
        return secret

    def __repr__(self) -> str:
        return f"<secret {self.reference}>"


class SecretError(Exception):
    """A reference that leads to no secret. The message is a sentence with the remedy; it repeats no value."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass
class Secrets:
    """Where references of one reading lead.

    files: those that were looked at, in order. plain: where a secret stands in a configuration file as it is, and under which keys.
    """

    environment: Mapping[str, str]
    files: list[Path] = field(default_factory=list)
    plain: dict[Place, Keys] = field(default_factory=dict)

    def value(self, text: str, base: Path) -> Secret | None:
        """Return what a text refers to, or None when it is no reference. base: folder that paths are relative to. Raises SecretError."""
        scheme, colon, rest = text.partition(":")
        if f"{scheme}{colon}" not in SCHEMES:
            return None
        if not rest:
            raise SecretError(f"{text} names nothing", "write file:PATH, env:NAME or credential:NAME")
        readers = {"file": self._of_file, "env": self._of_variable, "credential": self._of_credential}
        return Secret(readers[scheme](rest, base), text)

    def _of_file(self, path: str, base: Path) -> str:
        return self._read(base / path, f"there is no {base / path}", "the path is relative to the file it stands in")

    def _of_variable(self, name: str, _: Path) -> str:
        if name not in self.environment:
            raise SecretError(f"the environment has no variable {name}", "set it, or name another one")
        return self.environment[name]

    def _of_credential(self, name: str, _: Path) -> str:
        folder = self.environment.get(CREDENTIALS, "")
        if not folder:
            hint = f"systemd sets {CREDENTIALS} for units with LoadCredential= or SetCredentialEncrypted="
            raise SecretError(f"there are no credentials: {CREDENTIALS} is not set", hint)
        if "/" in name or name in {".", ".."}:
            raise SecretError(
                f"{name} is no name of a credential", "it is the part before the colon in LoadCredential="
            )
        return self._read(
            Path(folder) / name, f"there is no credential {name}", f"the unit wants LoadCredential={name}:..."
        )

    def _read(self, path: Path, missing: str, hint: str) -> str:
        self.files.append(path)
        try:
            if not path.is_file():
                raise SecretError(missing if not path.exists() else f"{path} is no file", hint)
            with path.open("rb") as file:
                content = file.read(MOST_BYTES + 1)
            text = content.decode()
        except OSError as error:
            raise SecretError(f"{path} cannot be read: {error.strerror}", "this user must be allowed to") from error
        except UnicodeDecodeError:
            raise SecretError(f"{path} is no text in UTF-8") from None
        if len(content) > MOST_BYTES:
            raise SecretError(f"{path} has more than {MOST_BYTES} bytes", "a secret is shorter")
        if "\0" in text:
            raise SecretError(f"{path} is no text")
        return text.removesuffix("\n").removesuffix("\r")


def open_to_others(file: Path) -> bool:
    """Whether every user of this host can read a file: by its mode, and by those of all folders above it."""
    file = file.resolve()
    try:
        readable = bool(file.stat().st_mode & stat.S_IROTH)
        return readable and all(os.stat(folder).st_mode & stat.S_IXOTH for folder in file.parents)  # noqa: PTH116  # a mode
    except OSError:
        return False
