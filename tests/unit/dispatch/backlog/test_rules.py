"""What becomes of an event: attempts, ages, and what is no attempt."""

from __future__ import annotations

import dataclasses

import pytest

from poller.dispatch.backlog import rules
from poller.dispatch.backlog.event import Event, EventInvokeConfig
from poller.dispatch.backlog.rules import Again, Final
from tests.unit.dispatch.backlog.scene import answered, away, failed

EVENT = Event(request_id="r", function="f", qualifier="", payload=b"{}", trace_id="", accepted=1000.0, due=1000.0)
CONFIG = EventInvokeConfig(function_arn="arn", arn="arn:$LATEST")
DELAYS = (60, 120)


def config(**changes: object) -> EventInvokeConfig:
    return dataclasses.replace(CONFIG, **changes)  # type: ignore[arg-type]  # keywords of its fields


def test_success_is_the_end() -> None:
    found = rules.after(EVENT, CONFIG, answered(), 1001.0, DELAYS)
    assert found == Final(condition="Success", result=answered(), invoke_count=1)


def test_a_function_error_is_retried_after_one_minute_and_after_two() -> None:
    first = rules.after(EVENT, CONFIG, failed(), 1001.0, DELAYS)
    assert first == Again(due=1061.0, attempts=1, refusals=0, why="no")
    second = rules.after(dataclasses.replace(EVENT, attempts=1), CONFIG, failed(), 1062.0, DELAYS)
    assert second == Again(due=1182.0, attempts=2, refusals=0, why="no")
    third = rules.after(dataclasses.replace(EVENT, attempts=2), CONFIG, failed(), 1183.0, DELAYS)
    assert third == Final(condition="RetriesExhausted", result=failed(), invoke_count=3, message="no")


@pytest.mark.parametrize(("retries", "attempts"), [(0, 1), (1, 2), (2, 3)])
def test_there_are_as_many_retries_as_are_configured(retries: int, attempts: int) -> None:
    last = dataclasses.replace(EVENT, attempts=attempts - 1)
    found = rules.after(last, config(maximum_retry_attempts=retries), failed(), 1000.0, DELAYS)
    assert isinstance(found, Final)
    assert (found.condition, found.invoke_count) == ("RetriesExhausted", attempts)


@pytest.mark.parametrize(("age", "runs"), [(60, 1), (90, 2), (21600, 3)])
def test_age_is_looked_at_before_a_retry_is_scheduled(age: int, runs: int) -> None:
    """Recorded in November 2025: with 60 s there is one attempt, with 90 s there are two."""
    event, now, made = EVENT, 1000.5, 0
    while True:
        made += 1
        found = rules.after(event, config(maximum_event_age_seconds=age), failed(), now, DELAYS)
        if isinstance(found, Final):
            break
        event, now = dataclasses.replace(event, attempts=found.attempts), found.due + 0.5
    assert made == found.invoke_count == runs
    assert found.condition == ("RetriesExhausted" if runs == 3 else "EventAgeExceeded")
    assert found.result == failed()


def test_an_event_that_waited_too_long_is_not_run() -> None:
    young, old = 1000.0 + 21600, 1000.0 + 21601
    assert rules.before(EVENT, CONFIG, young) is None
    found = rules.before(EVENT, CONFIG, old)
    assert found is not None
    assert (found.condition, found.result, found.invoke_count) == ("EventAgeExceeded", None, 0)
    assert (found.code, found.message) == (429, "Rate Exceeded.")


def test_without_any_concurrency_an_event_is_given_up_at_once() -> None:
    found = rules.before(EVENT, config(runs=False), 1000.0)
    assert found is not None
    assert (found.condition, found.invoke_count, found.result) == ("ZeroReservedConcurrency", 0, None)


def test_what_nobody_could_run_is_no_attempt_and_waits_from_one_second_to_five_minutes() -> None:
    event, delays = EVENT, []
    for _ in range(12):
        found = rules.after(event, CONFIG, away(), 1000.0, DELAYS)
        assert isinstance(found, Again)
        assert found.attempts == 0
        delays.append(found.due - 1000.0)
        event = dataclasses.replace(event, refusals=found.refusals)
    assert 0.75 <= delays[0] <= 1
    assert all(most * 0.75 <= delay <= most for delay, most in zip(delays, [2**n for n in range(9)], strict=False))
    assert all(225 <= delay <= 300 for delay in delays[9:])


def test_what_nobody_could_run_is_given_up_for_its_age() -> None:
    found = rules.refused(EVENT, config(maximum_event_age_seconds=60), "nobody there", 1059.5, 1.0)
    assert found == Final(condition="EventAgeExceeded", result=None, invoke_count=0, code=500, message="nobody there")


def test_further_retries_have_the_last_delay() -> None:
    found = rules.after(dataclasses.replace(EVENT, attempts=1), CONFIG, failed(), 1000.0, [5])
    assert isinstance(found, Again)
    assert found.due == 1005.0


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b'{"errorMessage": ""}', b'{"errorMessage": 7}'])
def test_an_error_without_words_is_called_by_its_type(payload: bytes) -> None:
    result = dataclasses.replace(failed(), payload=payload, error_type="Runtime.ExitError")
    assert rules.sentence(result) == "Runtime.ExitError"
