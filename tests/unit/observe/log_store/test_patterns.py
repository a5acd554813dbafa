"""Filter patterns: examples in the terms of the service's guide, and what is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poller.observe.log_store import PatternError, compile_pattern

MESSAGE = "[ERROR 401] UNAUTHORIZED REQUEST for user-7"


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("", True),
        ("ERROR", True),
        ("error", False),
        ("ERROR REQUEST", True),
        ("ERROR ARGUMENTS", False),
        ('"ERROR 401"', True),
        ('"ERROR 400"', False),
        ('"[ERROR 401] UNAUTHORIZED" user-7', True),
        ("?ERROR ?ARGUMENTS", True),
        ("?WARN ?ARGUMENTS", False),
        ("ERROR -ARGUMENTS", True),
        ("ERROR -UNAUTHORIZED", False),
        ('-"for user-7"', False),
        ('?"for user-8" ?"for user-7"', True),
    ],
)
def test_terms(pattern: str, found: bool) -> None:
    assert compile_pattern(pattern)(MESSAGE) is found


def test_a_phrase_may_hold_a_quotation_mark() -> None:
    matches = compile_pattern(r'"say \"no\" "')
    assert matches('they say "no" here')
    assert not matches("they say no here")


RECORD = {
    "level": "ERROR",
    "status": 503,
    "took": 1.5,
    "ok": False,
    "user": None,
    "path": "/orders/7/items",
    "items": [{"sku": "a"}, {"sku": "b"}],
    "odd key": {"x.y": 1},
}


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ('{ $.level = "ERROR" }', True),
        ("{ $.level = ERROR }", True),
        ('{ $.level = "error" }', False),
        ('{ $.level != "INFO" }', True),
        ('{ $.missing != "INFO" }', False),
        ("{ $.status = 503 }", True),
        ('{ $.status = "503" }', False),
        ("{ $.status >= 500 && $.took < 2 }", True),
        ("{ $.status < 500 || $.took <= 1.5 }", True),
        ("{ ($.status < 500 || $.ok IS FALSE) && $.user IS NULL }", True),
        ("{ $.status > 500 && $.ok IS TRUE || $.level = ERROR }", True),
        ("{ $.nobody NOT EXISTS }", True),
        ("{ $.level NOT EXISTS }", False),
        ('{ $.path = "/orders/*/items" }', True),
        ('{ $.path = "*7*" }', True),
        ('{ $.path = "/orders/*/item" }', False),
        ('{ $.path = "/orders/7/items*/items" }', False),
        ('{ $.items[1].sku = "b" }', True),
        ('{ $.items[2].sku = "b" }', False),
        ('{ $.items[*].sku = "b" }', True),
        ('{ $["odd key"]["x.y"] = 1 }', True),
        ("{ $.ok = 0 }", False),
    ],
)
def test_json(pattern: str, found: bool) -> None:
    matches = compile_pattern(pattern)
    assert matches(json.dumps(RECORD) + "\n") is found
    assert not matches("START RequestId: 1 Version: $LATEST\n")
    assert not matches("{ no json")


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("%ERR.*%", "regular expressions"),
        ("{ $.level = %ERR% }", "regular expressions"),
        ("[ip, user]", "space-delimited"),
        ("?ERROR REQUEST", "cannot stand beside"),
        ('"no end', "quotation mark"),
        ("{ level = 1 }", "selector"),
        ("{ $.level }", "comparison"),
        ("{ $.level = }", "value"),
        ("{ $.level > abc }", "number"),
        ("{ $.level = 1", "}"),
        ("{ $.level = 1 } x", "behind"),
        ("{ $.level IS NOTHING }", "NULL, TRUE or FALSE"),
        ("{ $.level NOT THERE }", "EXISTS"),
        ("{ " + "(" * 40 + "$.a = 1", "parentheses"),
        ("{ }", "selector"),
    ],
)
def test_what_is_not_understood_is_refused(pattern: str, why: str) -> None:
    with pytest.raises(PatternError, match=why.replace("}", r"\}")):
        compile_pattern(pattern)


@given(st.text(), st.text())
def test_no_pattern_does_anything_but_match_or_be_refused(pattern: str, message: str) -> None:
    try:
        matches = compile_pattern(pattern)
    except PatternError:
        return
    assert matches(message) in {True, False}


@given(st.text('{}()$.=<>!&|"*[]ab1 ISNOTEX'), st.sampled_from([json.dumps(RECORD), "[]", "{}", '{"a": {"b": [1]}}']))
def test_no_json_pattern_does_anything_but_match_or_be_refused(pattern: str, message: str) -> None:
    try:
        matches = compile_pattern("{" + pattern + "}")
    except PatternError:
        return
    assert matches(message) in {True, False}
