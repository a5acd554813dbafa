"""The list of runtimes: available or not, what each is made of, and what to do to get it. Starts interpreters to ask their versions."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from poller.execution.runtimes import interpreters
from poller.execution.runtimes.building.debian import SUITES
from poller.execution.runtimes.catalogue import Language, find, language
from poller.execution.runtimes.contract import RuntimeUnavailable
from poller.settings.functions import RUNTIMES


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One runtime. root: it has a root file system. text: what it is made of, or what to do."""

    identifier: str
    available: bool
    root: bool
    text: str

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return dataclasses.asdict(self)


def listing(state: Path) -> list[Line]:
    """Every identifier that AWS offers, in AWS's order."""
    return [_line(identifier, state) for identifier in RUNTIMES]


def _line(identifier: str, state: Path) -> Line:
    try:
        runtime = find(identifier, state)
    except RuntimeUnavailable as error:
        wanted = language(identifier)
        text = str(error) if wanted is None else f"{error}{_from(identifier, wanted)}"
        return Line(identifier=identifier, available=False, root=False, text=text)
    return Line(identifier=identifier, available=True, root=runtime.root is not None, text=runtime.description)


def _from(identifier: str, wanted: Language) -> str:
    """From what a build would be made."""
    if wanted.name == "nodejs":
        return ", from npm"
    found = interpreters.find(wanted.name, wanted.version)
    if found is not None:
        return f", from {found.path} ({found.version})"
    if identifier in SUITES:
        return f" with --root, from Debian {SUITES[identifier].name}"
    return ", once there is an interpreter here (--interpreter FILE)"
