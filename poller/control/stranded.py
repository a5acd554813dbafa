"""Mappings that calls made and whose function is deleted: as on AWS they stay, and go on when there is one of that name again."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from poller.control.fleet import Fleet
from poller.control.made import Key, Kind, Made
from poller.settings.model import MappingSettings
from poller.settings.references import function_reference

MAPPINGS: Final[Kind] = "event_source_mappings"


@dataclass(frozen=True, slots=True)
class Stranded:
    """A mapping that cannot be used as things are. why: a sentence."""

    settings: MappingSettings
    why: str


@contextlib.asynccontextmanager
async def at_rest(fleet: Fleet, broken: dict[Key, str], lost: Mapping[Key, str]) -> AsyncIterator[None]:
    """Have mappings finish what they began, which takes their function; they do not run any more, unless the block fails.

    broken: objects that cannot be used, to which these are added. lost: why they cannot.
    """
    if not lost:
        yield
        return
    before = fleet.settings
    others = {name: of_it for name, of_it in before.event_source_mappings.items() if (MAPPINGS, name) not in lost}
    broken |= lost
    try:
        await fleet.apply(dataclasses.replace(before, event_source_mappings=others), only=())
        await fleet.ended()
        yield
    except BaseException:
        for key in lost:
            del broken[key]
        await fleet.apply(before, only=())
        raise


def functions(keys: Iterable[Key]) -> set[str]:
    """Names of the functions among objects."""
    return {name for kind, name in keys if kind == "functions"}


def leading(made: Mapping[Key, Made], to: Collection[str]) -> dict[Key, str]:
    """Mappings among objects that lead to one of these functions, and what is wrong with them while it is not there."""
    return {key: _missing(name) for key, name in _led(made.values()).items() if name in to} if to else {}


def leading_elsewhere(made: Iterable[Made], than: Collection[str]) -> dict[Key, str]:
    """Mappings among objects that lead to no function that there is, and what is wrong with them."""
    return {key: _missing(name) for key, name in _led(made).items() if name not in than}


def _led(made: Iterable[Made]) -> dict[Key, str]:
    """Names of the functions that mappings lead to."""
    found = {each.key: function_reference(str(each.document.get("function"))) for each in made if each.kind == MAPPINGS}
    return {key: reference.name for key, reference in found.items() if reference is not None}


def _missing(function: str) -> str:
    return f"there is no function {function!r}"
