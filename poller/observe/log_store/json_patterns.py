"""Filter patterns for messages that are JSON objects (CloudWatch Logs UG, Filter pattern syntax for JSON log events). Pure.

``{ ($.level = "ERROR" || $.status >= 500) && $.user NOT EXISTS }``: a selector is ``$``, ``.name`` or ``["name"]``, ``[0]``, ``[*]``;
comparisons are = != < <= > >= with a number, a word or a "text" in which * stands for anything, and IS NULL, IS TRUE, IS FALSE, NOT EXISTS.
&& goes before ||. A message that is no object, or has nothing at the selector, matches no comparison but NOT EXISTS.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import orjson

from poller.observe.log_store.pattern_error import PatternError

Test = Callable[[Any], bool]
"""Of the whole object."""

DEPTH = 32
"""Parentheses inside parentheses, at most."""

_TOKEN = re.compile(
    r"""\s*(?:(?P<selector>\$(?:\.[\w@-]+|\[\s*(?:\d+|\*|"[^"]*"|'[^']*')\s*\])*)
    |(?P<sign>&&|\|\||!=|<=|>=|[=<>(){}])
    |"(?P<text>(?:[^"\\]|\\.)*)"
    |(?P<word>[^\s(){}=<>!&|"]+))""",
    re.VERBOSE,
)
_STEP = re.compile(r"""\.([\w@-]+)|\[\s*(?:(\d+)|(\*)|"([^"]*)"|'([^']*)')\s*\]""")
_ORDER: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_CONSTANTS = {"NULL": None, "TRUE": True, "FALSE": False}
_ALL = "*"
_END = ("", "")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
Step = str | int
"""Name of a member, index of an item, or ``_ALL`` items; a member of that name is not told apart from it."""


def compile_json(text: str) -> Callable[[str], bool]:
    """What tells whether a message matches. Raises PatternError."""
    test = _Parser(text).parsed()

    def matches(message: str) -> bool:
        if not message.lstrip().startswith("{"):
            return False
        try:
            return test(orjson.loads(message))
        except orjson.JSONDecodeError:
            return False

    return matches


class _Parser:
    """One pattern, read from left to right; ``_next`` is what comes."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._next = next(self._tokens, _END)
        self._depth = 0

    def parsed(self) -> Test:
        self._expect("{")
        test = self._either()
        self._expect("}")
        if self._next != _END:
            raise PatternError(f"there is more behind the closing brace: {self._next[1]!r}")
        return test

    def _either(self) -> Test:
        tests = [self._both()]
        while self._took("||"):
            tests.append(self._both())
        return tests[0] if len(tests) == 1 else lambda value: any(test(value) for test in tests)

    def _both(self) -> Test:
        tests = [self._one()]
        while self._took("&&"):
            tests.append(self._one())
        return tests[0] if len(tests) == 1 else lambda value: all(test(value) for test in tests)

    def _one(self) -> Test:
        if self._took("("):
            self._depth += 1
            if self._depth > DEPTH:
                raise PatternError(f"more than {DEPTH} parentheses inside each other")
            test = self._either()
            self._expect(")")
            self._depth -= 1
            return test
        kind, text = self._advance()
        if kind != "selector":
            raise PatternError(f"a selector such as $.level was expected, not {text!r}")
        return self._comparison(list(_steps(text)))

    def _comparison(self, steps: list[Step]) -> Test:
        kind, sign = self._advance()
        if kind == "word" and sign.upper() == "IS":
            constant = self._advance()[1].upper()
            if constant not in _CONSTANTS:
                raise PatternError(f"IS takes NULL, TRUE or FALSE, not {constant!r}")
            wanted = _CONSTANTS[constant]
            return lambda value: any(found is wanted for found in _found(value, steps))
        if kind == "word" and sign.upper() == "NOT":
            if self._advance()[1].upper() != "EXISTS":
                raise PatternError("NOT is followed by EXISTS")
            return lambda value: not any(True for _ in _found(value, steps))
        if kind != "sign" or sign in "(){}&&||":
            raise PatternError(f"a comparison was expected, not {sign!r}")
        kind, text = self._advance()
        if kind not in {"word", "text"}:
            raise PatternError(f"a value was expected behind {sign}, not {text!r}")
        return _compared(steps, sign, _value(kind, text))

    def _advance(self) -> tuple[str, str]:
        """What came."""
        came, self._next = self._next, next(self._tokens, _END)
        return came

    def _took(self, sign: str) -> bool:
        if self._next != ("sign", sign):
            return False
        self._advance()
        return True

    def _expect(self, sign: str) -> None:
        if not self._took(sign):
            raise PatternError(f"{sign} was expected, not {self._next[1] or 'the end'!r}")


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    text = text.rstrip()
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None or found.lastgroup is None:
            raise PatternError(f"{text[at:].strip()!r} is not understood")
        yield found.lastgroup, found[found.lastgroup]
        at = found.end()


def _steps(selector: str) -> Iterator[Step]:
    for name, index, every, double, single in _STEP.findall(selector):
        yield int(index) if index else _ALL if every else name or double or single


def _found(value: Any, steps: list[Step]) -> Iterator[Any]:
    """What stands at a selector: one value or none, or several where it says [*]."""
    if not steps:
        yield value
        return
    step, rest = steps[0], steps[1:]
    if step == _ALL and isinstance(value, list):
        for item in value:
            yield from _found(item, rest)
        return
    inside = (
        step in value
        if isinstance(value, dict)
        else isinstance(step, int) and isinstance(value, list) and step < len(value)
    )
    if inside:
        yield from _found(value[step], rest)


def _value(kind: str, text: str) -> float | str:
    """A number, where it stands without quotation marks and is one; else a text."""
    if kind == "word":
        if text.startswith("%"):
            raise PatternError("regular expressions, %...%, are not supported here")
        return float(text) if _NUMBER.fullmatch(text) else text
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)


def _compared(steps: list[Step], sign: str, wanted: float | str) -> Test:
    if sign in _ORDER:
        if isinstance(wanted, str):
            raise PatternError(f"{sign} compares with a number, not with {wanted!r}")
        order, number = _ORDER[sign], wanted
        return lambda value: any(_is_number(found) and order(found, number) for found in _found(value, steps))
    equal = _equality(wanted)
    return lambda value: any(equal(found) is (sign == "=") for found in _found(value, steps))


def _equality(wanted: float | str) -> Test:
    if not isinstance(wanted, str):
        return lambda found: _is_number(found) and found == wanted
    if _ALL not in wanted:
        return lambda found: found == wanted
    first, *middle, last = wanted.split(_ALL)
    return lambda found: isinstance(found, str) and _fits(found, first, middle, last)


def _fits(text: str, first: str, middle: list[str], last: str) -> bool:
    """Whether a text begins and ends so, with the others in this order between."""
    if not text.startswith(first) or not text.endswith(last) or len(text) < len(first) + len(last):
        return False
    at, end = len(first), len(text) - len(last)
    for part in middle:
        found = text.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
