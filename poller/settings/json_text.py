"""JSON -> tree. The standard library judges the syntax; what it accepts is walked again token by token, for the places."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from poller.settings.nodes import Entry, Keys, Lines, List, Node, Place, Scalar, Table
from poller.settings.problems import Report

_TOKEN = re.compile(
    r'"(?:[^"\\]|\\.)*"|[{}\[\]]|[^\s{}\[\],:"]+'
)  # in a valid text commas and colons tell nothing more


def parse(file: Path, text: str, report: Report) -> Node | None:
    """Return the tree of a file's text, or None when it has none. What is wrong goes to ``report``; never raises."""
    if not text.strip():
        report.add((), "there is nothing in this file", place=Place(file))
        return None
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        place = Place(file, error.lineno, error.colno)
        report.add((), f"not valid JSON: {error.msg[0].lower()}{error.msg[1:]}", place=place)
        return None
    except ValueError:  # Python converts no integer of thousands of digits
        report.add((), "not valid JSON: a number has too many digits", place=Place(file))
        return None
    return _Tree(file, text, report).node((), None)


class _Tree:
    def __init__(self, file: Path, text: str, report: Report) -> None:
        self._tokens: Iterator[re.Match[str]] = _TOKEN.finditer(text)
        self._lines = Lines(file, text)
        self._report = report

    def node(self, keys: Keys, token: re.Match[str] | None) -> Node:
        """Return the value that begins with ``token``, or with the next one."""
        token = token or next(self._tokens)
        place = self._lines.place(token.start())
        match token.group():
            case "{":
                return Table(place, self._entries(keys))
            case "[":
                return List(place, self._items(keys))
            case other:
                return Scalar(place, json.loads(other))

    def _entries(self, keys: Keys) -> dict[str, Entry]:
        entries: dict[str, Entry] = {}
        while (token := next(self._tokens)).group() != "}":
            key, place = str(json.loads(token.group())), self._lines.place(token.start())
            entry = Entry(place, self.node((*keys, key), None))
            if key in entries:
                first = entries[key].place.line
                self._report.add((*keys, key), f"this key stands twice, first in line {first}", place=place)
            entries.setdefault(key, entry)
        return entries

    def _items(self, keys: Keys) -> list[Node]:
        items: list[Node] = []
        while (token := next(self._tokens)).group() != "]":
            items.append(self.node((*keys, len(items)), token))
        return items
