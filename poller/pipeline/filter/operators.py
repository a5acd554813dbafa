"""The operators of the filter language: from an operator's value to the test of one event value.

Operators match strings only, or numbers only. ``anything-but`` is the negation: it matches every value that is there,
of whatever type, unless it is one of those named. A test gets a JSON scalar and never raises.

Source: Lambda DG, Event filtering; EventBridge UG, Comparison operators for use in event patterns. AWS promises 15
digits for numbers; beyond them values compare as Python compares them, exactly.
"""

from __future__ import annotations

import ipaddress
import math
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

from poller.pipeline.filter.error import FilterError
from poller.pipeline.filter.path import Scalar
from poller.pipeline.filter.wildcard import wildcard

Test = Callable[[Scalar], bool]

IP_ADDRESS = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+|[0-9a-fA-F:]*:[0-9a-fA-F:]*")
"""What the engine takes for an address at all; without it a dotted IPv4 tail of an IPv6 address would pass."""

COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Members(list[tuple[str, Any]]):
    """A JSON object as it was written: its members in order, a key as often as it occurs."""


def is_number(value: object) -> bool:
    """Whether it is a JSON number; Python would count true and false too."""
    return type(value) is int or type(value) is float


def either(tests: list[Test]) -> Test:
    """One test for several; the usual single one as it is, because it runs for every record."""
    if len(tests) == 1:
        return tests[0]
    return lambda value: any(test(value) for test in tests)


def on_text(fits: Callable[[str], object]) -> Test:
    """Return the test that only strings can pass."""
    return lambda value: isinstance(value, str) and bool(fits(value))


def string(value: Any, name: str) -> str:
    """Return the operator's value, which has to be a string."""
    if not isinstance(value, str):
        raise FilterError(f"{name} match pattern must be a string")
    return value


def exactly(value: Any) -> Test:
    """``{"exactly": "a"}``: the same string."""
    return frozenset({string(value, "exact")}).__contains__


def prefix(value: Any) -> Test:
    """``{"prefix": "a"}`` or ``{"prefix": {"equals-ignore-case": "a"}}``."""
    if isinstance(value, Members):
        return on_text(re.compile(ignoring_case(value, "prefix")).match)
    start = string(value, "prefix")
    return on_text(lambda text: text.startswith(start))


def suffix(value: Any) -> Test:
    """``{"suffix": "a"}`` or ``{"suffix": {"equals-ignore-case": "a"}}``."""
    if isinstance(value, Members):
        return on_text(re.compile(ignoring_case(value, "suffix") + r"\Z").search)
    end = string(value, "suffix")
    return on_text(lambda text: text.endswith(end))


def ignoring_case(members: Members, name: str) -> str:
    """Regular expression of the ``equals-ignore-case`` inside a prefix or suffix."""
    if not members:
        raise FilterError(f"{name.capitalize()} expression name not found")
    inner, value = members[0]
    if inner != "equals-ignore-case":
        raise FilterError(f"Unsupported {name} pattern: {inner}")
    expression = either_case(string(value, inner))
    if len(members) > 1:
        raise FilterError("Only one key allowed in match expression")
    return expression


def equals_ignore_case(value: Any) -> Test:
    """``{"equals-ignore-case": "a"}``."""
    return on_text(re.compile(either_case(string(value, "equals-ignore-case"))).fullmatch)


def either_case(text: str) -> str:
    """Regular expression for each character in lower or in upper case.

    Not case folding: the engine lets a pattern's "k" match "k" and "K", but not the Kelvin sign, which folds to it.
    """
    cases = ((re.escape(character.lower()), re.escape(character.upper())) for character in text)
    return "".join(lower if lower == upper else f"(?:{lower}|{upper})" for lower, upper in cases)


def on_wildcard(value: Any) -> Test:
    """``{"wildcard": "a*b"}``."""
    return on_text(wildcard(string(value, "wildcard")))


def exists(value: Any) -> Test:
    """``{"exists": true}``: any value. That ``false`` matches when there is none is not a test of a value."""
    if not isinstance(value, bool):
        raise FilterError("exists match pattern must be either true or false.")
    return lambda _: value


def numeric(value: Any) -> Test:
    """``{"numeric": [">", 0, "<=", 5]}``: one comparison, or a lower bound and then an upper one."""
    if not isinstance(value, list) or isinstance(value, Members):
        raise FilterError("Value of numeric must be an array.")
    name = value[0] if value else "]"
    if not isinstance(name, str) or not value:
        raise FilterError(f"Invalid member in numeric match: {name}")
    if name not in COMPARISONS:
        raise FilterError(f"Unrecognized numeric range operator: {name}")
    first = comparison(name, value[1:2])
    if len(value) == 2:  # noqa: PLR2004  # operator and bound
        return first
    if name not in {">", ">="}:
        raise FilterError("Too many elements in numeric expression")
    second = upper_bound(value[1], value[2:])
    return lambda number: first(number) and second(number)


