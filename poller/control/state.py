"""Published versions as values: what is frozen of a function, and how settings are made of it again. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from poller.settings.containers import named
from poller.settings.decode import Decoder
from poller.settings.model import FunctionSettings, ImageCode
from poller.settings.nodes import Place, from_value
from poller.settings.problems import Report


class FrozenError(Exception):
    """What was frozen cannot be read by this version of pollerd. The message is a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A published version; nothing of it ever changes.

    number: from 1 on, never given twice to the same function's name. configuration: settings as JSON values, files and folders as the
    digests of their content. created: ISO 8601, UTC, milliseconds. shown: what AWS keeps of a version and nothing here acts on, by AWS's
    names.
    """

    function: str
    number: int
    configuration: Mapping[str, Any]
    description: str
    created: str
    shown: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def code(self) -> str:
        """Digest of its code, SHA-256 in hex: of the package, or of the image."""
        code = self.configuration["code"]
        return code if isinstance(code, str) else str(code["image"]).rpartition(":")[2]

    @property
    def target(self) -> str:
        """What an invocation of it goes to."""
        return f"{self.function}:{self.number}"


@dataclass(frozen=True, slots=True)
class Published:
    """All versions at one moment, in the order of function and number."""

    versions: tuple[Version, ...] = ()

    def of(self, function: str) -> dict[int, Version]:
        """The versions of a function, by number, oldest first."""
        return {version.number: version for version in self.versions if version.function == function}


def freeze(function: FunctionSettings, package: Callable[[str], str], image: Callable[[str], str]) -> dict[str, Any]:
    """What a version keeps of a function: all but the keys that are marked as unversioned.

    package: the digest of a file or folder, which has a copy by then. image: the reference that means this very image for ever.
    """
    frozen = {}
    for field in dataclasses.fields(function):
        value = getattr(function, field.name)
        if isinstance(value, ImageCode):
            frozen[field.name] = {"image": image(value.image)}
        elif value not in (None, "") and not field.metadata.get("unversioned"):  # these are keys that are left out
            plain = _plain(value)
            frozen[field.name] = _digested(plain, package) if field.metadata.get("path") else plain
    return frozen


def thaw(frozen: Mapping[str, Any], code: Path) -> FunctionSettings:
    """Settings of a version, with defaults for what is not versioned. code: the folder of the copies. Raises FrozenError."""
    report = Report()
    place = Place(code / "version")  # paths are relative to it, as they are to a file they stand in
    node = from_value(dict(frozen), place)
    settings = named(Decoder(report, code).dataclass(FunctionSettings, node, ()), node)
    if report:
        raise FrozenError("; ".join(str(problem) for problem in report.problems(from_value({}, place))))
    return settings  # type: ignore[no-any-return]  # the decoder returns what it was asked for


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        found = {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {name: item for name, item in found.items() if item is not None}
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [_plain(item) for item in value]
    return value


def _digested(value: Any, digest: Callable[[str], str]) -> Any:
    return [digest(item) for item in value] if isinstance(value, list) else digest(value)
