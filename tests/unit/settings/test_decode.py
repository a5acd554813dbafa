"""Dataclasses of others are read like our own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from connectors.contract import OptionsError
from poller.settings.decode import BAD, Decoder
from poller.settings.nodes import Place, from_value
from poller.settings.problems import Report

FOLDER = Path("/etc/pollerd")
PLACE = Place(FOLDER / "pollerd.yaml", 1, 1)


@dataclass(frozen=True)
class Inner:
    port: int = field(default=1, metadata={"minimum": 1})


@dataclass(frozen=True, kw_only=True)
class Options:
    text: str
    number: float = 1.0
    flag: bool = False
    maybe: int | None = None
    mode: Literal["a", "b"] = "a"
    level: Literal[1, 2] = 1
    names: Sequence[str] = ()
    ports: tuple[int, ...] = field(default=(), metadata={"maximum": 9})
    nested: Mapping[str, Inner] = field(default_factory=dict)
    matrix: Sequence[Sequence[int]] = ()
    table: dict[str, float] = field(default_factory=dict)
    inner: Inner = field(default_factory=Inner)
    free: Any = None
    pem: str = field(default="ca.pem", metadata={"path": True})
    code: str = field(default="aa", metadata={"pattern": "[a-z]+"})
    hidden: int = field(default=7, init=False)

    def __post_init__(self) -> None:
        if self.text == "never":
            raise OptionsError("text", "never works")


def decode(value: Any, kind: type = Options, **how: Any) -> tuple[Any, list[str]]:
    report = Report()
    tree = from_value(value, PLACE)
    result = Decoder(report, FOLDER).dataclass(kind, tree, (), **how)
    return result, [f"{problem.key}: {problem.sentence}" for problem in report.problems(tree)]


def test_every_kind_of_field_is_read() -> None:
    given = {
        "text": "x",
        "number": 2,
        "flag": True,
        "maybe": 3,
        "mode": "b",
        "level": 2,
        "names": ["n"],
        "ports": [1, 9],
        "nested": {"k": {"port": 5}},
        "matrix": [[1], []],
        "table": {"t": 1.5},
        "inner": {},
        "free": {"a": [1, None, "x"]},
        "pem": "tls/x.pem",
        "code": "abc",
    }
    expected = Options(
        text="x",
        number=2.0,
        flag=True,
        maybe=3,
        mode="b",
        level=2,
        names=("n",),
        ports=(1, 9),
        nested={"k": Inner(5)},
        matrix=((1,), ()),
        table={"t": 1.5},
        inner=Inner(),
        free={"a": [1, None, "x"]},
        pem="/etc/pollerd/tls/x.pem",
        code="abc",
    )
    assert decode(given) == (expected, [])


def test_what_is_left_out_has_its_default_and_paths_among_them_are_absolute() -> None:
    assert decode({"text": "x"}) == (Options(text="x", pem="/etc/pollerd/ca.pem"), [])


def test_defaults_given_from_outside_go_before_the_class_s_own_and_behind_the_file() -> None:
    result, problems = decode({"number": 3}, defaults={"text": "outside", "number": 2.0})
    assert (result.text, result.number, problems) == ("outside", 3.0, [])


@pytest.mark.parametrize(("given", "problem"), [
    ({"text": 1}, "text: expected a text, not the number 1"),
    ({"number": "x"}, "number: expected a number, not the text 'x'"),
    ({"number": 10**400}, None),
    ({"number": True}, "number: expected a number, not true"),
    ({"flag": "true"}, "flag: expected true or false, not the text 'true'"),
    ({"maybe": None}, "maybe: null is no value"),
    ({"level": 3}, "level: 3 is none of the choices"),
    ({"level": True}, "level: expected a whole number, not true"),
    ({"names": "n"}, "names: expected a list, not the text 'n'"),
    ({"names": {"n": 1}}, "names: expected a list, not a mapping"),
    ({"names": ["n", 1]}, "names[1]: expected a text, not the number 1"),
    ({"ports": [10]}, "ports[0]: 10 is out of range: 9 or less"),
    ({"nested": {"k": {"prt": 1}}}, "nested.k.prt: unknown key"),
    ({"nested": {"k": {"port": 0}}}, "nested.k.port: 0 is out of range: 1 or more"),
    ({"matrix": [[1], 2]}, "matrix[1]: expected a list, not the number 2"),
    ({"code": "ABC"}, "code: 'ABC' is not what the pattern asks for: [a-z]+"),
    ({"code": "abc\n"}, "code: 'abc\\n' is not what the pattern asks for: [a-z]+"),
    ({"hidden": 8}, "hidden: unknown key"),
    ({"text": "never"}, "text: never works"),
])  # fmt: skip
def test_a_bad_value_is_said_to_be_one(given: dict[str, Any], problem: str | None) -> None:
    _, problems = decode({"text": "x"} | given)
    expected = problem or f"number: expected a number, not the number 1{'0' * 59}..."
    assert problems == [expected]


def test_without_a_required_value_there_is_no_object() -> None:
    assert decode({"number": 2}) == (BAD, ["text: this key is required"])


def test_read_as_partial_there_is_an_object_all_the_same() -> None:
    result, problems = decode({"number": 2}, partial=True)
    assert (result.text, result.number, problems) == (BAD, 2.0, ["text: this key is required"])


def test_with_a_bad_value_there_is_no_object_even_if_it_has_a_default() -> None:
    result, problems = decode({"text": "never", "number": "y", "flag": 1})
    assert result is BAD
    assert len(problems) == 2  # the class was not even tried


def test_read_as_partial_what_is_bad_has_its_default() -> None:
    result, problems = decode({"text": "x", "number": "y"}, partial=True)
    assert result == Options(text="x", pem="/etc/pollerd/ca.pem")
    assert len(problems) == 1


def test_a_secret_that_breaks_a_rule_is_not_told() -> None:
    @dataclass
    class Secretive:
        pin: str = field(metadata={"secret": True, "pattern": "[0-9]{4}", "words": "four digits"})

    assert decode({"pin": "hunter2"}, Secretive) == (BAD, ["pin: this value is not four digits"])


def test_a_secret_of_the_wrong_kind_is_not_told_in_the_hint_either() -> None:
    @dataclass
    class Secretive:
        pin: int = field(default=0, metadata={"secret": True})

    report = Report()
    tree = from_value({"pin": "1234"}, PLACE)
    Decoder(report, FOLDER).dataclass(Secretive, tree, ())
    assert [str(problem) for problem in report.problems(tree)] == [
        "/etc/pollerd/pollerd.yaml:1:1: pin: expected a whole number, not a single value"
    ]


def test_something_else_than_a_mapping_is_no_dataclass() -> None:
    assert decode(["x"]) == (BAD, [": expected a mapping of keys, not a list"])


def test_a_class_with_options_that_no_file_can_hold_is_a_defect() -> None:
    @dataclass
    class Odd:
        value: bytes

    with pytest.raises(TypeError, match="options of type <class 'bytes'> cannot be read"):
        decode({"value": "x"}, Odd)
