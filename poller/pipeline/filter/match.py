"""Whether what a rule sees satisfies all of its fields.

The usual record has no arrays on the way to a rule's fields; each field is then looked up and tested by itself. Where
fields lead into one array, one element must satisfy all of them ("array consistency"), which ``consistent`` decides
for one level of arrays after the other.

``{"exists": false}`` inside arrays follows the engine's order, which is that of the paths: once a field that sorts
earlier has settled on an element, absence means absence from that element; before that, from all of them.

One thing is left out: an event that spells the same path both in one key and in several, with arrays behind both. A
field's elements then count as those of one array.

Source: event-ruler, array-consistent matching.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from poller.pipeline.filter.leaf import Leaf
from poller.pipeline.filter.path import Path, Scalar, Turn, elements, everything, walk


class Field(NamedTuple):
    """One field of a rule: its dotted name, the way to it, and what it must be."""

    name: str
    way: Path
    leaf: Leaf


class Demand(NamedTuple):
    """A field while it is looked for.

    places: objects to look in, and the rest of the way from each. may_be_absent: no value at all will do.
    """

    field: Field
    may_be_absent: bool
    places: list[tuple[Mapping[str, Any], Path]]


class Open(NamedTuple):
    """A field whose answer depends on the element chosen of an array."""

    field: Field
    may_be_absent: bool
    turns: list[Turn]


class Rule(NamedTuple):
    """A conjunction of fields, sorted by name."""

    fields: tuple[Field, ...]

    def matches(self, view: Mapping[str, Any]) -> bool:
        """Whether all fields are satisfied. Never raises, whatever JSON the view holds."""
        for _, way, leaf in self.fields:
            values: list[Scalar] = []
            turns: list[Turn] = []
            walk(view, way, values, turns)
            if turns:
                return consistent([Demand(each, each.leaf.absent, [(view, each.way)]) for each in self.fields])
            if not (any(map(leaf.test, values)) if values else leaf.absent):
                return False
        return True


def consistent(demands: list[Demand]) -> bool:
    """Whether all demands are met, with one element chosen of each array. Takes time in proportion to their size."""
    groups: dict[tuple[int, ...], list[Open]] = {}
    for field, may_be_absent, places in demands:
        values: list[Scalar] = []
        turns: list[Turn] = []
        for members, way in places:
            walk(members, way, values, turns)
        if any(map(field.leaf.test, values)):
            continue
        if turns:
            arrays = tuple(id(turn.array) for turn in turns)
            groups.setdefault(arrays, []).append(Open(field, may_be_absent and not values, turns))
        elif values or not may_be_absent:
            return False
    return all(map(one_element_meets, groups.values()))


def one_element_meets(fields: list[Open]) -> bool:
    """Whether some element of the array that these fields lead into meets them all."""
    decisive = [each for each in fields if not (each.may_be_absent and nowhere(each.turns))]
    if not decisive:
        return True
    # Nothing before it has settled on an element, so its absence from one of them is none.
    decisive[0] = decisive[0]._replace(may_be_absent=False)
    return any(
        consistent([Demand(field, absent, [(element, turns[index].rest)]) for field, absent, turns in decisive])
        for index, turn in enumerate(decisive[0].turns)
        for element in elements(turn.array)
    )


def nowhere(turns: list[Turn]) -> bool:
    """Whether no element has any value at the rest of the way."""
    return not any(True for array, rest in turns for element in elements(array) for _ in everything(element, rest))
