"""One array of a pattern: what a field's value may be. Compiles it to a single test.

A leaf's items are alternatives: plain values, and objects of one operator each (``operators``). Values compare with
their JSON type: ``1`` is neither ``true`` nor ``"1"``. Numbers compare by value, whatever their spelling.

Source: Lambda DG, Event filtering. Wording of errors: EventBridge's TestEventPattern.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from poller.pipeline.filter.error import FilterError
from poller.pipeline.filter.operators import OPERATORS, Members, Test, either, ip_address, is_number

LAMBDA_OPERATORS = frozenset({"anything-but", "equals-ignore-case", "exists", "numeric", "prefix", "suffix"})
"""Operators in Lambda's own table. The engine behind it knows more, which the guides promise for event buses only."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """What a pattern demands of one field.

    test: whether one value will do; any one of several values is enough. absent: whether no value at all will do.
    text: the array as JSON, for people. beyond_lambda: operators in it that Lambda's documentation does not list.
    """

    test: Test
    absent: bool
    text: str
    beyond_lambda: tuple[str, ...]


def leaf(items: list[Any]) -> Leaf:
    """Compile one array. Raises ``FilterError`` with AWS's reason and no path."""
    if not items:
        raise FilterError("Empty arrays are not allowed")
    expressions = [expression(item) for item in items if isinstance(item, Members)]
    operators = [OPERATORS[name](value) for name, value in expressions]
    return Leaf(
        test=either([*equality([item for item in items if not isinstance(item, Members)]), *operators]),
        absent=any(name == "exists" and value is False for name, value in expressions),
        text=json.dumps(plain(items), ensure_ascii=False, separators=(",", ":")),
        beyond_lambda=tuple(label for name, value in expressions for label in beyond_lambda(name, value)),
    )


def expression(members: Members) -> tuple[str, Any]:
    """Name and value of an operator's object, which has exactly one member."""
    if not members:
        raise FilterError("Match expression name not found")
    name, value = members[0]
    if name not in OPERATORS:
        raise FilterError(f"Unrecognized match type {name}")
    if len(members) > 1:
        raise FilterError("Only one key allowed in match expression")
    return name, value


def equality(values: list[Any]) -> list[Test]:
    """Tests of the plain values of a leaf: one per JSON type that occurs."""
    if any(isinstance(value, list) for value in values):
        raise FilterError("Match value must be String, number, true, false, or null")
    strings = frozenset(value for value in values if isinstance(value, str))
    addresses = frozenset(address for address in map(ip_address, strings) if address is not None)
    constants = tuple(value for value in values if value is None or isinstance(value, bool))
    numbers = frozenset(value for value in values if is_number(value))
    tests: list[Test] = []
    if strings:
        tests.append(strings.__contains__)
    if addresses:  # one address has several spellings
        tests.append(lambda value: isinstance(value, str) and ip_address(value) in addresses)
    if numbers:
        tests.append(lambda value: is_number(value) and value in numbers)
    if constants:
        tests.append(lambda value: any(value is constant for constant in constants))
    return tests


def beyond_lambda(name: str, value: Any) -> list[str]:
    """Label of an operator that Lambda's table lacks: ``wildcard``, ``anything-but prefix``; [] for one it has."""
    if isinstance(value, Members):
        return [f"{name} {value[0][0]}"]
    return [] if name in LAMBDA_OPERATORS else [name]


def plain(value: Any) -> Any:
    """Return part of a pattern in the usual types."""
    if isinstance(value, Members):
        return {name: plain(member) for name, member in value}
    return [plain(item) for item in value] if isinstance(value, list) else value
