"""What goes to a topic of each record that failed is what the guide prints."""

from __future__ import annotations

import json
from dataclasses import replace

from connectors.kafka.destination import failure_of
from tests.fakes import discards


def test_a_record_of_a_batch_has_a_failure_record_of_its_own() -> None:
    given = discards.discard("kafka-s3")
    [first, _] = given.records
    made = json.loads(failure_of(given, first))
    shown = discards.load("kafka-topic")
    size = len(json.dumps(shown["payload"], separators=(",", ":")))
    shown["KafkaBatchInfo"]["payloadSize"] = size  # the one shown is made up
    assert made == shown


def test_of_a_function_that_never_ran_no_version_is_known() -> None:
    given = discards.discard("kafka-s3")
    record = {name: value for name, value in given.record.items() if name != "responseContext"}
    made = json.loads(failure_of(replace(given, record=record), given.records[0]))
    assert made["requestContext"]["functionArn"] == "arn:aws:lambda:us-east-1:123456789012:function:my-function"


def test_a_time_that_no_calendar_has_stops_nothing() -> None:
    given = discards.discard("kafka-s3")
    record = given.records[0]
    record.arrived = 1764088530882000 / 1000
    made = json.loads(failure_of(given, record))
    assert made["KafkaBatchInfo"]["recordInfo"]["timestamp"] == "9999-12-31T23:59:59.999Z"
