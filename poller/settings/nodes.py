"""A configuration file as a tree that remembers where everything stands. One shape for YAML, JSON and TOML.

Not here: what keys mean (decode.py) and the syntax of the formats (yaml_text.py, json_text.py, toml_text.py).
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

Keys = tuple[str | int, ...]
"""The way to a value: keys of mappings and indices of lists, from the top."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A spot in a file; line and column count from 1, in characters. Line 0: the file as a whole."""

    file: Path
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else f"{self.file}"


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value.

    value: a text, number, truth value or None. text: the value as a text where the file leaves open which was meant (``012`` without
    quotes in YAML), else None: then only ``value`` counts. doubt: why readers of the format disagree about ``value``, or "".
    substituted: a variable's value is in the text, which becomes the number or truth value that its place wants. broken: a variable of it
    could not be had, which is told already.
    """

    place: Place
    value: str | int | float | bool | None
    text: str | None = None
    doubt: str = ""
    substituted: bool = False
    broken: bool = False


@dataclass(frozen=True, slots=True)
class List:
    """Items in order."""

    place: Place
    items: Sequence[Node]


@dataclass(frozen=True, slots=True)
class Entry:
    """A key's value; ``place`` is the key's."""

    place: Place
    node: Node


@dataclass(frozen=True, slots=True)
class Table:
    """Entries by key, in the order of the file."""

    place: Place
    entries: Mapping[str, Entry]


Node = Scalar | List | Table


class Lines:
    """Offsets in a text as places."""

    def __init__(self, file: Path, text: str) -> None:
        self._file = file
        self._starts = [0, *(at + 1 for at, character in enumerate(text) if character == "\n")]

    def place(self, offset: int) -> Place:
        """Where the character at ``offset`` stands."""
        line = bisect_right(self._starts, offset)
        return Place(self._file, line, offset - self._starts[line - 1] + 1)


def place_of(root: Node, keys: Keys) -> Place:
    """Where the last of ``keys`` stands: its key, or the item of a list. What is not there has its nearest parent's place."""
    node, place = root, root.place
    for key in keys:
        if isinstance(node, Table) and key in node.entries:
            entry = node.entries[str(key)]
            node, place = entry.node, entry.place
        elif isinstance(node, List) and isinstance(key, int) and key < len(node.items):
            node = node.items[key]
            place = node.place
        else:
            break
    return place


def from_value(value: object, place: Place) -> Node:
    """Return the tree of a value whose parts have no places of their own (TOML, defaults). Dates become their ISO text."""
    if isinstance(value, dict):
        return Table(place, {key: Entry(place, from_value(item, place)) for key, item in value.items()})
    if isinstance(value, list | tuple):
        return List(place, [from_value(item, place) for item in value])
    if isinstance(value, dt.date | dt.time):
        return Scalar(place, value.isoformat())
    if isinstance(value, str | int | float | bool | None):
        return Scalar(place, value)
    raise TypeError(f"a configuration holds no {type(value).__name__}")


def measure(node: Node) -> tuple[int, int]:
    """How many values there are in all, and how deep they lie; what an alias repeats is counted each time, but visited once."""
    seen: dict[int, tuple[int, int]] = {}

    def visit(node: Node) -> tuple[int, int]:
        if isinstance(node, Scalar):
            return 1, 1
        if id(node) not in seen:
            parts = [entry.node for entry in node.entries.values()] if isinstance(node, Table) else node.items
            sizes = [visit(part) for part in parts]
            seen[id(node)] = 1 + sum(size for size, _ in sizes), 1 + max((depth for _, depth in sizes), default=0)
        return seen[id(node)]

    return visit(node)


def texts(node: Node, keys: Keys = ()) -> Iterator[tuple[Keys, str]]:
    """Every text of a tree, keys of mappings included, with the way to it."""
    if isinstance(node, Scalar):
        if isinstance(node.value, str):
            yield keys, node.value
    elif isinstance(node, List):
        for at, item in enumerate(node.items):
            yield from texts(item, (*keys, at))
    else:
        for key, entry in node.entries.items():
            yield (*keys, key), key
            yield from texts(entry.node, (*keys, key))
