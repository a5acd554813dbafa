"""Variables of the daemon's environment in texts of a configuration: ``${NAME}``, ``${NAME:-default}``, ``${NAME:?message}``.

Done on the tree, not on the file's text, so no value can add a key, a comment or a line. Only values are looked at, never keys. What
stood in a text becomes what its place wants: a number or a truth value there, a text elsewhere. A default may hold further variables.
``$${`` is the two characters ``${``; a ``$`` before anything else is itself, as in ``orders:$LATEST``.

The forms are those of the shell and of Compose: ``:-`` and ``:?`` count an empty variable as missing, the plain form does not.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass

from poller.settings.nodes import Entry, Keys, List, Node, Place, Scalar, Table
from poller.settings.problems import Report

_START = re.compile(r"\$?\$\{")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_EDGE = re.compile(r"\$?\$\{|\}")
_FORMS = "the forms are ${NAME}, ${NAME:-default} and ${NAME:?message}; $${ stands for ${ itself"


class _Problem(Exception):  # not an error of ours
    """A text that cannot be expanded: sentence and hint."""

    def __init__(self, sentence: str, hint: str = "") -> None:
        super().__init__(sentence)
        self.hint = hint


@dataclass(frozen=True)
class Substitution:
    """One pass over a tree."""

    environment: Mapping[str, str]
    report: Report

    def node(self, node: Node, keys: Keys, place: Place) -> Node:
        """Return the tree with variables in place; what cannot be is noted, and stays as it was. place: of its key, for TOML."""
        if isinstance(node, Scalar):
            return self._scalar(node, keys, place)
        if isinstance(node, List):
            return List(node.place, [self.node(item, (*keys, at), item.place) for at, item in enumerate(node.items)])
        entries = {
            key: Entry(entry.place, self.node(entry.node, (*keys, key), entry.place))
            for key, entry in node.entries.items()
        }
        return Table(node.place, entries)

    def table(self, table: Table) -> Table:
        """The same for the top of a configuration."""
        found = self.node(table, (), table.place)
        assert isinstance(found, Table)  # noqa: S101  # a tree keeps its shape
        return found

    def _scalar(self, node: Scalar, keys: Keys, place: Place) -> Scalar:
        if not isinstance(node.value, str) or "${" not in node.value:
            return node
        try:
            value = expanded(node.value, self.environment)
        except _Problem as problem:
            self.report.add(keys, str(problem), problem.hint, place=place)
            return dataclasses.replace(node, broken=True)
        if any(
            "\ud800" <= character <= "\udfff" for character in value
        ):  # bytes that are no text, as Python hands them on
            self.report.add(keys, "a variable's value is not UTF-8", place=place)
            return dataclasses.replace(node, broken=True)
        varied = any(not match.group().startswith("$$") for match in _START.finditer(node.value))
        return dataclasses.replace(node, value=value, text=value, doubt="", substituted=varied)


def expanded(text: str, environment: Mapping[str, str]) -> str:
    """Return a text with its variables in place. Raises a problem whose text is a sentence; values are in none."""
    whole, at = _part(text, 0, environment, nested=False)
    assert at == len(text)  # noqa: S101  # nothing ends the outermost part but the text's end
    return whole


def _part(text: str, at: int, environment: Mapping[str, str], *, nested: bool) -> tuple[str, int]:
    """Expand up to the end, or of a default up to the brace that closes it; returns what it came to, and where it ended."""
    pieces: list[str] = []
    while True:
        edge = _EDGE.search(text, at)
        if edge is None:
            if nested:
                raise _Problem("a ${ is never closed", "a } is missing")
            return "".join([*pieces, text[at:]]), len(text)
        pieces.append(text[at : edge.start()])
        at = edge.end()
        if edge.group() == "}":
            if nested:
                return "".join(pieces), at
            pieces.append("}")
        elif edge.group() == "$${":
            pieces.append("${")
        else:
            value, at = _variable(text, at, environment)
            pieces.append(value)


def _variable(text: str, at: int, environment: Mapping[str, str]) -> tuple[str, int]:
    name = _NAME.match(text, at)
    if name is None:
        raise _Problem("there is no name of a variable behind ${", _FORMS)
    value = environment.get(name.group())
    rest = text[name.end() :]
    if rest.startswith("}"):
        if value is None:
            raise _Problem(
                f"the environment has no variable {name.group()}",
                f"set it, or write a default: ${{{name.group()}:-...}}; $${{ stands for ${{ itself",
            )
        return value, name.end() + 1
    if not rest.startswith((":-", ":?")):
        raise _Problem(f"${{{name.group()} goes on with what means nothing" if rest else "a ${ is never closed", _FORMS)
    # A default that is not used is read all the same, for its end, but its variables may be missing.
    otherwise, end = _part(text, name.end() + 2, _Anything() if value else environment, nested=True)
    if value:
        return value, end
    if rest.startswith(":?"):
        raise _Problem(f"{name.group()}: {otherwise or 'this variable must be set'}", "set it in the environment")
    return otherwise, end


class _Anything(dict[str, str]):
    """An environment that has every variable."""

    def get(self, _key: object, _default: object = None) -> str:
        return "-"
