"""What calls give, as documents: only what is given changes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poller.control.api.documents import document, shown, with_layers

FULL: dict[str, Any] = {
    "code": "x.zip",
    "runtime": "python3.11",
    "handler": "app.handler",
    "timeout_seconds": 5,
    "memory_mb": 256,
    "environment": {"A1": "1"},
    "ephemeral_storage_mb": 1024,
    "logging": {"log_format": "JSON", "system_log_level": "WARN"},
    "image_config": {"command": ["x"]},
    "layers": ["l.zip"],
    "aliases": {"live": {"version": "1"}},
}


@pytest.mark.parametrize(
    ("params", "changes"),
    [
        ({}, {}),
        ({"Timeout": 9, "MemorySize": 512}, {"timeout_seconds": 9, "memory_mb": 512}),
        ({"Runtime": "python3.12", "Handler": "a.b"}, {"runtime": "python3.12", "handler": "a.b"}),
        ({"Environment": {}}, {"environment": {}}),
        ({"Environment": {"Variables": {"B1": "2"}}}, {"environment": {"B1": "2"}}),
        ({"EphemeralStorage": {"Size": 512}}, {"ephemeral_storage_mb": 512}),
        (
            {"LoggingConfig": {"LogGroup": "/g"}},
            {"logging": {"log_format": "JSON", "system_log_level": "WARN", "log_group": "/g"}},
        ),
        ({"LoggingConfig": {"LogFormat": "Text"}}, {"logging": {"log_format": "Text"}}),
        (
            {"LoggingConfig": {"ApplicationLogLevel": "DEBUG"}},
            {"logging": {"log_format": "JSON", "system_log_level": "WARN", "application_log_level": "DEBUG"}},
        ),
        ({"ImageConfig": {"EntryPoint": ["/x"]}}, {"image_config": {"entry_point": ["/x"]}}),
        ({"DeadLetterConfig": {"TargetArn": "arn:q"}}, {"dead_letter_config": {"target_arn": "arn:q"}}),
    ],
)
def test_what_is_given_changes_and_nothing_else(params: dict[str, Any], changes: dict[str, Any]) -> None:
    assert document(FULL, params) == {**FULL, **changes}


def test_what_is_given_as_empty_is_gone() -> None:
    before = {**FULL, "dead_letter_config": {"target_arn": "arn:q"}}
    after = document(before, {"ImageConfig": {}, "DeadLetterConfig": {"TargetArn": ""}})
    assert before.keys() - after.keys() == {"image_config", "dead_letter_config"}
    given = {"VpcConfig": {"SubnetIds": ["s"]}, "DeadLetterConfig": {"TargetArn": "arn:q"}}
    kept = shown({}, given)
    assert kept["VpcConfig"] == {"VpcId": "", "SubnetIds": ["s"]}
    assert shown(kept, {"VpcConfig": {"SubnetIds": []}, "DeadLetterConfig": {}}) == {}


@given(st.lists(st.sampled_from("abc"), max_size=5))
def test_layers_are_merged_as_if_each_were_there(layers: list[str]) -> None:
    found = with_layers(FULL, layers).get("layers", [])
    assert len(found) == len(set(found))
    assert list(dict.fromkeys(reversed(layers)))[::-1] == found
