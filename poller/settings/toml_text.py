"""TOML -> tree. The standard library reads the values and keeps no places, so keys are looked for in the lines afterwards.

A key inside an inline table, or in a text of several lines, gets the place of the nearest key found above it.
"""

from __future__ import annotations

import dataclasses
import re
import tomllib
from pathlib import Path

from poller.settings.nodes import Entry, Keys, List, Node, Place, Table, from_value
from poller.settings.problems import Report

_PART = r"(?:[A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*')"
_KEY = re.compile(rf"\s*({_PART}(?:\s*\.\s*{_PART})*)\s*=")
_HEADER = re.compile(rf"\s*\[\s*({_PART}(?:\s*\.\s*{_PART})*)\s*\]")
_POSITION = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


def parse(file: Path, text: str, report: Report) -> Node | None:
    """Return the tree of a file's text, or None when it has none. What is wrong goes to ``report``; never raises."""
    if not text.strip():
        report.add((), "there is nothing in this file", place=Place(file))
        return None
    try:
        value = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        position = _POSITION.search(str(error))
        line, column = (int(position[1]), int(position[2])) if position and position[1] else (text.count("\n") + 1, 1)
        report.add((), f"not valid TOML: {_POSITION.sub('', str(error))}", place=Place(file, line, column))
        return None
    except ValueError:  # Python converts no integer of thousands of digits
        report.add((), "not valid TOML: a number has too many digits", place=Place(file))
        return None
    return _placed(from_value(value, Place(file, 1, 1)), (), _places(file, text), Place(file, 1, 1))


def _places(file: Path, text: str) -> dict[Keys, Place]:
    """Where each key and table header stands; the first mention counts."""
    places: dict[Keys, Place] = {}
    header: Keys = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if table := _HEADER.match(line):
            header = _split(table[1])
            keys, column = header, table.start(1) + 1
        elif key := _KEY.match(line):
            keys, column = (*header, *_split(key[1])), key.start(1) + 1
        else:
            continue
        for length in range(1, len(keys) + 1):
            places.setdefault(keys[:length], Place(file, number, column))
    return places


def _split(dotted: str) -> Keys:
    return tuple(part.strip("\"'") for part in re.findall(_PART, dotted))


def _placed(node: Node, keys: Keys, places: dict[Keys, Place], parent: Place) -> Node:
    """Return the same tree with the places put in; a key or an item without one takes its parent's."""
    if isinstance(node, List):
        return List(parent, [_placed(item, (*keys, at), places, parent) for at, item in enumerate(node.items)])
    if not isinstance(node, Table):
        return dataclasses.replace(node, place=parent)
    entries = {}
    for key, entry in node.entries.items():
        place = places.get((*keys, key), parent)
        entries[key] = Entry(place, _placed(entry.node, (*keys, key), places, place))
    return Table(parent, entries)
