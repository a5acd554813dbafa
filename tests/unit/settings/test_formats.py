"""YAML, JSON and TOML become the same trees, with places."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from poller.settings import json_text, toml_text, yaml_text
from poller.settings.nodes import Keys, List, Node, Place, Scalar, Table, measure, place_of
from poller.settings.problems import Report

FILE = Path("f")
Parse = Callable[[Path, str, Report], Node | None]


def read(parse: Parse, text: str) -> tuple[Node | None, list[str]]:
    report = Report()
    root = parse(FILE, text, report)
    return root, [str(problem) for problem in report.problems(root or Scalar(Place(FILE), None))]


def plain(node: Node | None) -> Any:
    if isinstance(node, Table):
        return {key: plain(entry.node) for key, entry in node.entries.items()}
    if isinstance(node, List):
        return [plain(item) for item in node.items]
    return node.value if node else None


def value(text: str) -> Scalar:
    root, problems = read(yaml_text.parse, f"key: {text}")
    assert problems == []
    assert isinstance(root, Table)
    node = root.entries["key"].node
    assert isinstance(node, Scalar)
    return node


SAME = [
    (yaml_text.parse, 'top: 1\ntable:\n  key: "text"\n  inner:\n    list: [1.5, true]\n'),
    (json_text.parse, '{"top": 1,\n"table": {\n  "key": "text",\n  "inner": {\n    "list": [1.5, true]}}}'),
    (toml_text.parse, 'top = 1\n[table]\n  key = "text"\n  [table.inner]\n    list = [1.5, true]\n'),
]


@pytest.mark.parametrize(("parse", "text"), SAME)
def test_the_three_formats_say_the_same(parse: Parse, text: str) -> None:
    root, problems = read(parse, text)
    assert problems == []
    assert plain(root) == {"top": 1, "table": {"key": "text", "inner": {"list": [1.5, True]}}}


@pytest.mark.parametrize(("parse", "text"), SAME)
def test_the_three_formats_know_the_lines_of_keys(parse: Parse, text: str) -> None:
    root, _ = read(parse, text)
    assert root is not None
    ways: list[Keys] = [("top",), ("table",), ("table", "key"), ("table", "inner"), ("table", "inner", "list")]
    assert [place_of(root, keys).line for keys in ways] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("parse", "text", "problem"),
    [
        (yaml_text.parse, "a: [1\nb: 2", "f:2:2: not valid YAML: expected ',' or ']', but got ':'"),
        (
            yaml_text.parse,
            "a: b: c",
            "f:1:5: not valid YAML: mapping values are not allowed here; a text with a colon and a blank in it needs quotes",
        ),
        (
            yaml_text.parse,
            "a:\n\tb: 1",
            "f:2:1: not valid YAML: found character '\\t' that cannot start any token; indent with spaces, not tabs",
        ),
        (
            yaml_text.parse,
            "a: @b",
            "f:1:4: not valid YAML: found character '@' that cannot start any token; put the text in quotes",
        ),
        (
            yaml_text.parse,
            "a: 1\n  b: 2",
            "f:2:4: not valid YAML: mapping values are not allowed here; a text with a colon and a blank in it needs quotes",
        ),
        (
            yaml_text.parse,
            "a:\n  - 1\n b: 2",
            (
                "f:3:2: not valid YAML: expected <block end>, but found '<block mapping start>'; "
                "check the indentation, and the quotes of the line above"
            ),
        ),
        (yaml_text.parse, 'a: "\\UFFFFFFFF"', "f:1:7: not valid YAML: an escape that stands for no character"),
        (yaml_text.parse, "a: 1\nb: \x07", "f:2:4: not valid YAML: the character U+0007 is not allowed"),
        (
            yaml_text.parse,
            "a: 1\n---\nb: 1",
            (
                "f:2:1: not valid YAML: expected a single document in the stream but found another document; "
                "put the rest into a file of its own"
            ),
        ),
        (
            yaml_text.parse,
            "a: !!python/object:os.system x",
            "f:1:4: a: tags (!...) mean nothing here; a text that begins with ! needs quotes",
        ),
        (yaml_text.parse, "a: &x {b: *x}", "f:1:4: a.b: an alias of it stands inside this anchor"),
        (yaml_text.parse, "", "f: there is nothing in this file"),
        (yaml_text.parse, "# a comment\n---\n", "f: there is nothing in this file"),
        (json_text.parse, " \n", "f: there is nothing in this file"),
        (json_text.parse, '{"a": 1,\n "b" 2}', "f:2:6: not valid JSON: expecting ':' delimiter"),
        (json_text.parse, '{"a": ' + "9" * 5000 + "}", "f: not valid JSON: a number has too many digits"),
        (toml_text.parse, "\n", "f: there is nothing in this file"),
        (toml_text.parse, "a = 1\nb = \n", "f:2:5: not valid TOML: Invalid value"),
        (toml_text.parse, "a = [1", "f:1:1: not valid TOML: Unclosed array"),
        (toml_text.parse, "a = " + "9" * 5000, "f: not valid TOML: a number has too many digits"),
    ],
)
def test_a_text_that_is_none_of_its_format_is_refused_with_the_place(parse: Parse, text: str, problem: str) -> None:
    assert read(parse, text) == (None, [problem])


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (yaml_text.parse, "b:\n  a: 1\n  a: 2"),
        (json_text.parse, '{"b": {"a": 1,\n\n"a": 2}}'),
    ],
)
def test_a_key_that_stands_twice_is_named_with_both_lines(parse: Parse, text: str) -> None:
    root, problems = read(parse, text)
    assert plain(root) == {"b": {"a": 1}}
    assert [problem.partition(": ")[2] for problem in problems] == [
        f"b.a: this key stands twice, first in line {2 if parse is yaml_text.parse else 1}"
    ]
    assert problems[0].startswith("f:3:")


def test_toml_refuses_a_key_that_stands_twice_by_itself() -> None:
    assert read(toml_text.parse, "a = 1\na = 2")[1] == ["f:2:1: not valid TOML: Cannot overwrite a value"]


@pytest.mark.parametrize(("text", "expected"), [
    ("12", 12), ("-3", -3), ("0", 0), ("0x1F", 31), ("1.5", 1.5), ("1.0e+3", 1000.0), ("true", True), ("False", False), ("~", None),
    ("", None),     ("text", "text"), ("2024-01-01", "2024-01-01"), ("=", "="), ("'12'", "12"), ('"true"', "true"), ("${HOME}", "${HOME}"),
])  # fmt: skip
def test_a_plain_yaml_value_is_what_every_reader_takes_it_for(text: str, expected: object) -> None:
    node = value(text)
    assert (node.value, type(node.value), node.doubt) == (expected, type(expected), "")


@pytest.mark.parametrize(
    "text",
    ["yes", "No", "on", "OFF", "010", "09", "0o17", "0b11", "1_000", "1:30", "1e3", "1.5e3", "1:30.5", "9" * 200],
)
def test_a_plain_yaml_value_on_which_readers_disagree_is_a_doubtful_text(text: str) -> None:
    node = value(text)
    assert node.value == node.text == text
    assert node.doubt


@pytest.mark.parametrize("text", ["012", "true", "1.10", "2024-01-01", "no"])
def test_a_plain_yaml_value_keeps_the_text_it_was_written_as(text: str) -> None:
    assert value(text).text == text


def test_merge_keys_fill_in_what_a_mapping_leaves_out_and_earlier_ones_win() -> None:
    text = "a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc: {<<: [*a, *b], x: 3}\nd: {<<: *b}\n"
    root, problems = read(yaml_text.parse, text)
    assert problems == []
    assert plain(root)["c"] == {"x": 3, "y": 1, "z": 2}
    assert plain(root)["d"] == {"y": 2, "z": 2}


def test_only_mappings_can_be_merged() -> None:
    assert read(yaml_text.parse, "a: &a [1]\nb: {<<: *a, c: 1}")[1] == ['f:1:8: b."<<": only mappings can be merged']


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        ("1.0", "f:1:1: a key must be a text; put it in quotes"),
        ("0x1", "f:1:1: a key must be a text; put it in quotes"),
        ("null", "f:1:1: a key must be a text; put it in quotes"),
        ("true", "f:1:1: a key must be a text; put it in quotes"),
        ("? [a]\n", "f:1:3: a key must be a text, not a list or mapping"),
    ],
)
def test_a_key_that_is_no_text_is_refused(key: str, problem: str) -> None:
    assert read(yaml_text.parse, f"{key}: 1")[1] == [problem]


def test_a_key_that_is_a_plain_whole_number_is_its_text() -> None:
    root, problems = read(yaml_text.parse, "{4: 0.1, 10: x}")
    assert problems == []
    assert plain(root) == {"4": 0.1, "10": "x"}


def test_json_keeps_what_yaml_would_change() -> None:
    text = '{"pair": "\\ud83d\\ude00", "big": 1e3, "tab":\t"\\/", "long": "' + "x" * 2000 + '"}'
    root, problems = read(json_text.parse, text)
    assert problems == []
    assert plain(root) == {"pair": "\U0001f600", "big": 1000.0, "tab": "/", "long": "x" * 2000}


def test_a_key_inside_an_inline_toml_table_has_the_place_of_the_key_above() -> None:
    root, _ = read(toml_text.parse, "[a]\nb = 1\n\n[m.'q.1']\nsource = {type = 'sqs'}\n")
    assert root is not None
    assert place_of(root, ("m", "q.1", "source", "type")) == Place(FILE, 5, 1)
    assert place_of(root, ("m", "q.1")) == Place(FILE, 4, 2)


def test_what_aliases_repeat_is_measured_without_being_repeated() -> None:
    levels = [f"l{at}: &l{at} [{', '.join([f'*l{at - 1}'] * 10)}]" for at in range(1, 20)]
    root, problems = read(yaml_text.parse, "\n".join(["l0: &l0 x", *levels]))
    assert problems == []
    assert root is not None
    size, depth = measure(root)
    assert size > 10**19
    assert depth == 21
