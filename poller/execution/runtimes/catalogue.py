"""Identifier -> runtime, and what to do for the ones that this host cannot start yet."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from poller.execution.runtimes import java, node, own, provided, python, ruby
from poller.execution.runtimes.contract import Runtime, RuntimeUnavailable
from poller.execution.runtimes.installed import Build, installed
from poller.execution.runtimes.managed import ManagedRuntime, Start
from poller.settings.functions import RETIRED, RUNTIMES
from poller.settings.problems import nearest

STARTS: dict[str, Start] = {"python": python.start, "nodejs": node.start, "java": java.start, "ruby": ruby.start}
"""Language -> how its runtimes start."""
WAITING = frozenset({"python"})
"""Languages whose interpreter can be up, client loaded, before it is told to go on."""

_FORM = re.compile(r"(python|nodejs(?!16)|java|ruby)(\d+(?:\.\d+)?)(?:\.x|\.al2|\.al2023)?")


@dataclass(frozen=True, slots=True)
class Language:
    """An identifier taken apart: nodejs22.x is nodejs, 22."""

    name: str
    version: str


def language(identifier: str) -> Language | None:
    """The language of an identifier that AWS knows; None for provided ones and for languages without a client here."""
    match = _FORM.fullmatch(identifier)
    return Language(match[1], match[2]) if match and identifier in RUNTIMES else None


def find(identifier: str, state: Path) -> Runtime:
    """The runtime, ready to start functions. A build that was asked for wins over the daemon's own interpreter.

    Raises RuntimeUnavailable, with the remedy.
    """
    if identifier in provided.IDENTIFIERS:
        return provided.ProvidedRuntime(identifier)
    found = language(identifier)
    if found is None:
        raise RuntimeUnavailable(_no_language(identifier))
    build = _build(identifier, state)
    waits = found.name in WAITING
    return ManagedRuntime(build, found.name, found.version, STARTS[found.name], waits=waits)


def _build(identifier: str, state: Path) -> Build:
    remedy = f"`pollerd runtimes install {identifier}`"
    try:
        build = installed(state, identifier)
        if build is None and identifier == own.IDENTIFIER:
            build = own.own_build(state)
    except (OSError, ValueError) as error:
        raise RuntimeUnavailable(
            f"the runtime {identifier} cannot be read ({error}); {remedy} builds it anew"
        ) from error
    if build is None:
        raise RuntimeUnavailable(f"the runtime {identifier} is not installed; {remedy} builds it")
    if not build.executable.exists():
        raise RuntimeUnavailable(
            f"the interpreter of {identifier}, {build.executable}, is gone; {remedy} builds it anew"
        )
    return build


def _no_language(identifier: str) -> str:
    if identifier in (*RUNTIMES, *RETIRED):
        way = "publish the function as an executable named bootstrap, with the runtime provided.al2023"
        if identifier.startswith("nodejs"):
            way = "its Node is too old for what starts functions here, nodejs18.x is the oldest"
        return f"the runtime {identifier} has no client here; {way}"
    hint = nearest(identifier, RUNTIMES)
    return f"{identifier!r} is no runtime that AWS offers" + (f"; {hint}" if hint else "")
