"""One array of a pattern: what a field's value may be. Compiles it to a single test.

A leaf's items are alternatives: plain values, and objects of one operator each. Values compare with their JSON type:
``1`` is neither ``true`` nor ``"1"``. Numbers compare by value, whatever their spelling; AWS promises 15 digits.
Operators that are not negations match strings only, or numbers only; negations match every value that is there, of
any type, unless it is one of those named.

Source: Lambda DG, Event filtering; EventBridge UG, Comparison operators. Wording of errors: EventBridge's
TestEventPattern.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from poller.pipeline.filter.error import FilterError
from poller.pipeline.filter.operators import OPERATORS, Members, Test, ip_address, is_number

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
    absent = any(name == "exists" and value is False for name, value in expressions)
    tests = [
        *equality([item for item in items if not isinstance(item, Members)]),
        *(OPERATORS[name](value) for name, value in expressions),
    ]
    return Leaf(
        test=either(tests),
        absent=absent,
        text=json.dumps(plain(items), ensure_ascii=False, separators=(",", ":")),
        beyond_lambda=tuple(
            name for name, value in expressions if name not in LAMBDA_OPERATORS or isinstance(value, Members)
        ),
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


def either(tests: list[Test]) -> Test:
    """One test for several; the usual single one as it is, because it runs for every record."""
    if len(tests) == 1:
        return tests[0]
    return lambda value: any(test(value) for test in tests)


def equality(values: list[Any]) -> list[Test]:
    """Tests of the plain values of a leaf: one per JSON type that occurs."""
    if any(isinstance(value, list) for value in values):
        raise FilterError("Match value must be String, number, true, false, or null")
    strings = [value for value in values if isinstance(value, str)]
    addresses = frozenset(address for address in map(ip_address, strings) if address is not None)
    constants = tuple(value for value in values if value is None or isinstance(value, bool))
    numbers = frozenset(value for value in values if is_number(value))
    tests: list[Test] = []
    if strings:
        tests.append(frozenset(strings).__contains__)
    if addresses:  # an address has several spellings
        tests.append(lambda value: isinstance(value, str) and ip_address(value) in addresses)
    if numbers:
        tests.append(lambda value: is_number(value) and value in numbers)
    if constants:
        tests.append(lambda value: any(value is constant for constant in constants))
    return tests


def plain(value: Any) -> Any:
    """The value as JSON knows it, objects as dicts."""
    if isinstance(value, Members):
        return {key: plain(item) for key, item in value}
    return [plain(item) for item in value] if isinstance(value, list) else value
