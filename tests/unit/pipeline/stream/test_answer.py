"""The function's answer to a batch of a stream, a row of the service's table a test."""

from __future__ import annotations

import pytest

from connectors.contract import Record
from poller.execution.contract import Result, Status
from poller.pipeline.stream.answer import Answer, read

RECORDS = [Record(id=name, body="{}") for name in ("a", "b", "c")]
KAFKA = [Record(id=f"t-0:{n}", body="") for n in (100, 101, 102)]


def answer(payload: bytes, status: Status = Status.SUCCESS) -> Result:
    return Result(
        request_id="r", status=status, payload=payload, error_type="Boom" if status is not Status.SUCCESS else ""
    )


def told(payload: bytes, records: list[Record] = RECORDS) -> tuple[int, bool]:
    found = read(answer(payload), records, item_failures=True)
    assert bool(found.why) == (found.count < len(records))
    return found.count, found.failed


@pytest.mark.parametrize(
    "payload",
    [b"", b"null", b"{}", b'""', b'{"batchItemFailures":null}', b'{"batchItemFailures":[]}', b'{"other":1}'],
)
def test_an_answer_that_names_nothing_is_success(payload: bytes) -> None:
    assert told(payload) == (3, False)


@pytest.mark.parametrize(
    ("payload", "count"),
    [
        (b'{"batchItemFailures":[{"itemIdentifier":"a"}]}', 0),
        (b'{"batchItemFailures":[{"itemIdentifier":"b"}]}', 1),
        (b'{"batchItemFailures":[{"itemIdentifier":"c"},{"itemIdentifier":"b"}]}', 1),
        (b'{"batchItemFailures":[{"itemIdentifier":"c"},{"itemIdentifier":"c"}]}', 2),
    ],
)
def test_the_lowest_identifier_is_the_checkpoint(payload: bytes, count: int) -> None:
    assert told(payload) == (count, False)


def test_kafka_names_partition_and_offset() -> None:
    assert told(b'{"batchItemFailures":[{"itemIdentifier":{"partition":"t-0","offset":101}}]}', KAFKA) == (1, False)


@pytest.mark.parametrize(
    "identifier",
    [b'{"partition":"t-0","offset":7}', b'{"partition":"t-1","offset":100}', b'{"partition":"t-0","offset":"100"}',
     b'{"partition":"t-0","offset":true}', b'{"partition":"t-0"}', b'{"offset":100}', b"{}", b"100", b'"100"'],
)  # fmt: skip
def test_what_no_record_of_kafka_has_fails_the_whole_batch(identifier: bytes) -> None:
    assert told(b'{"batchItemFailures":[{"itemIdentifier":' + identifier + b"}]}", KAFKA) == (0, True)


@pytest.mark.parametrize(
    "payload",
    [
        b'{"batchItemFailures":[{}]}',
        b'{"batchItemFailures":[{"itemIdentifier":"x"}]}',
        b'{"batchItemFailures":[{"itemIdentifier":"b"},{"itemIdentifier":"x"}]}',
        b'{"batchItemFailures":[{"itemIdentifier":""}]}',
        b'{"batchItemFailures":[{"itemIdentifier":null}]}',
        b'{"batchItemFailures":[{"itemIdentifier":7}]}',
        b'{"batchItemFailures":[{"foo":"a"}]}',
        b'{"batchItemFailures":["a"]}',
        b'{"batchItemFailures":"a"}',
        b'"a"',
        b"7",
        b"[]",
        b"not json",
        b"\xff\xfe",
    ],
)
def test_an_answer_that_makes_no_sense_fails_the_whole_batch(payload: bytes) -> None:
    assert told(payload) == (0, True)


@pytest.mark.parametrize("status", [Status.ERROR, Status.TIMEOUT, Status.FAILURE])
@pytest.mark.parametrize("item_failures", [True, False])
def test_a_failed_invocation_fails_the_whole_batch_whatever_its_body_says(status: Status, item_failures: bool) -> None:
    found = read(answer(b'{"batchItemFailures":[]}', status), RECORDS, item_failures=item_failures)
    assert (found.count, found.failed) == (0, True)
    assert "Boom" in found.why


@pytest.mark.parametrize("payload", [b"", b"not json", b'{"batchItemFailures":[{"itemIdentifier":"a"}]}', b"7"])
def test_without_report_batch_item_failures_the_body_is_ignored(payload: bytes) -> None:
    assert read(answer(payload), RECORDS, item_failures=False) == Answer(3)


@pytest.mark.parametrize("item_failures", [True, False])
@pytest.mark.parametrize(
    "payload", [b"", b"null", b"{}", b'{"state":null}', b'{"state":[1]}', b'{"state":"x"}', b"[]", b"?"]
)
def test_in_a_tumbling_window_an_answer_without_state_is_a_failure(payload: bytes, item_failures: bool) -> None:
    assert read(answer(payload), RECORDS, item_failures=item_failures, stateful=True).failed


def test_in_a_tumbling_window_the_state_comes_with_the_answer_in_part_or_whole() -> None:
    assert read(answer(b'{"state":{"n":1}}'), RECORDS, item_failures=True, stateful=True) == Answer(3, state={"n": 1})
    partly = b'{"state":{"n":1},"batchItemFailures":[{"itemIdentifier":"c"}]}'
    found = read(answer(partly), RECORDS, item_failures=True, stateful=True)
    assert (found.count, found.state) == (2, {"n": 1})
    assert read(answer(partly), RECORDS, item_failures=False, stateful=True).count == 3


def test_an_identifier_that_several_records_share_names_the_first_of_them() -> None:
    together = [Record(id=name, body="") for name in ("16", "17", "17", "17", "18")]
    assert told(b'{"batchItemFailures":[{"itemIdentifier":"17"}]}', together) == (1, False)
    assert told(b'{"batchItemFailures":[{"itemIdentifier":"18"},{"itemIdentifier":"17"}]}', together[2:]) == (0, False)
