"""``pollerd mappings set``: keys of a configuration file become members of UpdateEventSourceMapping."""

from __future__ import annotations

from typing import Any

import pytest

from poller.cli.mappings.change import AssignmentError, members


@pytest.mark.parametrize(
    ("assignments", "expected"),
    [
        (["batch_size=50", "enabled=false"], {"BatchSize": 50, "Enabled": False}),
        (["function=orders:live"], {"FunctionName": "orders:live"}),
        (["maximum_retry_attempts=-1"], {"MaximumRetryAttempts": -1}),
        (["function_response_types=[]"], {"FunctionResponseTypes": []}),
        (["maximum_concurrency=5"], {"ScalingConfig": {"MaximumConcurrency": 5}}),
        (["maximum_concurrency=null"], {"ScalingConfig": {}}),
        (['filter_criteria=[{"a": [1]}]'], {"FilterCriteria": {"Filters": [{"Pattern": '{"a": [1]}'}]}}),
        (
            ['destination_config={"on_failure": {"destination": "file:./x"}}'],
            {"DestinationConfig": {"OnFailure": {"Destination": "file:./x"}}},
        ),
    ],
)
def test_keys_become_members(assignments: list[str], expected: dict[str, Any]) -> None:
    assert members(assignments) == expected


@pytest.mark.parametrize(
    ("assignment", "sentence"),
    [
        ("batch_size", "no KEY=VALUE"),
        ("batchsize=1", "did you mean batch_size"),
        ("starting_position=LATEST", "pollerd mappings rewind"),
        ("destination_config=x", "no value of destination_config"),
        ("filter_criteria=1", "no value of filter_criteria"),
    ],
)
def test_what_is_no_change_is_said(assignment: str, sentence: str) -> None:
    with pytest.raises(AssignmentError, match=sentence):
        members([assignment])
