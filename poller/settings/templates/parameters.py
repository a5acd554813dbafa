"""Values of a template's parameters: what the configuration gives, else their defaults. Source: CloudFormation User Guide, Parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from poller.settings.nodes import List, Node, Place, Scalar, Table
from poller.settings.problems import Report, nearest
from poller.settings.templates.trees import items, laid_over, made, member, table, text

GIVEN = "template_parameters"
"""The key of the configuration that gives them."""
BY_HAND = Place(Path("--parameter"))
"""Where those stand that the command line gives."""


def given_by_hand(base: Table, values: Mapping[str, str]) -> Table:
    """The configuration with these, too, which go before its own."""
    if not values:
        return base
    mine = made(BY_HAND, {name: Scalar(BY_HAND, value) for name, value in values.items()})
    return table(laid_over(base, made(base.place, {GIVEN: mine})), base.place)


def parameters(root: Table, given: Mapping[str, Node], report: Report) -> dict[str, Node]:
    """Return the values that are known, by name. One whose default is the name of an SSM parameter is not, unless it is given."""
    declared = table(member(root, "Parameters"), root.place).entries
    found: dict[str, Node] = {}
    for name, entry in declared.items():
        value = given.get(name) or member(entry.node, "Default")
        kind = text(member(entry.node, "Type")) or "String"
        if value is None or (kind.startswith("AWS::SSM::") and name not in given):
            continue
        _check(name, text(value) or "", entry.node, report)
        split = "List" in kind and not isinstance(value, List)
        found[name] = _list(text(value) or "", value.place) if split else value
    return found


def refuse_unknown(declared: set[str], given: Mapping[str, Node], report: Report) -> None:
    """Values for parameters that no template has."""
    for name, value in given.items():
        if name not in declared:
            report.add((GIVEN, name), "no template has this parameter", nearest(name, declared), place=value.place)


def _list(written: str, place: Place) -> Node:
    return List(place, [Scalar(place, part.strip()) for part in written.split(",")])


def _check(name: str, value: str, declaration: Node, report: Report) -> None:
    """What CloudFormation would refuse. A NoEcho value is not repeated, so none is."""
    keys, place = ("Parameters", name), declaration.place
    allowed = [text(each) for each in items(member(declaration, "AllowedValues"))]
    pattern = text(member(declaration, "AllowedPattern"))
    if allowed and value not in allowed:
        report.add(keys, "its value is none of AllowedValues", f"they are {', '.join(map(str, allowed))}", place=place)
    try:
        if pattern and not re.fullmatch(pattern, value):
            report.add(keys, f"its value does not match AllowedPattern: {pattern}", place=place)
    except re.error:  # a form that Java's regular expressions have and Python's do not: AWS's to check
        return
