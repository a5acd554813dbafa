"""Globals of a SAM template laid under a resource's own properties: values give way, maps are joined, lists are put before.

Source: AWS SAM Developer Guide, Globals section of the template; a function (``Ref`` ...) counts as a value.
"""

from __future__ import annotations

from poller.settings.nodes import Entry, List, Node, Table
from poller.settings.templates.trees import items, member, table, text


def properties(root: Table, resource: Node) -> Table:
    """The properties of a SAM function, Globals included unless IgnoreGlobals keeps them away."""
    own = table(member(resource, "Properties"), resource.place)
    common = table(member(root, "Globals", "Function"), resource.place)
    ignored = {text(each) for each in items(member(resource, "IgnoreGlobals"))}
    kept = {} if "*" in ignored else {key: entry for key, entry in common.entries.items() if key not in ignored}
    merged = _merged(Table(common.place, kept), own)
    return merged if isinstance(merged, Table) else own


def _merged(below: Node, above: Node) -> Node:
    if isinstance(below, List) and isinstance(above, List):
        return List(above.place, [*below.items, *above.items])
    if not isinstance(below, Table) or not isinstance(above, Table) or _is_function(below) or _is_function(above):
        return above
    entries = dict(below.entries)
    for key, entry in above.entries.items():
        node = _merged(entries[key].node, entry.node) if key in entries else entry.node
        entries[key] = Entry(entry.place, node)
    return Table(above.place, entries)


def _is_function(table: Table) -> bool:
    return len(table.entries) == 1 and next(iter(table.entries)).startswith(("Fn::", "Ref"))
