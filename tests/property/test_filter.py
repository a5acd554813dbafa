"""Laws of the filter language that hold for every pattern and every event."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

from hypothesis import assume, example, given
from hypothesis import strategies as st

from poller.pipeline.filter import FilterError, compile_criteria

TEXTS = st.text(alphabet="abK*\\.é ", max_size=6)
NUMBERS = st.one_of(st.integers(-(10**15), 10**15), st.floats(allow_nan=False, allow_infinity=False))
SCALARS = st.one_of(TEXTS, NUMBERS, st.booleans(), st.none())
NAMES = st.sampled_from(["a", "b", "c", "a.b", "d"])
OBJECTS = st.recursive(
    st.dictionaries(NAMES, SCALARS, max_size=3),
    lambda inner: st.dictionaries(NAMES, st.one_of(SCALARS, inner, st.lists(st.one_of(SCALARS, inner), max_size=3))),
    max_leaves=8,
)
JSON = st.recursive(
    st.one_of(st.text(max_size=5), st.integers(), st.floats(), st.booleans(), st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=5), inner, max_size=4)),
    max_leaves=20,
)
EXPRESSIONS = st.one_of(
    st.builds(lambda name, text: {name: text}, st.sampled_from(["prefix", "suffix", "equals-ignore-case"]), TEXTS),
    st.builds(lambda value: {"exists": value}, st.booleans()),
    st.builds(lambda value: {"anything-but": [value]}, TEXTS),
    st.builds(lambda value: {"numeric": [">", value]}, NUMBERS),
)
PATTERNS = st.recursive(
    st.dictionaries(NAMES, st.lists(st.one_of(SCALARS, EXPRESSIONS), min_size=1, max_size=3), min_size=1, max_size=3),
    lambda inner: st.dictionaries(NAMES, inner, min_size=1, max_size=3),
    max_leaves=4,
)


def matches(pattern: object, event: object) -> bool:
    return compile_criteria([pattern]).match(event)


def shuffled(value: Any, order: random.Random) -> Any:
    if isinstance(value, dict):
        names = list(value)
        order.shuffle(names)
        return {name: shuffled(value[name], order) for name in names}
    return [shuffled(item, order) for item in value] if isinstance(value, list) else value


def leaves(value: Any, place: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Values and where they stand, as long as no array is on the way."""
    if isinstance(value, dict):
        for name, member in value.items():
            yield from leaves(member, (*place, name))
    elif not isinstance(value, list):
        yield place, value


@given(PATTERNS, OBJECTS, st.randoms(use_true_random=False))
def test_the_order_of_an_events_keys_does_not_matter(pattern: Any, event: Any, order: random.Random) -> None:
    assert matches(pattern, event) == matches(pattern, shuffled(event, order))


@given(OBJECTS)
def test_a_pattern_made_of_an_events_own_leaves_matches_it(event: Any) -> None:
    found = list(leaves(event))
    assume(found)
    assert matches({".".join(place): [value] for place, value in found}, event)


@given(st.lists(TEXTS, min_size=1, max_size=3), SCALARS)
def test_anything_but_is_the_complement_of_equality_among_values_present(named: list[str], value: Any) -> None:
    assert matches({"a": [{"anything-but": named}]}, {"a": value}) != matches({"a": list(named)}, {"a": value})


@given(st.lists(NUMBERS, min_size=1, max_size=3), SCALARS)
def test_anything_but_numbers_is_the_complement_too(named: list[float], value: Any) -> None:
    assert matches({"a": [{"anything-but": named}]}, {"a": value}) != matches({"a": list(named)}, {"a": value})


@given(PATTERNS, PATTERNS, OBJECTS)
def test_or_is_the_union_of_its_branches(one: Any, other: Any, event: Any) -> None:
    union = matches(one, event) or matches(other, event)
    assert matches({"$or": [one, other]}, event) == union
    assert compile_criteria([one, other]).match(event) == union


@given(PATTERNS, PATTERNS, OBJECTS)
def test_a_further_demand_never_lets_more_through(pattern: Any, demand: Any, event: Any) -> None:
    assert not matches({**pattern, "z": demand}, event) or matches(pattern, event)


@given(st.text(alphabet="ab*", max_size=7), st.text(alphabet="ab", max_size=9))
@example("a*a", "a")
def test_wildcards_match_as_their_definition_says(pattern: str, text: str) -> None:
    assume("**" not in pattern)
    try:
        found = matches({"a": [{"wildcard": pattern}]}, {"a": text})
    except FilterError as error:
        assert "too complex" in error.reason  # noqa: PT017  # only such patterns may be refused
        return
    assert found == by_definition(pattern, text)


def by_definition(pattern: str, text: str) -> bool:
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(by_definition(pattern[1:], text[start:]) for start in range(len(text) + 1))
    return text[:1] == pattern[0] and by_definition(pattern[1:], text[1:])


@given(NUMBERS, NUMBERS, NUMBERS)
@example(0, 10**12, 1_700_000_000_000)
def test_ranges_compare_as_numbers_do(low: float, high: float, value: float) -> None:
    assume(low < high)
    assert matches({"a": [{"numeric": [">", low, "<=", high]}]}, {"a": value}) == (low < value <= high)
    assert matches({"a": [{"numeric": ["=", low]}]}, {"a": value}) == (low == value)


@given(JSON)
def test_compiling_raises_nothing_but_filter_errors(pattern: Any) -> None:
    for given_as in (pattern, {"a": pattern}, {"a": [pattern]}, {"$or": pattern}, json.dumps(pattern)):
        try:
            compile_criteria([given_as])
        except FilterError as error:
            assert error.index == 0  # noqa: PT017  # either outcome is right, but an error says where


@given(st.sampled_from(["prefix", "suffix", "numeric", "anything-but", "cidr", "exists", "wildcard", "exactly"]), JSON)
def test_operators_raise_nothing_but_filter_errors(name: str, value: Any) -> None:
    for expression in ({name: value}, {"anything-but": {name: value}}, {name: {"equals-ignore-case": value}}):
        try:
            compile_criteria([{"a": [expression]}])
        except FilterError as error:
            assert error.reason  # noqa: PT017  # either outcome is right, but an error says why


@given(PATTERNS, JSON)
def test_matching_never_raises(pattern: Any, event: Any) -> None:
    criteria = compile_criteria([pattern, {"body": pattern}])
    criteria.match(event)
    for body in (event, str(event)):
        record = {"messageId": "m", "body": body}
        assert criteria.explain(record).admitted == criteria.admits(record)
