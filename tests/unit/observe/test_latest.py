"""What is newest of each function and mapping."""

from __future__ import annotations

from poller.observe.events import BatchJudged, InvocationEnded, RecordsFiltered
from poller.observe.latest import Latest


def _ended(function: str, version: str, status: str = "success") -> InvocationEnded:
    return InvocationEnded(
        function=function, version=version, request_id="r", status=status, error_type="", seconds=1.0, cold=False
    )


def _judged(delivered: int, failed: int) -> BatchJudged:
    return BatchJudged(
        mapping="m", function="f", request_id="r", verdict="partial", delivered=delivered, failed=failed, why=""
    )


def test_the_newest_invocation_of_each_version_is_known() -> None:
    times = iter([1.0, 2.0, 3.0])
    latest = Latest(lambda: next(times))
    latest.emit(_ended("f", "$LATEST"))
    latest.emit(_ended("f", "1"))
    latest.emit(_ended("f", "1", "error"))
    first, second = latest.invocation("f", "$LATEST"), latest.invocation("f", "1")
    assert first is not None
    assert second is not None
    assert first.at == 1.0
    assert (second.at, second.fact.status) == (3.0, "error")
    assert latest.invocation("g", "$LATEST") is None


def test_a_batch_that_failed_whole_is_no_progress() -> None:
    now = 1.0
    latest = Latest(lambda: now)
    latest.emit(_judged(1, 1))
    now = 2.0
    latest.emit(_judged(0, 2))
    last = latest.batch("m")
    assert last is not None
    assert last.at == 2.0
    assert latest.progress("m") == 1.0
    now = 3.0
    latest.emit(RecordsFiltered(mapping="m", count=1))
    assert latest.progress("m") == 3.0


def test_what_is_gone_is_forgotten() -> None:
    latest = Latest(lambda: 1.0)
    latest.emit(_ended("f", "$LATEST"))
    latest.emit(_judged(1, 0))
    latest.keep({"f"}, {"m"})
    assert latest.invocation("f", "$LATEST")
    assert latest.batch("m")
    latest.keep(set(), set())
    assert (latest.invocation("f", "$LATEST"), latest.batch("m"), latest.progress("m")) == (None, None, None)
