"""The function's answer -> what becomes of each record, a row of the service's table a test."""

from __future__ import annotations

import pytest

from connectors.contract import Outcome, Record
from poller.execution.contract import Result, Status
from poller.pipeline.judge import judge

RECORDS = [Record(id=name, body="{}") for name in ("a", "b", "c")]


def answer(payload: bytes, status: Status = Status.SUCCESS, error_type: str = "") -> Result:
    return Result(request_id="r", status=status, payload=payload, error_type=error_type)


def failed(payload: bytes) -> str:
    """Ids of the records that will come again, with ReportBatchItemFailures."""
    verdict = judge(answer(payload), RECORDS, item_failures=True)
    assert [settlement.record for settlement in verdict.settlements] == RECORDS
    return "".join(s.record.id for s in verdict.settlements if s.outcome is Outcome.RETRY)


@pytest.mark.parametrize(
    "payload",
    [b"", b"null", b"{}", b'""', b'{"batchItemFailures":null}', b'{"batchItemFailures":[]}', b'{"other":1}'],
)
def test_an_answer_that_names_nothing_is_success(payload: bytes) -> None:
    assert failed(payload) == ""


@pytest.mark.parametrize(
    ("payload", "names"),
    [
        (b'{"batchItemFailures":[{"itemIdentifier":"b"}]}', "b"),
        (b'{"batchItemFailures":[{"itemIdentifier":"c"},{"itemIdentifier":"a"}]}', "ac"),
        (b'{"batchItemFailures":[{"itemIdentifier":"b"},{"itemIdentifier":"b"}]}', "b"),
        (b'{"batchItemFailures":[{"itemIdentifier":"b","more":1}]}', "b"),
        (b'{"batchItemFailures":[{},{"itemIdentifier":"b"}]}', "b"),
    ],
)
def test_named_records_come_again_and_the_others_are_delivered(payload: bytes, names: str) -> None:
    assert failed(payload) == names


def test_an_empty_object_as_item_is_acknowledged() -> None:
    assert failed(b'{"batchItemFailures":[{}]}') == ""


@pytest.mark.parametrize(
    "payload",
    [
        b'{"batchItemFailures":[{"itemIdentifier":"x"}]}',
        b'{"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"x"}]}',
        b'{"batchItemFailures":[{"itemIdentifier":""}]}',
        b'{"batchItemFailures":[{"itemIdentifier":null}]}',
        b'{"batchItemFailures":[{"itemIdentifier":7}]}',
        b'{"batchItemFailures":[{"foo":"a"}]}',
        b'{"batchItemFailures":["a"]}',
        b'{"batchItemFailures":"a"}',
        b'{"batchItemFailures":{}}',
        b'{"batchItemFailures":""}',
        b'{"batchItemFailures":0}',
        b'{"batchItemFailures":false}',
        b'"a"',
        b"7",
        b"0",
        b"false",
        b"[]",
        b"not json",
        b"\xff\xfe",
    ],
)
def test_an_answer_that_makes_no_sense_fails_the_whole_batch(payload: bytes) -> None:
    assert failed(payload) == "abc"


@pytest.mark.parametrize("status", [Status.ERROR, Status.TIMEOUT, Status.FAILURE])
@pytest.mark.parametrize("item_failures", [True, False])
def test_a_failed_invocation_fails_the_whole_batch_whatever_its_body_says(status: Status, item_failures: bool) -> None:
    verdict = judge(answer(b'{"batchItemFailures":[]}', status, "Boom"), RECORDS, item_failures=item_failures)
    assert verdict.name == "failed"
    assert "Boom" in verdict.why


@pytest.mark.parametrize("payload", [b"", b"not json", b'{"batchItemFailures":[{"itemIdentifier":"a"}]}', b"7"])
def test_without_report_batch_item_failures_the_body_is_ignored(payload: bytes) -> None:
    verdict = judge(answer(payload), RECORDS, item_failures=False)
    assert verdict.name == "delivered"
    assert verdict.why == ""


def test_the_verdict_says_how_much_failed_and_why() -> None:
    verdict = judge(answer(b'{"batchItemFailures":[{"itemIdentifier":"b"}]}'), RECORDS, item_failures=True)
    assert (verdict.name, verdict.failed) == ("partial", 1)
    assert "1 of 3" in verdict.why
