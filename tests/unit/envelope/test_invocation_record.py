"""Records of asynchronous invocations are those that AWS writes (recorded in November 2025)."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from poller.envelope.invocation import invocation_record

GOLDEN = Path(__file__).parents[2] / "golden/events/destinations"
NAMES = [
    "recorded-async-success",
    "recorded-async-failure-retries-exhausted",
    "recorded-async-failure-event-age",
    "recorded-eventbridge-success",
    "recorded-eventbridge-failure",
]


def recorded(name: str) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads((GOLDEN / f"{name}.json").read_text())
    found: dict[str, Any] = shown.get("detail", shown)
    return found


def written(name: str, **changes: Any) -> dict[str, Any]:
    shown = recorded(name)
    context, response = shown["requestContext"], shown["responseContext"]
    given: dict[str, Any] = {
        "request_id": context["requestId"],
        "function_arn": context["functionArn"],
        "condition": context["condition"],
        "invoke_count": context["approximateInvokeCount"],
        "moment": datetime.fromisoformat(shown["timestamp"]).timestamp(),
        "executed_version": response["executedVersion"],
        "request": json.dumps(shown["requestPayload"]).encode(),
        "response": json.dumps(shown["responsePayload"]).encode(),
    }
    found: dict[str, Any] = json.loads(invocation_record(**(given | changes)))
    return found


@pytest.mark.parametrize("name", NAMES)
def test_records_are_those_of_the_service(name: str) -> None:
    assert written(name) == recorded(name)


def test_members_stand_in_the_recorded_order() -> None:
    name = "recorded-async-failure-retries-exhausted"
    found, shown = written(name), recorded(name)
    assert list(found) == list(shown)
    assert [list(found[key]) for key in ("requestContext", "responseContext")] == [
        list(shown[key]) for key in ("requestContext", "responseContext")
    ]


def test_what_never_ran_has_no_response() -> None:
    found = written(NAMES[0], condition="ZeroReservedConcurrency", invoke_count=0, executed_version=None, response=None)
    assert list(found) == ["version", "timestamp", "requestContext", "requestPayload"]
    assert found["requestContext"]["condition"] == "ZeroReservedConcurrency"


def test_a_brief_one_has_no_payloads() -> None:
    found = written(NAMES[1], request=None, response=None)
    assert list(found) == ["version", "timestamp", "requestContext", "responseContext"]


@pytest.mark.parametrize(
    ("payload", "shown"),
    [(b"{", "{"), (b"\xff", "\ufffd"), (b"", ""), (b'{"a": NaN}', '{"a": NaN}'), (b" [1] ", [1])],
)
def test_a_payload_that_is_no_json_stands_there_as_a_text(payload: bytes, shown: Any) -> None:
    assert written(NAMES[0], response=payload)["responsePayload"] == shown
