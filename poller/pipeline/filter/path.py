"""Where a field stands, and what an event has there.

A path is the field's names joined by dots. ``{"a": {"b": 1}}`` and ``{"a.b": 1}`` have the same path, in patterns and
in events, so each step of the way may be spelt in one key or in several (event-ruler, flattening of events).

Arrays are transparent: a field's values are those of all elements. Which element a value came from matters only where
several fields of a rule lead into the same array; then the walk stops at the array and ``match`` decides. Arrays
directly inside arrays count as one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

Scalar = str | int | float | bool | None

ABSENT: Any = object()


class Path(NamedTuple):
    """The rest of the way to a field.

    text: all of it in one key. turns: each way of spelling its beginning in one key, with what then remains.
    """

    text: str
    turns: tuple[tuple[str, Path], ...]


class Turn(NamedTuple):
    """An array on the way, and how to go on from each of its elements."""

    array: list[Any]
    rest: Path


def path(text: str) -> Path:
    """Return the path of a dotted text, split once so that walking builds no strings."""
    steps = text.split(".")
    rests: list[Path] = []  # from the last step back to the first
    for start in range(len(steps) - 1, -1, -1):
        turns = tuple(
            (".".join(steps[start:stop]), rests[len(steps) - 1 - stop]) for stop in range(start + 1, len(steps))
        )
        rests.append(Path(".".join(steps[start:]), turns))
    return rests[-1]


def walk(members: Mapping[str, Any], way: Path, values: list[Scalar], turns: list[Turn]) -> None:
    """Add what an object has at a path: its values, and the arrays on the way that it may have more in.

    Objects at the path's end are no values: a field is a leaf. Values of an array at the path's end are values of the
    field.
    """
    found = members.get(way.text, ABSENT)
    kind = type(found)
    if kind is list:
        values.extend(item for item in flat(found) if type(item) is not dict)
    elif kind is not dict and found is not ABSENT:
        values.append(found)
    for key, rest in way.turns:
        below = members.get(key)
        kind = type(below)
        if kind is dict:
            walk(below, rest, values, turns)  # type: ignore[arg-type]  # a dict, by the line above
        elif kind is list:
            turns.append(Turn(below, rest))  # type: ignore[arg-type]  # a list, by the line above


def everything(members: Mapping[str, Any], way: Path) -> Iterator[Scalar]:
    """All values an object has at a path, whatever arrays they are in."""
    values: list[Scalar] = []
    turns: list[Turn] = []
    walk(members, way, values, turns)
    yield from values
    for array, rest in turns:
        for element in elements(array):
            yield from everything(element, rest)


def elements(array: list[Any]) -> Iterator[dict[str, Any]]:
    """Objects of an array."""
    return (item for item in flat(array) if type(item) is dict)


def flat(array: list[Any]) -> Iterator[Any]:
    """Items of an array and of the arrays in it, in order. No recursion: the depth of nesting is the sender's choice."""
    pending = [iter(array)]
    while pending:
        for item in pending[-1]:
            if type(item) is list:
                pending.append(iter(item))
                break
            yield item
        else:
            pending.pop()
