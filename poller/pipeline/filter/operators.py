"""The operators of the filter language: each turns its argument into the test of one value, or says what is wrong with it.

Source: EventBridge UG, Comparison operators for use in event patterns; recorded answers of TestEventPattern for the
wording.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Callable
from typing import Any

from poller.pipeline.filter.error import FilterError
from poller.pipeline.filter.path import Scalar
from poller.pipeline.filter.wildcard import wildcard

Test = Callable[[Scalar], bool]
TextTest = Callable[[str], bool]


class Members(list[tuple[str, Any]]):
    """A JSON object as it was written: its members in order, a key as often as it occurs."""


LOWER = {"<": float.__lt__, "<=": float.__le__}
UPPER = {">": float.__gt__, ">=": float.__ge__}


def is_number(value: object) -> bool:
    """Whether it is a JSON number; Python would count true and false too."""
    return type(value) is int or type(value) is float


def ip_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address a text spells, if it is one."""
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def on_text(fits: Callable[[str], object]) -> Test:
    """A test that only strings can pass."""
    return lambda value: isinstance(value, str) and bool(fits(value))


def string(value: Any, operator: str) -> str:
    """The argument, which must be a string."""
    if not isinstance(value, str):
        raise FilterError(f"{operator} match pattern must be a string")
    return value


def either_case(text: str) -> str:
    """A regular expression for the text in any case, letter by letter as the engine does it: no folding of one letter into two."""
    return "".join(
        "[" + re.escape(c.lower()) + re.escape(c.upper()) + "]"
        if c.lower() != c.upper() and len(c.lower()) == len(c.upper()) == 1
        else re.escape(c)
        for c in text
    )


def ignoring_case(value: Members, operator: str) -> str:
    """The argument of a prefix or suffix that is to ignore case, as a regular expression."""
    if len(value) != 1 or value[0][0] != "equals-ignore-case":
        raise FilterError(
            f"Unsupported {operator} match pattern" if value else f"{operator} match pattern must be a string"
        )
    return either_case(string(value[0][1], "prefix/suffix"))


def exactly(value: Any) -> Test:
    """The value itself."""
    return frozenset({string(value, "exact")}).__contains__


def prefix(value: Any) -> Test:
    """Beginning of a string."""
    if isinstance(value, Members):
        return on_text(re.compile(ignoring_case(value, "prefix"), re.DOTALL).match)
    start = string(value, "prefix")
    return on_text(lambda text: text.startswith(start))


def suffix(value: Any) -> Test:
    """End of a string."""
    if isinstance(value, Members):
        return on_text(re.compile(ignoring_case(value, "suffix") + r"\Z", re.DOTALL).search)
    end = string(value, "suffix")
    return on_text(lambda text: text.endswith(end))


def equals_ignore_case(value: Any) -> Test:
    """The whole string in any case."""
    return on_text(re.compile(either_case(string(value, "equals-ignore-case")), re.DOTALL).fullmatch)


def matches_wildcard(value: Any) -> Test:
    """A string with ``*`` for any run of characters."""
    return on_text(wildcard(string(value, "wildcard")))


def exists(value: Any) -> Test:
    """Presence; absence is the leaf's business, which knows when there is no value to ask."""
    if not isinstance(value, bool):
        raise FilterError("exists match pattern must be either true or false.")
    return lambda _: value


def cidr(value: Any) -> Test:
    """An address inside a network."""
    text = string(value, "prefix")  # the service words it so
    if text.count("/") != 1:
        raise FilterError("Malformed CIDR, one '/' required")
    address, _, bits = text.partition("/")
    if not bits.isdigit():
        raise FilterError("Malformed CIDR, mask bits must be an integer")
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        if ip_address(address) is None:
            raise FilterError(f"Nonstandard IP address: {address}") from None
        raise FilterError("Malformed CIDR, mask bits out of range") from None
    return on_text(lambda spelt: (found := ip_address(spelt)) is not None and found in network)


