"""AWS's properties -> our keys, by table. A property that is in no table is told of, so that nothing is passed over in silence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from poller.settings.nodes import Entry, List, Node, Place, Table
from poller.settings.templates.notices import Notice, Tell
from poller.settings.templates.resolver import Resolver, Unresolved
from poller.settings.templates.trees import coerced

EFFECTLESS = "has no effect here"
"""What is said of a property that would change nothing."""


@dataclass(frozen=True, slots=True)
class Key:
    """name: ours; "": what is in it lies beside. kind: of a value or of a list's items. members: of a table."""

    name: str
    kind: type = str
    members: Mapping[str, Key] | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What reading one resource needs. refuse: what it cannot do without: our key, place, sentence."""

    resource: str
    resolver: Resolver
    tell: Tell
    refuse: Callable[[str, Place, str], None]

    def notice(self, place: Place, member: str, sentence: str) -> None:
        """Tell of something that nobody does here."""
        self.tell(Notice(place, self.resource, member, sentence, minor=sentence == EFFECTLESS))

    def value(self, key: str, node: Node) -> Node | None:
        """The value of a property; None: there is none, or it is refused."""
        try:
            return self.resolver.node(node)
        except Unresolved as error:
            self.refuse(key, error.place, str(error))
            return None


UNKNOWN = "is not known here, and has no effect"


def renamed(
    given: Table, keys: Mapping[str, Key], reading: Reading, own: Table | None = None, path: str = ""
) -> dict[str, Entry]:
    """Return our keys with the values of AWS's properties. own: what the configuration says itself, which is not looked at here."""
    found: dict[str, Entry] = {}
    for name, entry in given.entries.items():
        key = keys.get(name)
        if key is None:
            reading.notice(entry.place, f"{path}{name}", UNKNOWN)
        elif own is None or key.name not in own.entries:
            found |= _one(name, entry, key, reading, path)
    return found


def _one(name: str, entry: Entry, key: Key, reading: Reading, path: str) -> dict[str, Entry]:
    if key.members is None:
        value = reading.value(key.name, entry.node)
        return {} if value is None else {key.name: Entry(entry.place, _as(value, key.kind))}
    try:
        node = reading.resolver.chosen(entry.node)
    except Unresolved as error:
        reading.refuse(key.name, error.place, str(error))
        return {}
    if not isinstance(node, Table):
        return {}
    inner = renamed(node, key.members, reading, path=f"{path}{name}.")
    return {key.name: Entry(entry.place, Table(node.place, inner))} if key.name and inner else inner


def _as(node: Node, kind: type) -> Node:
    if isinstance(node, List):
        return List(node.place, [coerced(item, kind) for item in node.items])
    return coerced(node, kind)
