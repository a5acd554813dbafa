"""YAML -> tree. Plain values mean what YAML 1.1 and YAML 1.2 agree on.

Where the two disagree (``no``, ``010``, ``1_000``, ``1:30``, ``1e3``) the value is kept as text and marked doubtful: it serves where a
text is wanted, and nowhere else. Anchors, aliases and merge keys work; tags do not.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import yaml

from poller.settings.nodes import Entry, Keys, Lines, List, Node, Place, Scalar, Table
from poller.settings.problems import Report

_TAG = "tag:yaml.org,2002:"
_TEXTS = {"str", "timestamp", "merge", "value"}
_NUMBER_SOMEWHERE = r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|0o[0-7]+"
_AGREED: tuple[tuple[str, str, Callable[[str], str | int | float | bool]], ...] = (
    ("bool", r"(?i:true|false)", lambda text: text.lower() == "true"),
    ("int", r"[-+]?(0|[1-9][0-9]{,99})", int),  # Python refuses integers of thousands of digits
    ("int", r"0x[0-9a-fA-F]{1,99}", lambda text: int(text, 16)),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*)([eE][-+][0-9]+)?", float),
    ("float", r"(?i:[-+]?\.inf|\.nan)", lambda text: float(text.replace(".", ""))),
    ("str", rf"(?s:(?!({_NUMBER_SOMEWHERE})\Z).*)", str),
)
"""Plain values that all readers of YAML take for the same: kind by YAML 1.1, form, reading."""
_QUOTE = re.compile(r" *'([^']*)'")
_LONGEST_QUOTE = 2

_HINTS = (
    ("'\\t'", "indent with spaces, not tabs"),
    ("cannot start any token", "put the text in quotes"),
    ("mapping values are not allowed", "a text with a colon and a blank in it needs quotes"),
    ("<block end>", "check the indentation, and the quotes of the line above"),
    ("but got '{'", "a text with ${...} in it needs quotes inside braces and brackets"),
    ("single document", "put the rest into a file of its own"),
)


def parse(file: Path, text: str, report: Report) -> Node | None:
    """Return the tree of a file's text, or None when it has none. What is wrong goes to ``report``; never raises."""
    try:
        loader = yaml.SafeLoader(text)
        try:
            root = loader.get_single_node()
        except (ValueError, OverflowError):  # "\\UFFFFFFFF": PyYAML lets Python's own error through
            _refuse(report, _place(file, loader.get_mark()), "an escape that stands for no character")
            return None
        finally:
            loader.dispose()
    except yaml.reader.ReaderError as error:
        place = Lines(file, text).place(error.position)
        _refuse(report, place, f"the character U+{ord(text[error.position]):04X} is not allowed")
        return None
    except yaml.MarkedYAMLError as error:
        _refuse(report, _place(file, error.problem_mark), _reason(error))
        return None
    if root is None or root.tag == f"{_TAG}null":
        report.add((), "there is nothing in this file", place=Place(file))
        return None
    tree = _Tree(file, report)
    top = tree.node(root, ())
    return top if tree.whole else None


def _reason(error: yaml.MarkedYAMLError) -> str:
    """Return PyYAML's sentence without the words it quotes from the text: they may be a secret that was written without quotes."""
    problem = error.problem or "unreadable"
    sentence = f"{error.context} {problem}" if error.context and problem.startswith("but ") else problem
    return _QUOTE.sub(lambda quote: quote[0] if len(quote[1]) <= _LONGEST_QUOTE or quote[1][0] == "<" else "", sentence)


def _refuse(report: Report, place: Place, reason: str) -> None:
    hint = next((hint for part, hint in _HINTS if part in reason), "")
    report.add((), f"not valid YAML: {reason}", hint, place=place)


def _place(file: Path, mark: yaml.Mark | None) -> Place:
    return Place(file, mark.line + 1, mark.column + 1) if mark else Place(file)


