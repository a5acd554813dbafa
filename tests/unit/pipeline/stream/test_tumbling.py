"""Tumbling windows: whose records they are, what the function is told, and when they end."""

from __future__ import annotations

import pytest

from connectors.contract import Record
from poller.pipeline.stream.tumbling import GRACE, STATE_AT_MOST, Tumbling


def record(arrived: float) -> Record:
    return Record(id="", body="", arrived=arrived)


def begun(arrived: float = 130.0, seconds: float = 60.0) -> Tumbling:
    window = Tumbling(seconds)
    window.begin(record(arrived))
    return window


@pytest.mark.parametrize(
    ("arrived", "fits"), [(120.0, True), (179.999, True), (180.0, False), (1000.0, False), (119.0, True)]
)
def test_windows_are_aligned_to_multiples_of_their_length_and_never_go_back(arrived: float, fits: bool) -> None:
    assert begun().fits(record(arrived)) is fits


def test_the_function_is_told_as_the_service_does() -> None:
    window = begun(1607497441.5, 120.0)
    window.answered({"1": 282})
    assert window.about("shard-6", "arn:x", final=False) == {
        "window": {"start": "2020-12-09T07:04:00Z", "end": "2020-12-09T07:06:00Z"},
        "state": {"1": 282},
        "shardId": "shard-6",
        "eventSourceARN": "arn:x",
        "isFinalInvokeForWindow": False,
        "isWindowTerminatedEarly": False,
    }
    assert list(window.about("p", "a", final=True)) == [
        "window", "state", "shardId", "eventSourceARN", "isFinalInvokeForWindow", "isWindowTerminatedEarly",
    ]  # fmt: skip


def test_a_window_ends_with_a_later_record_or_a_while_after_its_end() -> None:
    window = begun()
    assert not window.over(record(179.0), now=1e9)
    assert window.over(record(180.0), now=0.0)
    assert not window.over(None, now=180.0 + GRACE - 1)
    assert window.over(None, now=180.0 + GRACE)
    assert window.end + 120 >= 180.0 + GRACE, "the service takes two minutes at most"


def test_a_window_ends_with_its_partition_behind_what_waits() -> None:
    window = begun()
    assert not window.over(record(179.0), now=0.0, ended=True)
    assert window.over(None, now=0.0, ended=True)
    window.ended()
    assert not window.over(None, now=0.0, ended=True)


def test_the_next_window_begins_without_state() -> None:
    window = begun()
    window.answered({"n": 1})
    window.ended()
    assert not window.over(record(500.0), now=1e9)
    window.begin(record(500.0))
    assert window.end == 540.0
    assert window.about("p", "a", final=False)["state"] == {}


def test_a_state_that_is_too_big_ends_the_window_early_and_the_rest_of_it_begins_anew() -> None:
    window = begun()
    window.answered({"x": "y" * STATE_AT_MOST})
    assert window.over(record(131.0), now=131.0)
    about = window.about("p", "a", final=True)
    assert (about["isFinalInvokeForWindow"], about["isWindowTerminatedEarly"]) == (True, True)
    assert len(about["state"]["x"]) == STATE_AT_MOST
    window.ended()
    assert not window.over(record(131.0), now=131.0)
    assert window.about("p", "a", final=False)["state"] == {}
    assert window.over(record(200.0), now=0.0), "its own end comes all the same"


@pytest.mark.parametrize("state", [{}, {"n": {"é": [1, None]}}, {"x": "y" * STATE_AT_MOST}])
def test_a_window_survives_a_restart(state: dict[str, object]) -> None:
    window = begun()
    window.answered(state)
    again = Tumbling(60.0, window.save())
    assert (again.end, again.early) == (180.0, window.early)
    assert again.about("p", "a", final=True) == window.about("p", "a", final=True)


def test_no_window_leaves_no_trace() -> None:
    assert Tumbling(60.0).save() == ""
    window = begun()
    window.ended()
    assert window.save() == ""
    assert not Tumbling(60.0).over(None, now=1e9)