def numeric(value: Any) -> Test:
    """Equality, or a range with one or two bounds, the lower first."""
    if not isinstance(value, list):
        raise FilterError("Value of numeric must be an array.")
    if not value or len(value) not in {2, 4}:
        raise FilterError("Invalid member in numeric match: expected an operator and a number")
    pairs = [_bound(value[n], value[n + 1]) for n in range(0, len(value), 2)]
    names = [name for name, _ in pairs]
    if len(pairs) == 1 and names[0] == "=":
        wanted = pairs[0][1]
        return lambda number: is_number(number) and _double(number) == wanted
    if "=" in names:
        raise FilterError("Bad numeric range operator: =")
    if len(pairs) == 2:
        if names[0] not in UPPER:
            raise FilterError(f"Bad numeric range operator: {names[0]}")
        if names[1] not in LOWER:
            raise FilterError(f"Bad numeric range operator: {names[1]}")
        if pairs[0][1] >= pairs[1][1]:
            raise FilterError("Bottom must be less than top")
    compare = UPPER | LOWER
    bounds = [(compare[name], bound) for name, bound in pairs]
    return lambda number: is_number(number) and all(holds(_double(number), bound) for holds, bound in bounds)


def anything_but(value: Any) -> Test:
    """Every value that is there, but those named."""
    if isinstance(value, Members):
        return _anything_but_expression(value)
    items = value if isinstance(value, list) else [value]
    if not isinstance(value, list) and not (isinstance(value, str) or is_number(value)):
        raise FilterError("Value of anything-but must be an array or single string/number value.")
    if not items:
        raise FilterError("Empty arrays are not allowed")
    if not all(isinstance(item, str) or is_number(item) for item in items):
        raise FilterError("Inside anything but list, start|null|boolean is not supported.")
    if len({isinstance(item, str) for item in items}) > 1:
        raise FilterError(
            "Inside anything but list, either all values are number or string, mixed type is not supported"
        )
    if isinstance(items[0], str):
        texts = frozenset(items)
        return lambda found: found not in texts if isinstance(found, str) else True
    numbers = frozenset(map(_double, items))
    return lambda found: not (is_number(found) and _double(found) in numbers)


def _anything_but_expression(value: Members) -> Test:
    name, argument = value[0] if value else ("", None)
    makers = {
        "prefix": prefix,
        "suffix": suffix,
        "equals-ignore-case": equals_ignore_case,
        "wildcard": matches_wildcard,
    }
    if name not in makers:
        raise FilterError(f"Unsupported anything-but pattern: {name}")
    if len(value) > 1:
        raise FilterError("Only one key allowed in match expression")
    if isinstance(argument, Members):
        raise FilterError("Value of anything-but must be an array or single string/number value.")
    arguments = argument if isinstance(argument, list) else [argument]
    if not arguments:
        raise FilterError("Empty arrays are not allowed")
    if not all(isinstance(item, str) for item in arguments):
        raise FilterError(
            f"Inside anything-but/{name} list, number|start|null|boolean is not supported."
            if isinstance(argument, list)
            else f"{name} match pattern must be a string"
        )
    if name in {"prefix", "suffix"} and "" in arguments:
        raise FilterError("Null prefix/suffix not allowed")
    tests = [makers[name](item) for item in arguments]
    return lambda found: not any(test(found) for test in tests)


def _bound(name: Any, bound: Any) -> tuple[str, float]:
    if name not in ("=", *UPPER, *LOWER):
        raise FilterError(f"Unrecognized numeric range operator: {name}")
    if not is_number(bound):
        raise FilterError(f"Value of {name} must be numeric")
    if not math.isfinite(_double(bound)) or abs(_double(bound)) > 5e9:  # EventBridge UG: -5.0e9 to 5.0e9
        raise FilterError("Value must be between -5.0E9 and 5.0E9, inclusive")
    return name, _double(bound)


def _double(number: Any) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf


OPERATORS: dict[str, Callable[[Any], Test]] = {
    "anything-but": anything_but,
    "cidr": cidr,
    "equals-ignore-case": equals_ignore_case,
    "exactly": exactly,
    "exists": exists,
    "numeric": numeric,
    "prefix": prefix,
    "suffix": suffix,
    "wildcard": matches_wildcard,
}
