"""Asynchronous invocations in the configuration: what is refused, in the service's words where it has some, and what counts for whom."""

# ruff: noqa: E501 - the messages stand here as they are shown

from __future__ import annotations

import json
from typing import Any

import pytest

from poller.control.asynchronous import config
from poller.dispatch.backlog import EventInvokeConfig
from poller.settings.load import load
from poller.settings.model import Settings
from tests.unit.settings.pretended import Write, complaints, document

QUEUE = "arn:aws:sqs:us-east-1:000000000000:q"
OTHER = "arn:aws:lambda:us-east-1:000000000000:function:other"
INVALID = "The destination ARN {} is invalid."


def text(asynchronous: dict[str, Any] | None = None, **keys: Any) -> str:
    usual = {"code": "./code", "runtime": "python3.11", "handler": "app.handler"}
    functions = {"orders": usual | keys, "other": usual | {"aliases": {"live": {"version": "$LATEST"}}}}
    more = {} if asynchronous is None else {"asynchronous": asynchronous}
    aws = {"endpoint_url": "http://127.0.0.1:4566", "region": "us-east-1"}
    return json.dumps(document(functions=functions, event_source_mappings={}, aws=aws, **more))


def said(write: Write, **keys: Any) -> list[str]:
    lines = complaints(write(text(**keys), "pollerd.json"))
    return [line.split(": ", 1)[1].removeprefix("functions.orders.") for line in lines]


def told(end: str, destination: str) -> dict[str, Any]:
    return {"event_invoke_config": {"destination_config": {end: {"destination": destination}}}}


def at(end: str) -> str:
    return f"event_invoke_config.destination_config.{end}.destination"


WHOLE: list[dict[str, Any]] = [
    {"event_invoke_config": {"maximum_retry_attempts": 0, "maximum_event_age_seconds": 60}},
    {"event_invoke_config": {"maximum_retry_attempts": 2}},
    told("on_success", QUEUE),
    told("on_success", "arn:aws:sns:eu-west-1:111111111111:t"),
    told("on_success", "arn:aws:events:us-east-1:000000000000:event-bus/default"),
    told("on_success", OTHER),
    told("on_success", f"{OTHER}:live"),
    told("on_success", f"{OTHER}:7"),
    told("on_success", "file:./told"),
    told("on_failure", "arn:aws:s3:::bucket"),
    {"dead_letter_config": {"target_arn": QUEUE}},
    {"aliases": {"live": {"version": "1", **told("on_failure", QUEUE)}}},
    {"recursive_loop": "Allow"},
]


@pytest.mark.parametrize("keys", WHOLE)
def test_what_the_service_takes_is_taken(write: Write, keys: dict[str, Any]) -> None:
    load(write(text(**keys), "pollerd.json"))


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"event_invoke_config": {}}, "event_invoke_config: You must specify at least one of error handling or destination setting."),
    (
        told("on_failure", "arn:aws:lambda:us-east-1:000000000000:function:orders:live"),
        f"{at('on_failure')}: You can't specify the function as a destination for itself.",
    ),
    (
        told("on_failure", "arn:aws:lambda:us-east-1:000000000000:function:othr"),
        f"{at('on_failure')}: {INVALID.format('arn:aws:lambda:us-east-1:000000000000:function:othr')}; did you mean other?",
    ),
    (told("on_failure", f"{OTHER}:life"), f"{at('on_failure')}: {INVALID.format(OTHER + ':life')}; did you mean live?"),
    (
        told("on_failure", "arn:aws:lambda:us-east-1:111111111111:function:other"),
        f"{at('on_failure')}: {INVALID.format('arn:aws:lambda:us-east-1:111111111111:function:other')}; functions of this daemon are of account 000000000000 in us-east-1",
    ),
    (
        told("on_failure", "arn:aws:lambda:us-east-1:000000000000:function:a b"),
        f"{at('on_failure')}: {INVALID.format('arn:aws:lambda:us-east-1:000000000000:function:a b')}; arn:aws:lambda:REGION:ACCOUNT:function:NAME",
    ),
    (
        told("on_success", "arn:aws:s3:::bucket"),
        f"{at('on_success')}: The provided destination config DestinationConfig(onSuccess=OnSuccess(destination=arn:aws:s3:::bucket), onFailure=null) is invalid.; a bucket is for on_failure only",
    ),
    (
        told("on_success", f"{QUEUE}.fifo"),
        f"{at('on_success')}: q.fifo is a FIFO queue; failure records go to standard ones only, as on AWS",
    ),
    (
        told("on_failure", "arn:aws:events:us-east-1:000000000000:bus"),
        f"{at('on_failure')}: 'arn:aws:events:us-east-1:000000000000:bus' is not the ARN of an event bus: arn:aws:events:REGION:ACCOUNT:event-bus/NAME",
    ),
    (
        told("on_failure", "kafka://topic"),
        f"{at('on_failure')}: 'kafka://topic' is not the ARN of a queue, topic, bucket, function or event bus, or file:<folder>",
    ),
    (
        {"dead_letter_config": {"target_arn": "arn:aws:s3:::bucket"}},
        "dead_letter_config.target_arn: 'arn:aws:s3:::bucket' is not the ARN of a queue or topic",
    ),
    (
        {"dead_letter_config": {"target_arn": f"{QUEUE}.fifo"}},
        "dead_letter_config.target_arn: q.fifo is a FIFO queue; failure records go to standard ones only, as on AWS",
    ),
    ({"event_invoke_config": {"maximum_retry_attempts": 3}}, "event_invoke_config.maximum_retry_attempts: 3 is out of range: 0 to 2"),
    (
        {"event_invoke_config": {"maximum_event_age_seconds": 59}},
        "event_invoke_config.maximum_event_age_seconds: 59 is out of range: 60 to 21600",
    ),
    (
        {"aliases": {"live": {"version": "1", "event_invoke_config": {}}}},
        "aliases.live.event_invoke_config: You must specify at least one of error handling or destination setting.",
    ),
    ({"recursive_loop": "Ignore"}, "recursive_loop: 'Ignore' is none of the choices; known are Allow, Terminate"),
]  # fmt: skip


