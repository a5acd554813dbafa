"""A pattern, as JSON -> rules: alternatives, each a list of fields that must all match.

``$or`` is multiplied out, as the engine does it, so that matching knows conjunctions only.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from itertools import product
from typing import Any, NamedTuple

from poller.pipeline.filter.error import FilterError
from poller.pipeline.filter.leaf import Leaf, leaf
from poller.pipeline.filter.operators import OPERATORS, Members
from poller.pipeline.filter.path import Path, path

MAX_RULES = 1000
"""Alternatives that the ``$or``s of one pattern may multiply out to; a pattern of 4,096 characters could make billions."""
RESERVED_IN_OR = frozenset(OPERATORS) | {"$or"}
MAX_PATTERN = 4096
"""Characters of a pattern's JSON text (Lambda API, Filter.Pattern)."""


class Field(NamedTuple):
    """One demand of a rule."""

    path: Path
    leaf: Leaf


Rule = list[Field]


def parse(pattern: object) -> Members:
    """The pattern's members. Raises ``FilterError``: no JSON, no object, too long."""
    text = pattern if isinstance(pattern, str) else _dump(pattern)
    if len(text) > MAX_PATTERN:
        raise FilterError(f"the pattern has {len(text)} characters, {MAX_PATTERN} are allowed")
    try:
        members = json.loads(text, object_pairs_hook=Members, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise FilterError("the pattern is not JSON") from None
    if not isinstance(members, Members):
        raise FilterError("Filter is not an object")
    return members


def rules(members: Members) -> list[Rule]:
    """All alternatives of a pattern. Raises ``FilterError``."""
    if not members:
        raise FilterError("Empty objects are not allowed")
    return [list(rule) for rule in _object(members, "")]


def _object(members: Members, prefix: str) -> list[Rule]:
    """Alternatives of one object: its keys are AND-ed."""
    parts = [_member(key, value, prefix) for key, value in dict(members).items()]
    count = 1
    for part in parts:
        count *= len(part)
    if count > MAX_RULES:
        raise FilterError("Rule is too complex - try using fewer $or", path=prefix)
    return [_merge(chosen) for chosen in product(*parts)]


def _merge(rules: Iterable[Rule]) -> Rule:
    """One rule of several; where they name the same field, the last one holds (event-ruler)."""
    return list({field.path.text: field for rule in rules for field in rule}.values())


def _member(key: str, value: Any, prefix: str) -> list[Rule]:
    if key == "$or" and _is_or(value):
        return [rule for branch in value for rule in _branch(branch, prefix)]
    place = f"{prefix}.{key}" if prefix else key
    if isinstance(value, Members):
        if not value:
            raise FilterError("Empty objects are not allowed", path=place)
        return _object(value, place)
    if not isinstance(value, list):
        raise FilterError(f'"{key}" must be an object or an array', path=place)
    try:
        return [[Field(path(place), leaf(value))]]
    except FilterError as error:
        raise FilterError(error.reason, path=place) from None


def _branch(branch: Members, prefix: str) -> list[Rule]:
    if not branch:
        raise FilterError("Empty objects are not allowed", path=f"{prefix}.$or" if prefix else "$or")
    return _object(branch, prefix)


def _is_or(value: Any) -> bool:
    """Whether it is the operator, and not a field that happens to have its name."""
    if not isinstance(value, list) or not value or not all(isinstance(item, Members) for item in value):
        return False
    if any(key in RESERVED_IN_OR - {"$or"} for branch in value for key, _ in branch):
        return False
    if len(value) < 2:
        raise FilterError("There must have at least 2 Objects in $or relationship.")
    return True


def _dump(pattern: object) -> str:
    if not isinstance(pattern, Mapping):
        raise FilterError("Filter is not an object")
    try:
        return json.dumps(pattern, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise FilterError("the pattern is not JSON") from None


def _no_constant(name: str) -> Any:
    raise ValueError(name)
