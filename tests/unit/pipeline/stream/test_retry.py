"""What becomes of a batch, a rule of the service a test."""

from __future__ import annotations

import pytest

from connectors.contract import UNDECODABLE, Record
from poller.pipeline.batch import Item
from poller.pipeline.stream.answer import Answer
from poller.pipeline.stream.plan import INFINITE, StreamPlan
from poller.pipeline.stream.retry import GivenUp, Rules, Step, Work, after, oversized, readable, sift

FAILED = Answer(0, failed=True, why="boom")


def items(*arrivals: float | None) -> list[Item]:
    return [Item(Record(id=str(n), body="", position=str(n), arrived=at), b"{}") for n, at in enumerate(arrivals)]


def work(count: int, attempts: int = 1) -> Work:
    return Work(items(*[0.0] * count), attempts=attempts, request_id="r")


def rules(retries: int = INFINITE, age: float = INFINITE, *, bisect: bool = False) -> Rules:
    return Rules(retries=retries, age=age, bisect=bisect)


def names(works: list[Work]) -> list[str]:
    return ["".join(item.record.id for item in each.items) for each in works]


def plan(**options: object) -> StreamPlan:
    given: dict[str, object] = {
        "name": "m",
        "function": "f",
        "function_arn": "",
        "batch_size": 1,
        "window": 0,
        "timeout": 3.0,
    }
    given |= {
        "criteria": None,
        "item_failures": False,
        "envelope": lambda identity: None,
        "starting_position": "LATEST",
    }
    return StreamPlan(**(given | options))  # type: ignore[arg-type]  # as the test says


def test_all_done_is_done() -> None:
    batch = work(3)
    assert after(batch, Answer(3), rules()) == Step(batch.items)


@pytest.mark.parametrize(
    ("attempts", "retries", "again"), [(1, 0, False), (1, 1, True), (2, 1, False), (900, INFINITE, True)]
)
def test_a_failed_batch_has_one_attempt_and_its_retries(attempts: int, retries: int, again: bool) -> None:
    batch = work(2, attempts)
    step = after(batch, FAILED, rules(retries))
    if again:
        assert step.again == [batch], "the same batch, under the same request id"
        assert step.failures == attempts
        assert step.given_up is None
    else:
        assert step.again == []
        assert step.given_up is not None
        assert (step.given_up.condition, step.given_up.invoke_count) == ("RetryAttemptsExhausted", attempts)
        assert step.given_up.items == batch.items
    assert step.delivered == ()


def test_a_partial_response_makes_the_rest_a_new_batch_with_fresh_attempts() -> None:
    batch = work(5, attempts=3)
    step = after(batch, Answer(2), rules(retries=2))
    assert [item.record.id for item in step.delivered] == ["0", "1"]
    assert names(step.again) == ["234"]
    assert (step.again[0].attempts, step.again[0].request_id, step.failures) == (0, "", 1)


def test_a_partial_response_that_names_the_first_record_changes_nothing_and_counts() -> None:
    batch = work(3, attempts=2)
    assert after(batch, Answer(0), rules(retries=2, bisect=True)).again == [batch]
    step = after(work(3, attempts=3), Answer(0), rules(retries=2, bisect=True))
    assert step.given_up is not None
    assert step.given_up.invoke_count == 3


@pytest.mark.parametrize(("count", "halves"), [(2, ["0", "1"]), (3, ["0", "12"]), (7, ["012", "3456"])])
def test_bisect_cuts_in_halves_the_first_rounded_down_whatever_attempts_are_left(count: int, halves: list[str]) -> None:
    step = after(work(count), FAILED, rules(retries=0, bisect=True))
    assert names(step.again) == halves
    assert [(half.attempts, half.request_id) for half in step.again] == [(0, "")] * 2
    assert step.bisected
    assert step.given_up is None


def test_a_lone_record_cannot_be_bisected() -> None:
    batch = work(1)
    assert after(batch, FAILED, rules(retries=1, bisect=True)).again == [batch]
    assert after(work(1, 2), FAILED, rules(retries=1, bisect=True)).given_up is not None


def test_with_bisect_a_partial_response_is_cut_where_it_says() -> None:
    assert names(after(work(6), Answer(1), rules(bisect=True)).again) == ["12345"]


