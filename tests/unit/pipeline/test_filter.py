"""What the labelled patterns do not show: SQS bodies, wording, limits, and messages made to hurt."""

from __future__ import annotations

import json
from typing import Any

import pytest

from poller.pipeline.filter import FilterError, compile_criteria


def record(body: str) -> dict[str, Any]:
    return {"messageId": "m-1", "body": body, "eventSource": "aws:sqs"}


OBJECT = {"body": {"a": [1]}}
ABSENCE = {"body": {"z": [{"exists": False}]}}
METADATA = {"messageId": ["m-1"]}


@pytest.mark.parametrize(
    ("body", "pattern", "admitted"),
    [
        ("plain", {"body": ["plain"]}, True),
        ("plain", {"body": [{"prefix": "other"}]}, False),
        ("plain", METADATA, True),
        ("plain", OBJECT, False),
        ("plain", ABSENCE, False),  # for its kind, though the field is absent
        ('{"a": 1}', {"body": ['{"a": 1}']}, False),
        ('{"a": 1}', {"body": [{"exists": True}]}, False),
        ('{"a": 1}', METADATA, True),
        ('{"a": 1}', OBJECT, True),
        ('{"a": 2}', OBJECT, False),
        ('{"a": 1}', {"body.a": [1]}, True),
        ('[{"a": 2}, {"a": 1}]', OBJECT, True),
        ('["x"]', {"body": ['["x"]']}, False),
        # JSON that is no object is text as well, and is dropped for neither.
        ("42", {"body": ["42"]}, True),
        ("42", OBJECT, False),
        ("42", ABSENCE, True),
        ('"quoted"', {"body": ['"quoted"']}, True),
        # JSON to AWS, though not to every reader.
        ('{"a": 1, "t": "\\ud83d"}', OBJECT, True),
        ('{"a": 1, "n": 1e400}', OBJECT, True),
        ("{broken", {"body": ["{broken"]}, True),
    ],
)
def test_a_body_and_a_pattern_of_different_kinds_do_not_match(body: str, pattern: Any, *, admitted: bool) -> None:
    assert compile_criteria([pattern]).admits(record(body)) is admitted


def test_each_branch_of_an_or_reads_the_body_in_its_own_way() -> None:
    criteria = compile_criteria([{"$or": [OBJECT, METADATA]}])
    assert criteria.admits(record("plain"))


def test_a_record_without_a_body_passes_on_its_metadata_only() -> None:
    assert not compile_criteria([OBJECT]).admits({"messageId": "m-1"})
    assert compile_criteria([METADATA]).admits({"messageId": "m-1"})


def test_no_filters_let_everything_through() -> None:
    assert compile_criteria([]).admits(record("x"))


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ({"x": 42}, 'filter [0] at x: "x" must be an object or an array'),
        ({"x": []}, "filter [0] at x: Empty arrays are not allowed"),
        ({"a": {"x": {}}}, "filter [0] at a.x: Empty objects are not allowed"),
        ({"x": [{"EXISTS": True}]}, "filter [0] at x: Unrecognized match type EXISTS"),
        ({"x": [{"numeric": [">", 1, ">", 2]}]}, "filter [0] at x: Bad numeric range operator: >"),
        ({"x": [{"numeric": ["<", "1"]}]}, "filter [0] at x: Value of < must be numeric"),
        ({"x": [{"numeric": 5}]}, "filter [0] at x: Value of numeric must be an array."),
        ({"x": [{"prefix": 1}]}, "filter [0] at x: prefix match pattern must be a string"),
        ({"x": [{"cidr": ["1"]}]}, "filter [0] at x: prefix match pattern must be a string"),
        ({"x": [{"cidr": "10.0.0.1/32"}]}, "filter [0] at x: IPv4 mask bits must be < 32"),
        ({"x": [{"anything-but": {"prefix": ""}}]}, "filter [0] at x: Null prefix/suffix not allowed"),
        ({"x": [{"wildcard": "a**"}]}, "filter [0] at x: Consecutive wildcard characters at pos 2"),
        ({"x": [{"prefix": "a", "suffix": "b"}]}, "filter [0] at x: Only one key allowed in match expression"),
        ({"$or": [{"x": [1]}]}, "filter [0] at $or: There must have at least 2 Objects in $or relationship."),
        ({"a": {1: ["x"]}}, "filter [0] at a: the key 1 is not a string; quote it"),
        ("[1]", "filter [0]: Filter is not an object"),
        (".".join("a" * 200), "filter [0]: the pattern is not JSON: Expecting value: line 1 column 1 (char 0)"),
    ],
)
def test_a_refused_filter_says_where_and_why_in_aws_words(pattern: object, message: str) -> None:
    with pytest.raises(FilterError) as refused:
        compile_criteria([pattern])
    assert str(refused.value) == message


