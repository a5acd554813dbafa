"""Functions whose environments run several invocations at once: what they must have, and what comes of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from poller.control import assemble
from poller.execution.contract import CONCURRENT, ON_DEMAND
from poller.settings.load import load
from tests.unit.settings.pretended import Write, complaints, document

KEY = "per_execution_environment_max_concurrency"
JSON = {"logging": {"log_format": "JSON"}}
REFUSAL = f"with {KEY} above 1 the log is in JSON: of other lines nobody could say which invocation wrote them"


def text(**keys: Any) -> str:
    usual = {"code": "./code", "runtime": "python3.11", "handler": "app.handler"}
    return json.dumps(document(functions={"orders": usual | keys}))


def said(write: Write, **keys: Any) -> list[str]:
    found = complaints(write(text(**keys), "pollerd.json"))
    return [line.split(": ", 1)[1].removeprefix("functions.orders.") for line in found]


def test_the_log_must_say_whose_a_line_is(write: Write) -> None:
    assert said(write, **{KEY: 2}) == [f"logging.log_format: {REFUSAL}; logging: {{log_format: JSON}}"]
    variable = {"environment": {"AWS_LAMBDA_LOG_FORMAT": "Text"}}
    assert said(write, **{KEY: 2}, **JSON, **variable) == [
        f"environment.AWS_LAMBDA_LOG_FORMAT: {REFUSAL}; leave it out"
    ]
    load(write(text(**{KEY: 1}, **variable), "pollerd.json"))


@pytest.mark.parametrize("count", [0, 1601, "2", None])
def test_the_range_is_the_services(write: Write, count: object) -> None:
    assert len(said(write, **{KEY: count}, **JSON)) == 1


@pytest.mark.parametrize(("count", "kind"), [(1, ON_DEMAND), (1600, CONCURRENT)])
def test_environments_are_of_a_kind_of_their_own(write: Write, count: int, kind: str) -> None:
    settings = load(write(text(**{KEY: count}, **JSON), "pollerd.json"))
    spec = assemble.spec("orders", settings.functions["orders"], settings)
    assert (spec.max_concurrency, spec.initialization_type) == (count, kind)
    assert spec.init_seconds == (10.0 if count == 1 else 130.0)
