"""Whether a mapping gets on: the decision alone, with looks in a test's own words."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poller.control.look import Look
from poller.control.progress import Act, Progress
from poller.observe.courses import Course

LIMIT = 300.0


def seen(now: float = 0.0, *, done: int = 0, failures: int = 0, failed_at: float | None = None, **told: Any) -> Look:
    """A fetch was answered just now."""
    course = Course(done=done, failures=failures, failed_at=failed_at, fetched={"at": now, "records": 0})
    return Look(now=now, course=course, **told)


def acts(sights: list[tuple[float, Look]], limit: float = LIMIT) -> list[Act]:
    progress = Progress(limit)
    return [progress.see(sight, at) for at, sight in sights]


def test_an_idle_mapping_is_healthy_for_ever() -> None:
    assert set(acts([(at, seen(at, lag=0)) for at in range(0, 1_000_000, 1000)])) == {Act.NOTHING}
    assert set(acts([(at, seen(at)) for at in range(0, 1_000_000, 1000)])) == {Act.NOTHING}


BEHIND: list[dict[str, Any]] = [
    {"lag": 7},
    {"in_hand": 1},
    {"overdue_since": 0.0},
    {"connected": False},
    {"source_trouble": "no connection"},
]


@pytest.mark.parametrize("told", BEHIND)
def test_with_something_to_do_and_no_movement_it_is_rebuilt_once_and_told(told: dict[str, Any]) -> None:
    moments = [0.0, 299.0, 300.0, 301.0, 1000.0, 9000.0]
    found = acts([(at, seen(at, **told)) for at in moments])
    assert found == [Act.NOTHING, Act.NOTHING, Act.REBUILD, Act.NOTHING, Act.NOTHING, Act.NOTHING]


@pytest.mark.parametrize(
    "told", [{"slot_since": 0.0}, {"held_up": "the bucket is gone"}, {"failures": 3, "failed_at": 300.0}]
)
def test_where_the_cause_is_known_to_be_elsewhere_nothing_is_rebuilt(told: dict[str, Any]) -> None:
    assert acts([(0.0, seen(lag=7, **told)), (300.0, seen(300.0, lag=7, **told))]) == [Act.NOTHING, Act.TELL]


def test_an_invocation_within_its_time_is_never_judged_and_one_beyond_it_is() -> None:
    progress = Progress(LIMIT)
    for at in range(0, 960, 10):
        assert progress.see(seen(at, in_hand=1, invoking=1, busy_until=960.0), at) is Act.NOTHING
    assert progress.see(seen(961.0, in_hand=1, invoking=1, busy_until=960.0), 961.0) is Act.REBUILD


def test_it_stays_unhealthy_until_it_moves_and_may_be_rebuilt_for_the_next_standstill() -> None:
    progress = Progress(LIMIT)
    assert [progress.see(seen(lag=5), at) for at in (0.0, 300.0, 5000.0)] == [Act.NOTHING, Act.REBUILD, Act.NOTHING]
    assert progress.stalled_since == 300.0
    assert progress.see(seen(lag=5, done=1), 5001.0) is Act.RECOVERED
    assert progress == Progress(LIMIT, _done=1, _lag=5, _stalled_epoch=0.0)
    assert [progress.see(seen(lag=5, done=1), at) for at in (5002.0, 5302.0)] == [Act.NOTHING, Act.REBUILD]


def test_work_that_somebody_else_does_is_movement() -> None:
    assert set(acts([(at, seen(lag=10_000 - at)) for at in range(0, 9000, 100)])) == {Act.NOTHING}


@pytest.mark.parametrize("told", [{"state": "paused"}, {"state": "pausing"}, {"not_ours": "process 7 runs it"}])
def test_nobody_is_judged_for_what_is_not_to_run_here(told: dict[str, Any]) -> None:
    assert set(acts([(at, seen(at, lag=9, in_hand=1, **told)) for at in range(0, 3000, 100)])) == {Act.NOTHING}


def test_a_queue_whose_every_batch_fails_has_something_to_do_though_its_messages_are_hidden_meanwhile() -> None:
    sights = [(float(at), seen(at, lag=0, failures=at + 1, failed_at=float(at))) for at in range(0, 400, 10)]
    assert Act.TELL in acts(sights)
    last = sights[-1][0]
    assert acts([*sights, (last + LIMIT, seen(last + LIMIT, failures=9, failed_at=last))])[-1] is Act.RECOVERED


steps = st.lists(st.tuples(st.floats(0.1, 400), st.booleans(), st.integers(0, 3), st.booleans()), max_size=60)


@given(steps)
def test_acts_alternate_and_no_standstill_is_rebuilt_twice(given_steps: list[tuple[float, bool, int, bool]]) -> None:
    progress, now, done, told, still = Progress(LIMIT), 0.0, 0, False, 0.0
    for seconds, moves, lag, busy in given_steps:
        now += seconds
        done += moves
        still = 0.0 if moves or not lag else still
        act = progress.see(seen(now, done=done, lag=lag, busy_until=now + 1 if busy else None), now)
        assert not (act in {Act.TELL, Act.REBUILD} and (told or busy or moves or not lag))
        assert not (act is Act.RECOVERED and not told)
        told = told if act is Act.NOTHING else act is not Act.RECOVERED
        assert told == (progress.stalled_since is not None)