@pytest.mark.parametrize(("keys", "sentence"), REFUSED)
def test_what_can_never_work_is_refused(write: Write, keys: dict[str, Any], sentence: str) -> None:
    assert said(write, **keys) == [sentence]


def test_real_aws_is_told_nothing_unless_allowed(write: Write) -> None:
    usual = {"code": "./code", "runtime": "python3.11", "handler": "app.handler"}
    functions = {"orders": usual | told("on_failure", QUEUE)}
    path = write(json.dumps({"functions": functions, "aws": {"region": "us-east-1"}}), "pollerd.json")
    [line] = complaints(path)
    assert f"{at('on_failure')}: endpoint_url: this is sqs of real AWS, which is not contacted unless told to" in line


def test_delays_are_some(write: Write) -> None:
    lines = complaints(write(text(asynchronous={"retry_delays_seconds": []}), "pollerd.json"))
    assert [line.split(": ", 1)[1] for line in lines] == [
        "asynchronous.retry_delays_seconds: there is no delay in this list; [60, 120] are AWS's"
    ]


@pytest.fixture
def settings(write: Write) -> Settings:
    keys: dict[str, Any] = {
        "event_invoke_config": {"maximum_retry_attempts": 0, "destination_config": {"on_failure": {"destination": QUEUE}}},
        "aliases": {
            "live": {"version": "1", "event_invoke_config": {"maximum_event_age_seconds": 90}},
            "plain": {"version": "1"},
        },
        "dead_letter_config": {"target_arn": QUEUE},
        "recursive_loop": "Allow",
        "reserved_concurrency": 0,
    }  # fmt: skip
    return load(write(text(**keys), "pollerd.json"))


ARN = "arn:aws:lambda:us-east-1:000000000000:function:orders"


@pytest.mark.parametrize(
    ("qualifier", "retries", "age", "on_failure"),
    [
        ("", 0, 21600, QUEUE),
        ("$LATEST", 0, 21600, QUEUE),
        ("live", 2, 90, ""),
        ("plain", 2, 21600, ""),
        ("1", 2, 21600, ""),
    ],
)
def test_each_qualifier_has_its_own_and_inherits_nothing(
    settings: Settings, qualifier: str, retries: int, age: int, on_failure: str
) -> None:
    assert config("orders", qualifier, settings) == EventInvokeConfig(
        function_arn=ARN,
        arn=f"{ARN}:{qualifier or '$LATEST'}",
        maximum_retry_attempts=retries,
        maximum_event_age_seconds=age,
        on_failure=on_failure,
        dead_letter=QUEUE,
        runs=False,
        terminate=False,
    )


def test_events_of_a_function_that_is_gone_have_the_defaults(settings: Settings) -> None:
    found = config("gone", "", settings)
    assert (found.maximum_retry_attempts, found.maximum_event_age_seconds, found.runs) == (2, 21600, True)
    assert (found.on_success, found.on_failure, found.dead_letter, found.terminate) == ("", "", "", True)