def test_the_error_names_the_filter_among_several() -> None:
    with pytest.raises(FilterError, match=r"filter \[1\] at b: Empty arrays"):
        compile_criteria([{"a": [1]}, {"b": []}])


def test_ten_filters_of_4096_characters_are_allowed_and_no_more() -> None:
    pattern = '{"a":["' + "x" * 4086 + '"]}'
    assert compile_criteria([pattern] * 10)
    with pytest.raises(FilterError, match="11 filters"):
        compile_criteria([pattern] * 11)
    with pytest.raises(FilterError, match="4097 characters"):
        compile_criteria([pattern + " "])
    assert compile_criteria([json.loads(pattern)])  # counted without blanks


def test_times_in_milliseconds_can_be_compared() -> None:
    criteria = compile_criteria([{"at": [{"numeric": [">", 1_700_000_000_000]}]}])
    assert criteria.match({"at": 1_700_000_000_001})
    assert not criteria.match({"at": 1_699_999_999_999})


@pytest.mark.parametrize(
    ("pattern", "matched"),
    [
        ({"a": {"x": [1], "y": [{"exists": False}]}}, True),  # x settles on the first, which has no y
        ({"a": {"y": [1], "x": [{"exists": False}]}}, False),  # x comes before y: no element may have it
        ({"a": {"x": [1], "y": [2]}}, False),
        ({"a": {"x": [3], "y": [2]}}, True),
    ],
)
def test_one_element_of_an_array_has_to_meet_all_demands(pattern: Any, *, matched: bool) -> None:
    event = {"a": [{"x": 1}, {"x": 3, "y": 2}, {"y": 1}]}
    assert compile_criteria([pattern]).match(event) is matched


def test_an_explanation_names_the_field_its_demand_and_what_was_seen() -> None:
    criteria = compile_criteria([{"body": {"s": ["paid"], "n": [1]}}, {"body": ["x"]}])
    explanation = criteria.explain(record('{"s": "open", "n": 1}'))
    assert not explanation.admitted
    assert [str(refusal) for refusal in explanation.refusals] == [
        'filter [0]: body.s must be ["paid"], saw "open"',
        "filter [1]: body must be text, saw JSON",
    ]
    assert criteria.explain(record("x")).passed == 1


def test_an_explanation_covers_every_branch_and_arrays() -> None:
    either = compile_criteria([{"$or": [{"a": [1]}, {"b": [2]}]}]).explain({"a": 5})
    assert [(refusal.path, refusal.saw) for refusal in either.refusals] == [("a", "5"), ("b", "nothing")]
    split = compile_criteria([{"a": {"x": [1], "y": [2]}}]).explain({"a": [{"x": 1}, {"y": 2}]})
    assert [refusal.path for refusal in split.refusals] == ["a.x, a.y"]


def test_operators_that_lambda_does_not_document_are_told() -> None:
    criteria = compile_criteria(
        [{"a": [{"wildcard": "x*"}, {"prefix": "x"}], "b": [{"anything-but": {"prefix": "x"}}]}]
    )
    assert criteria.beyond_lambda == ("filter [0] at a: wildcard", "filter [0] at b: anything-but prefix")


@pytest.mark.timeout(10)  # by trying all combinations of elements it takes minutes
def test_large_arrays_take_time_in_proportion_to_their_size() -> None:
    elements = [{"x": 1, "y": 2} for _ in range(3000)]
    criteria = compile_criteria([{"a": {"x": [1], "y": [2]}, "b": {"x": [1], "y": [9]}}])
    assert not criteria.match({"a": elements, "b": [dict(element) for element in elements]})


@pytest.mark.timeout(10)
def test_patterns_made_to_hurt_are_refused_at_once() -> None:
    forks = {f"k{index}": {"$or": [{"a": [1]}, {"b": [1]}]} for index in range(60)}
    for pattern in ({".".join("a" * 2000): [1]}, forks, {"a": [{"wildcard": "*" + "a*" * 2000}]}):
        with pytest.raises(FilterError):
            compile_criteria([pattern])


@pytest.mark.timeout(10)
@pytest.mark.parametrize("body", ['{"a":' + "[" * 1000 + "]" * 1000 + "}", "[" * 100_000, "{" * 100_000])
def test_deeply_nested_bodies_are_only_bodies_that_do_not_match(body: str) -> None:
    assert not compile_criteria([OBJECT]).admits(record(body))
