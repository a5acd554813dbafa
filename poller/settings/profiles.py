"""Profiles: parts of a configuration that count in one place only. ``profiles.NAME`` is laid over the rest as a JSON merge patch.

Mappings are merged key by key, anything else is replaced, and null takes a key away (RFC 7396, JSON Merge Patch). One thing is ours: a
mapping with another ``type`` replaces the whole, since the options of one source mean nothing to another.
"""

from __future__ import annotations

from collections.abc import Mapping

from poller.settings.files import PROFILES
from poller.settings.nodes import Entry, Keys, Node, Scalar, Table
from poller.settings.problems import Report, nearest


def names(root: Table, report: Report) -> Mapping[str, Table]:
    """The profiles of a configuration, by name; what is none is noted."""
    if PROFILES not in root.entries:
        return {}
    node = root.entries[PROFILES].node
    if not isinstance(node, Table):
        place = root.entries[PROFILES].place
        report.add((PROFILES,), "expected profiles by name", "each holds a part of a configuration", place=place)
        return {}
    found = {}
    for name, entry in node.entries.items():
        if not isinstance(entry.node, Table):
            hint = "it is laid over the rest of the configuration"
            report.add((PROFILES, name), "expected a mapping of keys", hint, place=entry.place)
        elif PROFILES in entry.node.entries:
            place = entry.node.entries[PROFILES].place
            report.add((PROFILES, name, PROFILES), "a profile has no profiles", place=place)
        else:
            found[name] = entry.node
    return found


def select(root: Table, name: str, report: Report) -> Table:
    """Return the configuration without its profiles, the named one being laid over it; "" for none."""
    found = names(root, report)
    base = Table(root.place, {key: entry for key, entry in root.entries.items() if key != PROFILES})
    if not name:
        return base
    if name not in found:
        hint = nearest(name, found) or "there are no profiles in it"
        report.add((), f"there is no profile {name!r}", hint, place=root.place)
        return base
    return _over(base, found[name], (PROFILES, name), report)


def _over(base: Table, patch: Table, keys: Keys, report: Report) -> Table:
    entries = dict(base.entries)
    for key, entry in patch.entries.items():
        below = entries.get(key)
        if isinstance(entry.node, Scalar) and entry.node.value is None:
            if below is None:
                hint = nearest(key, base.entries)
                report.add(
                    (*keys, key), "null takes a key away, and there is none of this name", hint, place=entry.place
                )
            entries.pop(key, None)
        elif below is not None and isinstance(below.node, Table) and isinstance(entry.node, Table):
            other = _type(below.node) != _type(entry.node) and _type(entry.node) is not None
            node = entry.node if other else _over(below.node, entry.node, (*keys, key), report)
            entries[key] = Entry(entry.place, node)
        else:
            entries[key] = entry
    return Table(patch.place, entries)


def _type(node: Table) -> Node | object:
    entry = node.entries.get("type")
    return entry.node.value if entry is not None and isinstance(entry.node, Scalar) else None
