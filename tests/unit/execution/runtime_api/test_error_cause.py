"""Error types and X-Ray causes: pure rules."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poller.execution.runtime_api.error_cause import MAX_CAUSE, sanitised, split, trimmed

FRAME = {"path": "/var/task/app.py", "line": 1, "label": "handler"}


@pytest.mark.parametrize("given_", [b"", b"{", b"[]", b"{}", b'{"other":1}', b'{"paths":[]}'])
def test_what_is_no_cause(given_: bytes) -> None:
    assert trimmed(given_) == b""


def test_a_small_cause_stays() -> None:
    cause = {
        "exceptions": [{"message": "m", "type": "T", "stack": [FRAME]}],
        "working_directory": "/var/task",
        "paths": ["p"],
    }
    assert json.loads(trimmed(json.dumps(cause).encode())) == cause


def test_exceptions_and_paths_go_until_it_fits() -> None:
    cause: dict[str, Any] = {
        "exceptions": [{"message": "m" * 1000, "stack": [FRAME]}] * 100,
        "working_directory": "/w",
        "paths": ["p"] * 10,
    }
    found = trimmed(json.dumps(cause).encode())
    assert len(found) <= MAX_CAUSE
    assert len(json.loads(found)["exceptions"]) == 60
    assert len(json.loads(found)["paths"]) == 6


@given(st.text(alphabet=st.sampled_from(['"', "\x01", "é", "a", "😀"]), min_size=1).map(lambda text: text * 9000))
def test_texts_are_cut_when_nothing_else_is_left(text: str) -> None:
    found = trimmed(json.dumps({"message": text, "working_directory": text, "paths": ["p"]}).encode())
    assert len(found) <= MAX_CAUSE
    assert json.loads(found)["message"]


@given(st.text())
def test_a_sanitised_type_is_one_of_the_services(text: str) -> None:
    assert sanitised(text).partition(".")[0] in {"Runtime", "Function"}
    assert sanitised(sanitised(text)) == sanitised(text)


def test_a_body_that_is_no_object_is_not_passed_on() -> None:
    assert split(b"{") == (b'"Invalid error body"', b"")
    assert split(b'{"errorType":"T"}') == (b'{"errorType":"T"}', b"")
