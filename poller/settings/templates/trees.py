"""Parts of a template's tree, by the shape that they should have."""

from __future__ import annotations

import re
from collections.abc import Mapping

from poller.settings.nodes import Entry, List, Node, Place, Scalar, Table


def table(node: Node | None, place: Place) -> Table:
    """The node if it is a table, else an empty one."""
    return node if isinstance(node, Table) else Table(place, {})


def member(node: Node | None, *names: str) -> Node | None:
    """What lies under these keys, one in the other; None where there is nothing."""
    for name in names:
        if not isinstance(node, Table) or name not in node.entries:
            return None
        node = node.entries[name].node
    return node


def text(node: Node | None) -> str | None:
    """A scalar as text, as CloudFormation takes numbers and truth values where it wants texts; None for anything else, null included."""
    if not isinstance(node, Scalar) or node.value is None:
        return None
    if node.text is not None:
        return node.text
    return str(node.value).lower() if isinstance(node.value, bool) else str(node.value)


def items(node: Node | None) -> list[Node]:
    """The items of a list; a lone node is one, None is none."""
    if isinstance(node, List):
        return list(node.items)
    return [] if node is None else [node]


def coerced(node: Node, kind: type) -> Node:
    """A scalar as the kind of value that is wanted where it stands for one, as CloudFormation takes "30"; else as it is."""
    written = text(node)
    if written is None or not isinstance(node, Scalar):
        return node
    if kind is str:
        return Scalar(node.place, written)
    if kind is int and re.fullmatch(r"-?[0-9]{1,18}", written):
        return Scalar(node.place, int(written))
    if kind is bool and written.lower() in {"true", "false"}:
        return Scalar(node.place, written.lower() == "true")
    return node


def made(place: Place, values: Mapping[str, Node]) -> Table:
    """A table of values, each at its own place."""
    return Table(place, {key: Entry(value.place, value) for key, value in values.items()})


def laid_over(below: Node, above: Node) -> Node:
    """Tables joined, key by key, where both are; else the one above."""
    if not isinstance(below, Table) or not isinstance(above, Table):
        return above
    entries = dict(below.entries)
    for key, entry in above.entries.items():
        node = laid_over(entries[key].node, entry.node) if key in entries else entry.node
        entries[key] = Entry(entry.place, node)
    return Table(above.place, entries)
