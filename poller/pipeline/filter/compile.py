"""From the JSON of one filter to its rules.

A rule is a conjunction: every field of it must be satisfied. ``$or`` is resolved here, so that a filter is a list of
rules any one of which is enough. A path named twice keeps its last demand, be it by a repeated key, a dotted spelling
or an ``$or`` branch.

Source: Lambda DG, Event filtering; the open-source engine behind it (event-ruler) for what the guide leaves open.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from poller.pipeline.filter.error import FilterError
from poller.pipeline.filter.leaf import Leaf, leaf
from poller.pipeline.filter.match import Field, Rule
from poller.pipeline.filter.operators import OPERATORS, Members
from poller.pipeline.filter.path import path

MAX_CHARACTERS = 4096
"""Length of one pattern (Lambda API, Filter.Pattern)."""

MAX_STEPS = 100
"""Names in one path. AWS states no figure; this bounds the ways of spelling a path that ``path`` keeps."""

MAX_RULES = 1000
"""Rules of one filter: ``$or`` inside ``$or`` multiplies them. AWS states no figure; 4 KB of pattern could make billions."""

OR = "$or"

RESERVED_IN_OR = frozenset(
    {
        *OPERATORS,
        *("=", "<", "<=", ">", ">=", "regex", "not-wildcard", "not-equals-ignore-case", "in-date-range"),
        *("date-after", "date-on-or-after", "date-before", "date-on-or-before"),
        *("ip-address-in-range", "ip-address-not-in-range"),
    }
)
"""Field names that may not stand inside ``$or`` (event-ruler, reserved field names)."""


def compile_filter(pattern: object) -> tuple[Rule, ...]:
    """Rules of one filter, a mapping or JSON text. Raises ``FilterError`` without an index, and nothing else."""
    text = pattern if isinstance(pattern, str) else written(pattern)
    if len(text) > MAX_CHARACTERS:
        raise FilterError(f"the pattern has {len(text)} characters of JSON, more than {MAX_CHARACTERS}")
    members = read(text)
    if not isinstance(members, Members):
        raise FilterError("Filter is not an object")
    branches: list[dict[str, Leaf]] = [{}]
    collect(members, "", branches, in_or=False)
    return tuple(Rule(tuple(Field(name, path(name), branch[name]) for name in sorted(branch))) for branch in branches)


def written(pattern: object) -> str:
    """JSON text of a pattern that a configuration file gave as a mapping."""
    try:
        return json.dumps(with_names(pattern), allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    except FilterError:
        raise
    except (TypeError, ValueError) as error:
        raise FilterError(f"the pattern is not JSON: {error}") from error
    except RecursionError:
        raise FilterError("the pattern is nested too deeply") from None


def with_names(value: Any, place: str = "") -> Any:
    """Return the value in the json module's types. That would turn keys of other types, which YAML has, into strings."""
    if isinstance(value, Mapping):
        for name in value:
            if not isinstance(name, str):
                raise FilterError(f"the key {name!r} is not a string; quote it", path=place)
        return {name: with_names(member, join(place, name)) for name, member in value.items()}
    return [with_names(item, place) for item in value] if isinstance(value, list | tuple) else value


def read(text: str) -> Any:
    """Value of JSON text, objects as ``Members``."""
    try:
        return json.loads(text, object_pairs_hook=Members, parse_int=integer, parse_constant=not_json)
    except ValueError as error:
        raise FilterError(f"the pattern is not JSON: {error}") from error
    except RecursionError:
        raise FilterError("the pattern is nested too deeply") from None


def integer(digits: str) -> float:
    """Return the number as the reader of events has it: past 64 bits, a double."""
    value = int(digits)
    return value if -(2**63) <= value < 2**64 else float(digits)


def not_json(constant: str) -> NoReturn:
    """NaN and Infinity, which the json module would take."""
    raise ValueError(f"{constant} is no JSON value")


def join(place: str, name: str) -> str:
    """Path of a member."""
    return f"{place}.{name}" if place else name


def collect(members: Members, place: str, branches: list[dict[str, Leaf]], *, in_or: bool) -> None:
    """Add an object's demands to every branch; an ``$or`` replaces each branch by one per alternative."""
    if not members:
        raise FilterError("Empty objects are not allowed", path=place)
    for name, value in members:
        if name == OR:
            collect_or(value, place, branches, in_or=in_or)
        elif in_or and name in RESERVED_IN_OR:
            raise FilterError(f"{name} is Ruler reserved fieldName which cannot be used inside {OR}.", path=place)
        else:
            collect_member(name, value, place, branches, in_or=in_or)


def collect_member(name: str, value: Any, place: str, branches: list[dict[str, Leaf]], *, in_or: bool) -> None:
    """Add what stands under one ordinary name."""
    below = join(place, name)
    if below.count(".") >= MAX_STEPS:
        raise FilterError(f"the path has more than {MAX_STEPS} names", path=f"{below[:40]}...")
    if isinstance(value, Members):
        collect(value, below, branches, in_or=in_or)
    elif isinstance(value, list):
        demand = demanded(value, below)
        for branch in branches:
            branch[below] = demand
    else:
        raise FilterError(f'"{name}" must be an object or an array', path=below)


def demanded(items: list[Any], place: str) -> Leaf:
    """Return the leaf of an array, or say where it is wrong."""
    try:
        return leaf(items)
    except FilterError as error:
        error.path = place
        raise


def collect_or(value: Any, place: str, branches: list[dict[str, Leaf]], *, in_or: bool) -> None:
    """Fork the branches; an ``$or`` that has not the form of alternatives is a field's name, as for the engine."""
    problem = no_alternatives(value)
    if problem is None:
        fork(value, place, branches)
        return
    try:
        collect_member(OR, value, place, branches, in_or=in_or)
    except FilterError as error:
        if isinstance(value, Members):
            raise
        raise FilterError(problem, path=join(place, OR)) from error


def fork(alternatives: list[Members], place: str, branches: list[dict[str, Leaf]]) -> None:
    """Replace each branch by one per alternative."""
    forked: list[dict[str, Leaf]] = []
    for alternative in alternatives:
        copies = [dict(branch) for branch in branches]
        collect(alternative, place, copies, in_or=True)
        forked += copies
        if len(forked) > MAX_RULES:
            raise FilterError(f"{OR} makes more than {MAX_RULES} combinations", path=join(place, OR))
    branches[:] = forked


def no_alternatives(value: Any) -> str | None:
    """Why the value of ``$or`` is not a list of alternatives; None when it is."""
    if isinstance(value, Members) or not isinstance(value, list):
        return f"It must be an Array followed with {OR}."
    if not all(isinstance(item, Members) for item in value):
        return f"Only JSON object is allowed in array of {OR} relationship."
    if len(value) < 2:  # noqa: PLR2004  # one is no alternative
        return f"There must have at least 2 Objects in {OR} relationship."
    reserved = next((name for item in value for name, _ in item if name in RESERVED_IN_OR), None)
    return reserved and f"{reserved} is Ruler reserved fieldName which cannot be used inside {OR}."
