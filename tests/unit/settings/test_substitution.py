"""Variables in a configuration: what they become, where, and what is said of those that are missing."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poller.settings.load import load
from poller.settings.substitution import expanded
from tests.unit.settings.pretended import SOUND, Write, complaints, document

ENVIRONMENT = {"NAME": "orders", "EMPTY": "", "BRACES": "${NAME}}"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${NAME}", "orders"),
        ("a-${NAME}-${NAME}", "a-orders-orders"),
        ("${EMPTY}", ""),
        ("${EMPTY:-x}", "x"),
        ("${MISSING:-}", ""),
        ("${MISSING:-a:b-c}", "a:b-c"),
        ("${MISSING:-${NAME}}", "orders"),
        ("${MISSING:-${EMPTY:-${NAME}!}}", "orders!"),
        ("${NAME:-${MISSING}}", "orders"),
        ("${NAME:?must be set}", "orders"),
        ("$${NAME}", "${NAME}"),
        ("${BRACES}", "${NAME}}"),  # once, and no further
        ("orders:$LATEST $NAME {} }", "orders:$LATEST $NAME {} }"),
    ],
)
def test_a_text_with_variables_becomes(text: str, value: str) -> None:
    assert expanded(text, ENVIRONMENT) == value


@given(st.text(), st.text())
def test_a_value_comes_out_as_it_is_whatever_is_in_it(value: str, around: str) -> None:
    around = around.replace("$", "").replace("}", "")
    assert expanded(f"{around}${{V}}{around}", {"V": value}) == f"{around}{value}{around}"


def test_a_variable_becomes_what_its_place_wants_in_every_format(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("N", "7")
    monkeypatch.setenv("YES", "true")
    keys = {"concurrency": "${N}", "stop_timeout_seconds": "${N}.5", "allow_deprecated_runtimes": "${YES}"}
    for name, text in {
        "a.yaml": "".join(f"{key}: {value}\n" for key, value in keys.items()) + "state: ./${N}\n",
        "b.toml": "".join(f'{key} = "{value}"\n' for key, value in keys.items()) + 'state = "./${N}"\n',
        "c.json": json.dumps(keys | {"state": "./${N}"}),
    }.items():
        settings = load(write(text, name))
        assert (settings.concurrency, settings.allow_deprecated_runtimes) == (7, True)
        assert settings.stop_timeout_seconds == 7.5
        assert settings.state.endswith("/7")


def test_a_value_adds_no_keys_and_no_lines(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    value = "x\nsandbox: none\n# {a: [b"
    monkeypatch.setenv("V", value)
    function = document()["functions"]["orders"] | {"environment": {"VALUE": "${V}", "LITERAL": "$${V}"}}
    settings = load(write(json.dumps(document(functions={"orders": function})), "pollerd.json"))
    assert settings.functions["orders"].environment == {"VALUE": value, "LITERAL": "${V}"}
    assert settings.sandbox == "auto"


def test_what_no_number_can_be_made_of_is_said(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("N", "many")
    assert complaints(write("concurrency: ${N}\n")) == [
        "pollerd.yaml:1:1: concurrency: expected a whole number, not the text 'many'"
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            "state: ./a\nlog:\n  level: ${NO_SUCH}\n",
            "pollerd.yaml:3:3: log.level: the environment has no variable NO_SUCH; set it, or write a default: ${NO_SUCH:-...}; $${",
        ),
        ('state: "${NO_SUCH:?say where}"\n', "pollerd.yaml:1:1: state: NO_SUCH: say where; set it in the environment"),
        ("state: ${}\n", "there is no name of a variable behind ${"),
        ("state: ${A:+x}\n", "goes on with what means nothing"),
        ("state: ${A\n", "a ${ is never closed"),
        ("state: ${A:-x\n", "a ${ is never closed; a } is missing"),
        ("log: {level: ${A}}\n", "a text with ${...} in it needs quotes inside braces and brackets"),
    ],
)
def test_what_cannot_be_put_in_is_said_with_its_place(write: Write, text: str, complaint: str) -> None:
    [found] = complaints(write(text))
    assert complaint in found


def test_toml_tells_the_place_too(write: Write) -> None:
    [found] = complaints(write('state = "./a"\n\n[log]\nlevel = "${NO_SUCH}"\n', "pollerd.toml"))
    assert found.startswith("pollerd.toml:4:1: log.level: ")


def test_a_filter_keeps_texts_as_texts(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("N", "5")
    text = SOUND.replace("function: orders}", "function: orders, filter_criteria: [{body: {a: ['${N}']}}]}")
    assert load(write(text)).event_source_mappings["q"].filter_criteria == ({"body": {"a": ["5"]}},)
