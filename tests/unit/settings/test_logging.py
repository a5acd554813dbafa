"""How a function logs: what may be said, what comes of it, and the service's refusals."""

from __future__ import annotations

import json
from typing import Any

import pytest

from poller.control.assemble import log_of
from poller.execution.contract import Logging
from poller.settings.load import load
from poller.settings.model import LoggingSettings
from tests.unit.settings.pretended import Write, complaints, document


def function(**logging: Any) -> str:
    usual = {"code": "./code", "runtime": "python3.11", "handler": "app.handler"}
    return json.dumps(document(functions={"orders": usual | {"logging": logging}}))


def said(write: Write, **logging: Any) -> list[str]:
    found = complaints(write(function(**logging), "pollerd.json"))
    return [line.split(": ", 1)[1].removeprefix("functions.orders.logging") for line in found]


@pytest.mark.parametrize("key", ["application_log_level", "system_log_level"])
@pytest.mark.parametrize("format_", [{}, {"log_format": "Text"}])
def test_text_has_no_levels(write: Write, key: str, format_: dict[str, str]) -> None:
    refusal = 'LogLevel is not supported when LogFormat is set to "Text"; leave it out, or log_format: JSON'
    assert said(write, **format_, **{key: "INFO"}) == [f".{key}: {refusal}"]


def test_levels_formats_and_groups_are_the_services(write: Write) -> None:
    keys = [line.partition(":")[0] for line in said(write, log_format="json", application_log_level="info")]
    assert keys == [".log_format", ".application_log_level"]
    assert len(said(write, log_format="JSON", system_log_level="ERROR")) == 1
    assert len(said(write, log_group="a group")) == 1
    assert len(said(write, log_group="x" * 513)) == 1
    longest = "/aws/x_#.-" + "x" * 502
    settings = load(write(function(log_format="JSON", system_log_level="WARN", log_group=longest), "pollerd.json"))
    assert settings.functions["orders"].logging.log_group == longest


def test_what_is_said_is_loaded(write: Write) -> None:
    settings = load(write(function(log_format="JSON", application_log_level="TRACE"), "pollerd.json"))
    assert settings.functions["orders"].logging == LoggingSettings(log_format="JSON", application_log_level="TRACE")


def test_levels_have_defaults_in_json_format_only() -> None:
    assert log_of(LoggingSettings(log_group="g")) == Logging(group="g")
    assert log_of(LoggingSettings(log_format="JSON", system_log_level="WARN")) == Logging(
        json=True, application_level="INFO", system_level="WARN"
    )
