"""Keys of stream mappings: what a source cannot honour, and what bears nothing else beside it, word for word."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from connectors import registry
from poller.settings.destinations import destination
from poller.settings.load import load
from poller.settings.model import MappingSettings
from poller.settings.moments import moment
from poller.settings.problems import Finding
from poller.settings.streams import check_timeout
from tests.unit.settings.pretended import Write, complaints, document
from tests.unit.settings.pretended_streams import REGISTRY, PretendedLog, PretendedTopics

REDRIVE = "this source hands out again what failed, by itself; how often, and where it goes then, is its redrive policy's business; "


@pytest.fixture(autouse=True)
def streams(monkeypatch: pytest.MonkeyPatch, pretended: None) -> None:
    monkeypatch.setattr(registry, "BUILT_IN", REGISTRY)


def text(source: str, options: dict[str, Any], **function: Any) -> str:
    options_of: dict[str, dict[str, Any]] = {"queue": {"queue": "q"}, "redis-pubsub": {"channels": ["news"]}}
    of_source = {"type": source} | options_of.get(source, {})
    functions = {"orders": document()["functions"]["orders"] | function}
    mapping = {"source": of_source, "function": "orders", **options}
    return json.dumps(document(functions=functions, event_source_mappings={"m": mapping}))


def found(write: Write, source: str, options: dict[str, Any], **function: Any) -> list[str]:
    """Complaints about a mapping, each from the key on."""
    lines = complaints(write(text(source, options, **function), "pollerd.json"))
    return [line.partition("event_source_mappings.m.")[2] for line in lines]


def loaded(write: Write, source: str, options: dict[str, Any], **function: Any) -> MappingSettings:
    return load(write(text(source, options, **function), "pollerd.json")).event_source_mappings["m"]


def failures_to(destination: str) -> dict[str, Any]:
    return {"destination_config": {"on_failure": {"destination": destination}}}


QUEUES: list[tuple[dict[str, Any], str]] = [
    (
        {"starting_position": "LATEST"},
        "starting_position: only a stream can be read from a position on; a queue hands out what it has; leave it out",
    ),
    (
        {"starting_position_timestamp": 1},
        "starting_position_timestamp: only a stream can be read from a time on; leave it out",
    ),
    (
        {"parallelization_factor": 2},
        (
            "parallelization_factor: only a stream's partitions are divided into lanes; "
            "leave it out: batches run in parallel anyway, up to maximum_concurrency"
        ),
    ),
    (
        {"tumbling_window_seconds": 60},
        "tumbling_window_seconds: only a stream has records in an order that windows can be laid over; leave it out",
    ),
    (
        {"bisect_batch_on_function_error": True},
        (
            f"bisect_batch_on_function_error: {REDRIVE}"
            "function_response_types: [ReportBatchItemFailures] keeps good records from coming again"
        ),
    ),
    ({"maximum_retry_attempts": 2}, f"maximum_retry_attempts: {REDRIVE}set maxReceiveCount there"),
    (
        {"maximum_record_age_seconds": 60},
        f"maximum_record_age_seconds: {REDRIVE}set the queue's own retention or message timers",
    ),
    (failures_to("file:./failures"), f"destination_config: {REDRIVE}set a dead-letter queue there"),
]

STREAMS: list[tuple[str, dict[str, Any], str]] = [
    (
        "log",
        {"starting_position": "TRIM_HORIZON"},
        "starting_position: this source cannot be read from TRIM_HORIZON on; it knows LATEST",
    ),
    (
        "topics",
        {"starting_position": "AT_TIMESTAMP"},
        (
            "starting_position: AT_TIMESTAMP needs starting_position_timestamp; "
            'as in starting_position_timestamp: "2026-11-01T00:00:00Z"'
        ),
    ),
    (
        "topics",
        {"starting_position": "LATEST", "starting_position_timestamp": 1},
        (
            "starting_position_timestamp: this key has a meaning with starting_position: AT_TIMESTAMP only; "
            "leave out one or add the other"
        ),
    ),
    (
        "topics",
        {"starting_position": "AT_TIMESTAMP", "starting_position_timestamp": "2999-01-01T00:00:00Z"},
        "starting_position_timestamp: this time is in the future; LATEST reads what comes from now on",
    ),
    (
        "topics",
        {"starting_position": "AT_TIMESTAMP", "starting_position_timestamp": "yesterday"},
        "starting_position_timestamp: 'yesterday' is no time; write it as in 2026-11-01T09:30:00Z",
    ),
    (
        "topics",
        {"starting_position": "AT_TIMESTAMP", "starting_position_timestamp": "2026-11-01"},
        (
            "starting_position_timestamp: '2026-11-01' does not say in which zone; "
            "write 2026-11-01T00:00:00Z for UTC, or +02:00 behind it"
        ),
    ),
    (
        "log",
        {"parallelization_factor": 2},
        "parallelization_factor: records of this source have no keys to divide them by; leave it out",
    ),
    (
        "topics",
        {"maximum_record_age_seconds": 0},
        "maximum_record_age_seconds: 0 is too short: 60 or more, or -1 for no limit",
    ),
    (
        "topics",
        {"maximum_record_age_seconds": 59},
        "maximum_record_age_seconds: 59 is too short: 60 or more, or -1 for no limit",
    ),
    (
        "log",
        {"maximum_record_age_seconds": 60},
        (
            "maximum_record_age_seconds: records of this source do not tell how old they are; "
            "leave it out; maximum_retry_attempts ends retries"
        ),
    ),
    (
        "log",
        {"tumbling_window_seconds": 1},
        "tumbling_window_seconds: records of this source do not tell which window they belong to; leave it out",
    ),
    (
        "topics",
        {"tumbling_window_seconds": 60, "parallelization_factor": 2},
        "tumbling_window_seconds: a window's state is handed on in one lane; leave out parallelization_factor",
    ),
    (
        "topics",
        {"tumbling_window_seconds": 60, "filter_criteria": [{"key": ["k"]}]},
        "tumbling_window_seconds: a window takes every record, and filter_criteria leave some out; filter in the function",
    ),
    (
        "topics",
        {"tumbling_window_seconds": 60, "envelope": "raw"},
        "tumbling_window_seconds: an event of envelope raw has no place for a window's state; leave out envelope",
    ),
    ("log", {"batch_size": 501}, "batch_size: this source takes at most 500, not 501"),
    (
        "topics",
        failures_to("arn:aws:sqs:us-east-1:000000000000:failures.fifo"),
        "destination_config.on_failure.destination: failures.fifo is a FIFO queue; failure records go to standard ones only, as on AWS",
    ),
    (
        "log",
        failures_to("kafka://failures"),
        (
            "destination_config.on_failure.destination: only failures of a Kafka source can go to a topic: "
            "it is one of the source's own cluster"
        ),
    ),
    ("topics", failures_to("kafka://own"), "destination_config.on_failure.destination: own is the topic that is read"),
    (
        "topics",
        failures_to("ftp://failures"),
        (
            "destination_config.on_failure.destination: 'ftp://failures' is not the ARN of a queue, topic or bucket, "
            "kafka://<topic> or file:<folder>"
        ),
    ),
]


@pytest.mark.parametrize(("options", "complaint"), QUEUES)
def test_a_queue_refuses_what_only_streams_have_and_says_what_to_do(
    write: Write, options: dict[str, Any], complaint: str
) -> None:
    assert found(write, "queue", options) == [complaint]


@pytest.mark.parametrize(
    "options",
    [
        {"bisect_batch_on_function_error": True},
        {"maximum_retry_attempts": 2},
        {"maximum_record_age_seconds": 60},
        failures_to("file:./failures"),
    ],
)
def test_what_is_handed_out_once_is_not_said_to_come_again(write: Write, options: dict[str, Any]) -> None:
    [key] = options
    assert found(write, "redis-pubsub", options) == [
        (
            f"{key}: this source hands out each record once, and keeps nothing: what failed is gone; "
            "leave it out; a queue keeps what failed, and so does a stream, which takes this key"
        )
    ]


def test_a_queue_bears_the_defaults_written_out(write: Write) -> None:
    defaults = {"parallelization_factor": 1, "maximum_retry_attempts": -1}
    assert loaded(write, "queue", defaults) == loaded(write, "queue", {})


@pytest.mark.parametrize(("source", "options", "complaint"), STREAMS)
def test_a_stream_refuses_what_it_cannot_honour(
    write: Write, source: str, options: dict[str, Any], complaint: str
) -> None:
    assert found(write, source, options) == [complaint]


def test_a_stream_that_can_takes_everything_at_once(write: Write) -> None:
    options = {
        "batch_size": 10_000,  # in one read, without a window: AWS takes it for streams
        "starting_position": "AT_TIMESTAMP",
        "starting_position_timestamp": 1_700_000_000.5,
        "parallelization_factor": 10,
        "bisect_batch_on_function_error": True,
        "maximum_retry_attempts": 0,
        "maximum_record_age_seconds": 60,
        "maximum_concurrency": 1,
        "filter_criteria": [{"key": ["k"]}],
        "function_response_types": ["ReportBatchItemFailures"],
        **failures_to("kafka://failures"),
    }
    mapping = loaded(write, "topics", options)
    assert mapping.starting_position_timestamp == 1_700_000_000.5
    assert destination(mapping) == "kafka://failures"


def test_a_folder_for_failures_is_relative_to_the_file_that_names_it(write: Write) -> None:
    mapping = loaded(write, "log", failures_to("file:./failures"))
    assert destination(mapping) == f"file:{Path.cwd()}/failures"


@pytest.mark.parametrize(("source", "seconds", "refused"), [("topics", 840, 0), ("topics", 841, 1), ("log", 900, 0)])
def test_a_function_fed_from_kafka_has_fourteen_minutes(source: str, seconds: int, refused: int) -> None:
    able = (PretendedTopics if source == "topics" else PretendedLog).capabilities
    found = list(check_timeout(("function",), seconds, able))
    sentence = f"a function that is fed from kafka may take at most 840 seconds, not {seconds}"
    assert found == [Finding(("function",), sentence, "set its timeout_seconds to 840 or less")] * refused


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("1970-01-02T00:00:00Z", 86400.0),
        ("1970-01-01T02:00:00.5+02:00", 0.5),
        ("86400", 86400.0),
        (86400, 86400.0),
        (0.5, 0.5),
        (" 1970-01-01T00:00:01Z\n", 1.0),
    ],
)
def test_moments_as_people_write_them(written: str | float, seconds: float) -> None:
    assert moment(written) == seconds


@pytest.mark.parametrize(
    "written", [-1, 1e12, float("nan"), float("inf"), "1969-12-31T23:59:59Z", "", "12:00", "1_000"]
)
def test_no_moments(written: str | float) -> None:
    with pytest.raises(ValueError, match=r"no time|zone"):
        moment(written)


def test_a_time_in_yaml_needs_no_quotes(write: Write) -> None:
    lines = "starting_position: AT_TIMESTAMP\n    starting_position_timestamp: "
    for written in ("2026-01-01T00:00:00Z", "1767225600"):
        text = f"""\
functions:
  orders: {{code: ./code, runtime: python3.11, handler: app.handler}}
event_source_mappings:
  m:
    source: {{type: topics}}
    function: orders
    {lines}{written}
"""
        timestamp = load(write(text)).event_source_mappings["m"].starting_position_timestamp
        assert timestamp is not None
        assert moment(timestamp) == 1767225600 < time.time()
