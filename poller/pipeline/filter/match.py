"""Does an event have what a rule demands. Pure, and cheap while no arrays of objects are on the way.

Where several fields of a rule lead into one array, the same element must have them all (event-ruler, array
consistency): a choice of elements is looked for that serves every field.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from poller.pipeline.filter.compile import Field, Rule
from poller.pipeline.filter.path import Path, Scalar, Turn, elements, everything, walk

Choice = dict[int, int]
"""Array (by identity) -> index of the element chosen in it."""


def matches(event: Mapping[str, Any], rule: Rule) -> bool:
    """Whether the event has every field of the rule."""
    nested: list[Field] = []
    for field in rule:
        values: list[Scalar] = []
        turns: list[Turn] = []
        walk(event, field.path, values, turns)
        if any(field.leaf.test(value) for value in values):
            continue
        if turns:
            nested.append(field)
        elif values or not field.leaf.absent:
            return False
    return not nested or _choose(event, nested, {})


def fits(event: Mapping[str, Any], field: Field) -> bool:
    """Whether the event has one field, whatever the others are. For explanations."""
    return matches(event, [field])


def _choose(event: Mapping[str, Any], fields: list[Field], chosen: Choice) -> bool:
    """Whether the elements chosen so far can be completed to serve all fields."""
    if not fields:
        return True
    field, *others = fields
    tried: list[Choice] = []
    for value, needed in _occurrences(event, field.path, chosen):
        if needed not in tried and field.leaf.test(value):
            tried.append(needed)
            if _choose(event, others, chosen | needed):
                return True
    nowhere = field.leaf.absent and next(everything(event, field.path), _NOTHING) is _NOTHING
    return nowhere and _choose(event, others, chosen)


def _occurrences(members: Mapping[str, Any], way: Path, chosen: Choice) -> Iterator[tuple[Scalar, Choice]]:
    """Values at a path, each with the choice of elements that leads to it; only where the choice so far allows it."""
    values: list[Scalar] = []
    turns: list[Turn] = []
    walk(members, way, values, turns)
    for value in values:
        yield value, {}
    for array, rest in turns:
        for index, element in enumerate(elements(array)):
            if chosen.get(id(array), index) == index:
                for value, needed in _occurrences(element, rest, chosen):
                    yield value, needed | {id(array): index}


_NOTHING: Any = object()