def test_records_too_old_are_given_up_before_an_attempt_and_the_rest_goes_on_as_a_changed_batch() -> None:
    batch = Work(items(10.0, 90.0, None, 20.0, 95.0), attempts=2, request_id="r", version="7", error="Unhandled")
    gone, rest = sift(batch, rules(age=60), now=100.0)
    assert gone is not None
    assert rest is not None
    assert [item.record.id for item in gone.items] == ["0", "3"]
    assert (gone.condition, gone.invoke_count, gone.work) == ("RecordAgeExceeded", 2, batch)
    assert names([rest]) == ["124"]
    assert (rest.attempts, rest.request_id, rest.version) == (2, "", "7")


def test_what_is_too_old_at_first_sight_counts_one_attempt_and_no_version() -> None:
    gone, rest = sift(Work(items(1.0)), rules(age=60), now=100.0)
    assert rest is None
    assert gone is not None
    assert (gone.invoke_count, gone.work.version) == (1, None)


@pytest.mark.parametrize(("age", "now"), [(INFINITE, 1e9), (60, 70.0)])
def test_a_batch_that_is_young_enough_stays_as_it_is(age: float, now: float) -> None:
    batch = Work(items(10.0, 20.0), attempts=1, request_id="r")
    assert sift(batch, rules(age=age), now) == (None, batch)


def test_the_last_event_of_a_window_grows_old_too() -> None:
    last = Work([], since=10.0)
    assert sift(last, rules(age=60), 70.0) == (None, last)
    gone, rest = sift(last, rules(age=60), 71.0)
    assert gone is not None
    assert (gone.items, rest) == ([], None)


def test_the_last_event_of_a_window_is_retried_and_given_up_like_any_other() -> None:
    last = Work([], since=10.0, attempts=1)
    assert after(last, FAILED, rules(retries=1, bisect=True)).again == [last]
    last.attempts = 2
    assert after(last, FAILED, rules(retries=1)).given_up is not None
    assert after(last, Answer(0, state={}), rules()) == Step([], {})


@pytest.mark.parametrize(("retries", "count"), [(0, 1), (2, 3), (INFINITE, 1)])
def test_a_record_too_big_counts_as_tried_as_often_as_allowed(retries: int, count: int) -> None:
    step = oversized(work(1, attempts=0), rules(retries))
    assert step.given_up is not None
    assert (step.given_up.condition, step.given_up.invoke_count) == ("RetryAttemptsExhausted", count)


def test_kafka_says_it_in_words_of_its_own() -> None:
    step = oversized(work(1, 0), Rules.of(plan(maximum_retry_attempts=4), kafka=True, destination=True))
    assert step.given_up is not None
    assert (step.given_up.condition, step.given_up.invoke_count) == ("MaximumPayloadSizeExceeded", 1)


@pytest.mark.parametrize(
    ("kafka", "destination", "given", "retries"),
    [
        (True, True, -1, 10),
        (True, False, -1, -1),
        (False, True, -1, -1),
        (True, True, 3, 3),
        (True, True, 10_000, 10_000),
    ],
)
def test_infinitely_many_retries_are_ten_for_kafka_with_a_destination(
    kafka: bool, destination: bool, given: int, retries: int
) -> None:
    assert Rules.of(plan(maximum_retry_attempts=given), kafka=kafka, destination=destination).retries == retries


def test_what_its_source_could_not_decode_stands_between_what_can_be_run() -> None:
    batch = work(6, attempts=0)
    for n, why in ((1, "SCHEMA_NOT_FOUND"), (2, "DESERIALIZATION_ERROR"), (3, "DESERIALIZATION_ERROR")):
        batch.items[n].record.metadata = {UNDECODABLE: why}
    parts = readable(batch)
    shown = [(getattr(part, "condition", ""), "".join(item.record.id for item in part.items)) for part in parts]
    assert shown == [("", "0"), ("SCHEMA_NOT_FOUND", "1"), ("DESERIALIZATION_ERROR", "23"), ("", "45")]
    assert [part.invoke_count for part in parts if isinstance(part, GivenUp)] == [1, 1]
    whole = work(3)
    assert readable(whole) == [whole]
    final = Work([], since=1.0)
    assert readable(final) == [final]
