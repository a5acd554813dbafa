"""Batches as the service takes them, and its answers."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors import cloudwatch_logs
from connectors.aws.options import AwsOptions
from connectors.cloudwatch_logs import BATCH_BYTES, BATCH_EVENTS, EVENT_BYTES, CloudWatchLogs, batches
from connectors.contract import OptionsError, Refused, Throttled
from tests.fakes.aws import FakeAws

EVENTS = [(1, "a\n"), (2, "b\n"), (3, "c\n")]


@contextlib.asynccontextmanager
async def logs() -> AsyncIterator[CloudWatchLogs]:
    found = CloudWatchLogs(AwsOptions(endpoint_url="http://127.0.0.1:1"))
    yield found
    await found.close()


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> FakeAws:
    return FakeAws(monkeypatch)


def test_real_aws_is_not_contacted_by_accident() -> None:
    with pytest.raises(OptionsError, match="logs of real AWS"):
        CloudWatchLogs(AwsOptions())


@given(st.lists(st.integers(0, 300_000), max_size=60))
def test_batches_are_within_the_limits_in_order_and_as_few_as_can_be(sizes: list[int]) -> None:
    events = [(at, "x" * size) for at, size in enumerate(sizes)]
    found = list(batches(events))
    assert [event for batch in found for event in batch] == events
    weights = [sum(len(message) + EVENT_BYTES for _, message in batch) for batch in found]
    assert all(weight <= BATCH_BYTES for weight in weights)
    for batch, weight in zip(found[1:], weights, strict=False):
        assert weight + len(batch[0][1]) + EVENT_BYTES > BATCH_BYTES


def test_a_batch_has_no_more_events_than_the_service_takes_and_bytes_are_counted() -> None:
    assert [len(batch) for batch in batches([(1, "")] * (2 * BATCH_EVENTS + 1))] == [BATCH_EVENTS, BATCH_EVENTS, 1]
    assert len(list(batches([(1, "ä" * 300_000)] * 2))) == 2


async def test_what_is_not_there_is_made(aws: FakeAws) -> None:
    tries = iter([True, False])

    def put(request: object) -> object:
        if next(tries):
            aws.fail("put_log_events", "ResourceNotFoundException")
            answer = aws.answers["put_log_events"]
            aws.answers["put_log_events"] = put
            return answer(request)
        return {}

    aws.answers |= {"put_log_events": put, "create_log_stream": {}}
    aws.fail("create_log_group", "ResourceAlreadyExistsException")
    async with logs() as found:
        assert await found.put("/aws/lambda/f", "s", EVENTS) == 0
    assert [verb for verb, _ in aws.calls] == [
        "put_log_events",
        "create_log_group",
        "create_log_stream",
        "put_log_events",
    ]
    assert aws.of("put_log_events")[1] == {
        "logGroupName": "/aws/lambda/f",
        "logStreamName": "s",
        "logEvents": [{"timestamp": at, "message": message} for at, message in EVENTS],
    }
    assert aws.users == 0


@pytest.mark.parametrize(
    ("info", "lost"),
    [
        ({}, 0),
        ({"tooOldLogEventEndIndex": 1}, 1),
        ({"tooOldLogEventEndIndex": 1, "expiredLogEventEndIndex": 2}, 2),
        ({"tooNewLogEventStartIndex": 2}, 1),
        ({"tooOldLogEventEndIndex": 1, "tooNewLogEventStartIndex": 2}, 2),
    ],
)
async def test_what_the_service_rejects_is_counted(aws: FakeAws, info: dict[str, int], lost: int) -> None:
    aws.answers["put_log_events"] = {"rejectedLogEventsInfo": info}
    async with logs() as found:
        assert await found.put("g", "s", EVENTS) == lost


async def test_what_would_be_refused_again_is_given_up_and_the_rest_is_told(aws: FakeAws) -> None:
    async with logs() as found:
        for code in cloudwatch_logs.INVALID:
            aws.fail("put_log_events", code)
            assert await found.put("g", "s", EVENTS) == len(EVENTS)
        aws.fail("put_log_events", "ThrottlingException")
        with pytest.raises(Throttled):
            await found.put("g", "s", EVENTS)
        aws.fail("put_log_events", "AccessDeniedException")
        with pytest.raises(Refused):
            await found.put("g", "s", EVENTS)