class _Tree:
    """Turns composed nodes into ours, each once, so that an alias shares what its anchor holds.

    whole: False once something had no meaning at all; to go on would bring up more of the same.
    """

    def __init__(self, file: Path, report: Report) -> None:
        self._file = file
        self._report = report
        self.whole = True
        self._done: dict[int, Node | None] = {}

    def node(self, node: yaml.Node, keys: Keys) -> Node:
        if id(node) not in self._done:
            self._done[id(node)] = None
            self._done[id(node)] = self._convert(node, keys)
        done = self._done[id(node)]
        if done is None:
            return self._meaningless(node, keys, "an alias of it stands inside this anchor")
        return done

    def _convert(self, node: yaml.Node, keys: Keys) -> Node:
        place = self._at(node)
        kind = node.tag.removeprefix(_TAG)
        kind = "str" if kind in _TEXTS else kind
        if isinstance(node, yaml.MappingNode) and kind == "map":
            return self._table(node, keys)
        if isinstance(node, yaml.SequenceNode) and kind == "seq":
            return List(place, [self.node(item, (*keys, at)) for at, item in enumerate(node.value)])
        if isinstance(node, yaml.ScalarNode) and kind in {"str", "null", "bool", "int", "float"}:
            return _scalar(place, node.value, kind, plain=node.style is None)
        return self._meaningless(node, keys, "tags (!...) mean nothing here", "a text that begins with ! needs quotes")

    def _meaningless(self, node: yaml.Node, keys: Keys, sentence: str, hint: str = "") -> Scalar:
        self.whole = False
        self._report.add(keys, sentence, hint, place=self._at(node))
        return Scalar(self._at(node), None)

    def _table(self, node: yaml.MappingNode, keys: Keys) -> Table:
        own: dict[str, Entry] = {}
        merged: dict[str, Entry] = {}
        for key_node, value_node in node.value:
            place = self._at(key_node)
            if key_node.tag == f"{_TAG}merge":
                merged = self._merged(value_node, keys) | merged
                continue
            key = self._key(key_node, keys)
            if key is None:
                continue
            if key in own:
                first = own[key].place.line
                self._report.add((*keys, key), f"this key stands twice, first in line {first}", place=place)
            own.setdefault(key, Entry(place, self.node(value_node, (*keys, key))))
        return Table(self._at(node), merged | own)

    def _merged(self, node: yaml.Node, keys: Keys) -> dict[str, Entry]:
        parts = node.value if isinstance(node, yaml.SequenceNode) else [node]
        entries: dict[str, Entry] = {}
        for part in parts:
            table = self.node(part, keys)
            if isinstance(table, Table):
                entries = {**table.entries, **entries}
            else:
                self._report.add((*keys, "<<"), "only mappings can be merged", place=self._at(part))
        return entries

    def _key(self, node: yaml.Node, keys: Keys) -> str | None:
        if isinstance(node, yaml.ScalarNode):
            scalar = self.node(node, keys)
            if isinstance(scalar, Scalar) and isinstance(scalar.value, str):
                return scalar.value
            if isinstance(scalar, Scalar) and type(scalar.value) is int and scalar.text == str(scalar.value):
                return scalar.text  # the number of a version, say: whoever reads it, it is this text
            self._report.add(keys, "a key must be a text", "put it in quotes", place=self._at(node))
            return None
        self._report.add(keys, "a key must be a text, not a list or mapping", place=self._at(node))
        return None

    def _at(self, node: yaml.Node) -> Place:
        return _place(self._file, node.start_mark)


def _scalar(place: Place, text: str, kind: str, *, plain: bool) -> Scalar:
    """Return a scalar by its YAML 1.1 kind, doubtful where YAML 1.2's core schema has another opinion."""
    if not plain:
        return Scalar(place, text)
    if kind == "null":
        return Scalar(place, None)
    for agreed, form, read in _AGREED:
        if agreed == kind and re.fullmatch(form, text):
            return Scalar(place, read(text), text)
    if kind == "bool":
        return Scalar(place, text, text, "is a truth value to some readers of YAML and a text to others")
    return Scalar(place, text, text, "is read as different numbers, or as a text, by different readers of YAML")
