"""Tree -> frozen dataclass, driven by type hints and field metadata. Knows no key of pollerd: connectors' Options are read alike.

Hints: see hints.py. Metadata: see model/metadata.py.

Everything wrong is noted and reading goes on. A dataclass with anything wrong in it is ``BAD``, unless it is read as ``partial``, so that
the rest of it can be looked at: then what could not be read has its default, or is BAD itself. Such an object is for checking only.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, get_type_hints

from connectors.contract import OptionsError
from poller.settings.hints import shape
from poller.settings.nodes import Entry, Keys, List, Node, Place, Scalar, Table
from poller.settings.problems import Report, closest, nearest
from poller.settings.secrets import SCHEMES, SecretError, Secrets
from poller.settings.wording import broken_rule, mismatch, shown

BAD: Final[Any] = type("Bad", (), {"__repr__": lambda _: "BAD"})()
"""Stands for a value that could not be read and has no default."""

Special = Mapping[type, Callable[[Node, Keys], Any]]
"""Dataclasses that are read in a way of their own."""


@dataclasses.dataclass(frozen=True)
class Decoder:
    """One reading of a configuration. folder: what the paths among defaults are relative to.

    secrets: where references to secrets lead; None: what looks like one is a text like any other.
    """

    report: Report
    folder: Path
    special: Special = dataclasses.field(default_factory=dict)
    secrets: Secrets | None = None

    def dataclass(
        self, kind: type, node: Node, keys: Keys, *, defaults: Mapping[str, Any] | None = None, partial: bool = False
    ) -> Any:
        """Return an instance of ``kind`` read from a table. defaults: go before the class's own."""
        if not isinstance(node, Table):
            self.report.add(keys, f"expected a mapping of keys, not {shown(node)}")
            return BAD
        fields = {field.name: field for field in dataclasses.fields(kind) if field.init}
        values = self._defaults(fields.values()) | dict(defaults or {}) | self._given(kind, fields, node.entries, keys)
        missing = [name for name in fields if name not in values]
        asked = [name for name, field in fields.items() if _is_missing(field, node)]
        misspelt = {closest(name, fields) for name in node.entries if name not in fields}
        for name in (*missing, *asked):
            if name not in misspelt and name not in node.entries:
                self.report.add((*keys, name), "this key is required")
        for name in fields.keys() & misspelt - node.entries.keys():
            self.report.explained((*keys, name))
        if not partial and not self.report.sound(keys):
            return BAD
        try:
            return kind(**(values | dict.fromkeys(missing, BAD)))
        except OptionsError as error:  # a class that checks itself as it is made
            self.report.add((*keys, error.field) if error.field else keys, str(error))
            return BAD

    def _defaults(self, fields: Iterable[dataclasses.Field[Any]]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for field in fields:
            if field.default is not dataclasses.MISSING:
                path = field.metadata.get("path") and isinstance(field.default, str) and field.default
                values[field.name] = str(self.folder / field.default) if path else field.default
            elif field.default_factory is not dataclasses.MISSING:
                values[field.name] = field.default_factory()
        return values

    def _given(
        self, kind: type, fields: Mapping[str, dataclasses.Field[Any]], entries: Mapping[str, Entry], keys: Keys
    ) -> dict[str, Any]:
        hints = _hints(kind)
        values: dict[str, Any] = {}
        for name, entry in entries.items():
            if name not in fields:
                self.report.add((*keys, name), "unknown key", nearest(name, fields))
                continue
            value = self.value(hints[name], entry.node, (*keys, name), fields[name].metadata)
            if value is not BAD:
                values[name] = value
        return values

    def value(self, hint: Any, node: Node, keys: Keys, rules: Mapping[str, Any]) -> Any:
        """Return one value as ``hint`` and ``rules`` want it, or BAD."""
        if isinstance(node, Scalar) and node.broken:
            return BAD
        if isinstance(node, Scalar) and node.value is None:
            self.report.add(keys, "null is no value", "leave the key out to have its default")
            return BAD
        form, of = shape(hint)
        if form == "either":
            return self.value(of[_is_second(of[1], node)], node, keys, rules)
        if form == "table":
            read = self.special.get(of)
            return read(node, keys) if read else self.dataclass(of, node, keys, partial=True)
        if form == "choice":
            form, of, rules = "scalar", type(of[0]), {**rules, "choices": of}
        readers: dict[str, Callable[[Any, Node, Keys, Mapping[str, Any]], Any]] = {
            "any": self._any,
            "scalar": self._scalar,
            "mapping": self._mapping,
            "list": self._list,
        }
        return readers[form](of, node, keys, rules)

    def _mapping(self, hint: Any, node: Node, keys: Keys, rules: Mapping[str, Any]) -> Any:
        if not isinstance(node, Table):
            self.report.add(keys, f"expected a mapping, not {shown(node, rules)}")
            return BAD
        values = {}
        for name, entry in node.entries.items():
            if "keys" in rules and not re.fullmatch(rules["keys"], name):
                self.report.add((*keys, name), f"expected {rules.get('keys_words', rules['keys'])}")
            values[name] = self.value(hint, entry.node, (*keys, name), rules)
        return values

    def _list(self, hint: Any, node: Node, keys: Keys, rules: Mapping[str, Any]) -> Any:
        if not isinstance(node, List):
            brackets = "a single item stands in brackets, too: [...]" if isinstance(node, Scalar) else ""
            self.report.add(keys, f"expected a list, not {shown(node, rules)}", brackets)
            return BAD
        return tuple(self.value(hint, item, (*keys, at), rules) for at, item in enumerate(node.items))

    def _scalar(self, kind: type, node: Node, keys: Keys, rules: Mapping[str, Any]) -> Any:
        value = _as_kind(kind, _reference(node, rules) if self.secrets else node)
        if value is BAD:
            self.report.add(keys, *mismatch(kind, node, keys, rules))
            return BAD
        if (
            self.secrets
            and kind is str
            and rules.get("secret")
            and (isinstance(node, Table) or "reference" not in rules)
        ):
            value = self._secret(self.secrets, value, node, keys)
            if value is BAD:
                return BAD
        if broken := broken_rule(value, rules):
            self.report.add(keys, *broken)
            return BAD
        return _absolute(value, node.place.file, rules.get("path")) if isinstance(value, str) else value

    def _secret(self, secrets: Secrets, text: str, node: Node, keys: Keys) -> Any:
        """Return what a text refers to, or the text itself where it is the secret; BAD where it refers to nothing."""
        try:
            found = secrets.value(text, node.place.file.absolute().parent)
        except SecretError as error:
            self.report.add(keys, str(error), error.hint)
            return BAD
        if found is None and isinstance(node, Table):
            self.report.add(keys, "this is no reference to a secret", f"expected one of {', '.join(SCHEMES)}")
            return BAD
        open_text = "://" in text and "@" not in text  # an address without a password
        if found is None and text and isinstance(node, Scalar) and not node.substituted and not open_text:
            secrets.plain[node.place] = keys
        return text if found is None else found

    def _any(self, _: None, node: Node, keys: Keys, rules: Mapping[str, Any]) -> Any:
        return self._plain(node, keys, rules)

    def _plain(self, node: Node, keys: Keys, rules: Mapping[str, Any]) -> Any:
        """Return a free-form value as plain Python: what JSON can say, null included."""
        if isinstance(node, Table):
            return {key: self._plain(entry.node, (*keys, key), rules) for key, entry in node.entries.items()}
        if isinstance(node, List):
            return [self._plain(item, (*keys, at), rules) for at, item in enumerate(node.items)]
        if node.doubt:
            self.report.add(keys, f"{shown(node, rules)} {node.doubt}", "put it in quotes if it is a text")
        elif isinstance(node.value, float) and not math.isfinite(node.value):
            self.report.add(keys, "JSON has no such number")
        return node.value


def _reference(node: Node, rules: Mapping[str, Any]) -> Node:
    """Return the text of a reference that stands in a mapping of its own (``{secret: file:...}``), or the node as it is."""
    key = rules.get("reference")
    if isinstance(node, Table) and key is not None and set(node.entries) == {key}:
        return node.entries[key].node
    return node


def _is_missing(field: dataclasses.Field[Any], node: Table) -> bool:
    """Whether a key has a default only because another one may stand in its place, and neither does."""
    other = field.metadata.get("unless")
    return other is not None and not {field.name, other} & set(node.entries)


def _is_second(hint: Any, node: Node) -> bool:
    """Whether a value is meant for the second of two hints: a table, or a number where the first one is a text."""
    if hint is float:
        if isinstance(node, Scalar) and node.substituted:
            return _parsed(float, node.value) is not BAD
        return isinstance(node, Scalar) and isinstance(node.value, int | float) and not isinstance(node.value, bool)
    return isinstance(node, Table)


def _absolute(text: str, file: Path, path: bool | str | None) -> str:
    """Return a text with what is a path in it relative to no file: all of it, what follows a prefix, or nothing."""
    prefix = path if isinstance(path, str) else ""
    if not path or not text.startswith(prefix):
        return text
    return prefix + str(file.absolute().parent / text.removeprefix(prefix))


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _as_kind(kind: type, node: Node) -> Any:
    """Return the scalar's value as a str, bool, int or float; BAD when it is something else."""
    if not isinstance(node, Scalar):
        return BAD
    if kind is str:
        return node.text if node.text is not None else node.value if isinstance(node.value, str) else BAD
    if isinstance(node.value, str):
        return _parsed(kind, node.value) if node.substituted else BAD
    if kind is bool or isinstance(node.value, bool):
        return node.value if kind is bool and isinstance(node.value, bool) else BAD
    if kind is float and node.value is not None and abs(node.value) <= sys.float_info.max:  # no infinity, no NaN
        return float(node.value)
    return node.value if kind is int and isinstance(node.value, int) else BAD


def _parsed(kind: type, text: object) -> Any:
    """Return the number or truth value that a variable's text is, as JSON writes them; BAD when it is none."""
    try:
        value = json.loads(str(text).strip().lower())
    except (ValueError, RecursionError):
        return BAD
    return _as_kind(kind, Scalar(Place(Path()), value)) if isinstance(value, bool | int | float) else BAD
