from __future__ import annotations

from pathlib import Path

import pytest

from poller.settings.nodes import Place, from_value
from poller.settings.problems import Problem, Report, SettingsError, dotted, nearest


def test_a_problem_reads_like_a_compilers_message() -> None:
    problem = Problem(Path("pollerd.yaml"), 12, 5, "functions.orders.x", "unknown key", "did you mean y?")
    assert str(problem) == "pollerd.yaml:12:5: functions.orders.x: unknown key; did you mean y?"


def test_what_is_not_known_of_a_problem_is_left_out() -> None:
    assert str(Problem(Path("a.yaml"), 0, 0, "", "cannot be read")) == "a.yaml: cannot be read"


def test_an_error_has_one_line_for_each_problem() -> None:
    problems = [Problem(Path("a.yaml"), line, 1, "", "bad") for line in (1, 2)]
    assert str(SettingsError(problems)) == "a.yaml:1:1: bad\na.yaml:2:1: bad"


@pytest.mark.parametrize(
    ("word", "known", "sentence"),
    [
        ("timout_seconds", ["timeout_seconds", "memory_mb"], "did you mean timeout_seconds?"),
        ("BatchSize", ["batch_size", "enabled"], "did you mean batch_size?"),
        (
            "MaximumBatchingWindowInSeconds",
            ["maximum_batching_window_seconds"],
            "did you mean maximum_batching_window_seconds?",
        ),
        ("Orders", ["orders"], "did you mean orders?"),
        ("kinesis-stream", ["kinesis", "redis-stream"], "did you mean kinesis?"),
        ("FunctionName", ["function", "functions"], "did you mean function?"),
        ("zzz", ["b", "a"], "known are a, b"),
        ("zzz", [], ""),
    ],
)
def test_the_nearest_name_is_offered_else_all_of_them(word: str, known: list[str], sentence: str) -> None:
    assert nearest(word, known) == sentence


def test_keys_that_are_no_plain_words_stand_in_quotes() -> None:
    assert dotted(("functions", "or ders", "layers", 0)) == 'functions."or ders".layers[0]'


def test_a_finding_is_placed_at_its_key_or_at_the_nearest_one_above() -> None:
    tree = from_value({"a": {"b": [1]}}, Place(Path("x"), 7, 3))
    report = Report()
    report.add(("a", "c"), "missing")
    assert report.problems(tree) == [Problem(Path("x"), 7, 3, "a.c", "missing")]


def test_the_same_finding_twice_is_one_problem() -> None:
    report = Report()
    report.add(("a",), "bad")
    report.add(("a",), "bad")
    assert len(report.problems(from_value({}, Place(Path("x"))))) == 1


def test_a_value_is_sound_unless_something_was_found_at_above_or_below_it() -> None:
    report = Report()
    report.add(("a", "b"), "bad")
    assert [report.sound(keys) for keys in [("a",), ("a", "b"), ("a", "b", "c"), ("a", "c"), ("b",)]] == [
        False,
        False,
        False,
        True,
        True,
    ]


def test_a_value_that_another_finding_explains_is_not_sound_either() -> None:
    report = Report()
    report.explained(("a",))
    assert not report.sound(("a",))
    assert not report