def upper_bound(bottom: float, terms: list[Any]) -> Test:
    """Second half of a range, which has to lie above the first."""
    name, bound, excess = terms[0], terms[1:2], terms[2:]
    if not isinstance(name, str):
        raise FilterError(f"Bad value in numeric range: {name}")
    if name not in {"<", "<="}:
        raise FilterError(f"Bad numeric range operator: {name}")
    test = comparison(name, bound)
    if excess:
        raise FilterError("Too many terms in numeric range expression")
    if bottom >= bound[0]:
        raise FilterError("Bottom must be less than top")
    return test


def comparison(name: str, bound: list[Any]) -> Test:
    """One comparison with a bound; [] where the pattern ended too early."""
    if not bound or not is_number(bound[0]):
        raise FilterError(f"Value of {'equals' if name == '=' else name} must be numeric")
    if not math.isfinite(bound[0]):
        raise FilterError(f"Cannot compare number : {bound[0]}")
    compare, [limit] = COMPARISONS[name], bound
    return lambda value: is_number(value) and compare(value, limit)


def anything_but(value: Any) -> Test:
    """``{"anything-but": ...}``: a string, a number, a list of either, or an operator with a string or a list of them."""
    if isinstance(value, Members):
        named = either(named_by_operator(value))
    elif isinstance(value, list):
        named = one_kind(value)
    elif isinstance(value, str) or is_number(value):
        named = one_kind([value])
    else:
        raise FilterError("Value of anything-but must be an array or single string/number value.")
    return lambda value: not named(value)


def one_kind(values: list[Any]) -> Test:
    """Test for being one of some strings, or of some numbers."""
    if all(isinstance(value, str) for value in values) and values:
        return frozenset(values).__contains__
    if all(is_number(value) for value in values) and values:
        numbers = frozenset(values)
        return lambda value: is_number(value) and value in numbers
    if all(isinstance(value, str) or is_number(value) for value in values):
        raise FilterError(
            "Inside anything but list, either all values are number or string, mixed type is not supported"
        )
    raise FilterError("Inside anything but list, start|null|boolean is not supported.")


def named_by_operator(members: Members) -> list[Test]:
    """Tests of an operator inside anything-but, one per string it is given."""
    name, value = members[0] if members else ("", None)
    if name not in NEGATABLE:
        raise FilterError(f"Unsupported anything-but pattern: {name}")
    compiled, complaint = NEGATABLE[name]
    values = value if isinstance(value, list) and not isinstance(value, Members) else [value]
    if value is None or isinstance(value, bool | Members):
        raise FilterError("Value of anything-but must be an array or single string/number value.")
    if not values:
        raise FilterError("Empty arrays are not allowed")
    if not all(isinstance(item, str) for item in values):
        raise FilterError(complaint)
    if name in {"prefix", "suffix"} and "" in values:
        raise FilterError("Null prefix/suffix not allowed")
    if len(members) > 1:
        raise FilterError("Only one key allowed in match expression")
    return [compiled(item) for item in values]


def cidr(value: Any) -> Test:
    """``{"cidr": "10.0.0.0/24"}``: strings that are an address of the network."""
    # The wrong operator in this reason is the engine's own slip.
    address, slash, bits = string(value, "prefix").partition("/")
    if not slash or not bits or "/" in bits:
        raise FilterError("Malformed CIDR, one '/' required")
    if not re.fullmatch(r"[+-]?[0-9]{1,9}", bits):
        raise FilterError("Malformed CIDR, mask bits must be an integer")
    if int(bits) < 0:
        raise FilterError("Malformed CIDR, mask bits must not be negative")
    base = ip_address(address)
    if base is None:
        raise FilterError(f"Nonstandard IP address: {address}")
    if int(bits) >= base.max_prefixlen:
        raise FilterError(f"IPv{base.version} mask bits must be < {base.max_prefixlen}")
    network = ipaddress.ip_network(f"{address}/{int(bits)}", strict=False)

    def inside(text: str) -> bool:
        candidate = ip_address(text)
        return candidate is not None and candidate in network

    return on_text(inside)


def ip_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the address a string spells; None for any other string."""
    if not IP_ADDRESS.fullmatch(text):
        return None
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


OPERATORS: Mapping[str, Callable[[Any], Test]] = {
    "anything-but": anything_but,
    "cidr": cidr,
    "equals-ignore-case": equals_ignore_case,
    "exactly": exactly,
    "exists": exists,
    "numeric": numeric,
    "prefix": prefix,
    "suffix": suffix,
    "wildcard": on_wildcard,
}

NEGATABLE: Mapping[str, tuple[Callable[[Any], Test], str]] = {
    "equals-ignore-case": (
        equals_ignore_case,
        "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported.",
    ),
    "prefix": (prefix, "prefix/suffix match pattern must be a string"),
    "suffix": (suffix, "prefix/suffix match pattern must be a string"),
    "wildcard": (on_wildcard, "wildcard match pattern must be a string"),
}
"""Operators allowed inside anything-but, and the reason given when their value is no string."""
