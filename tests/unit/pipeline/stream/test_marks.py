"""Lanes that are ahead of their checkpoint, and what a restart makes of them."""

from __future__ import annotations

import pytest

from connectors.contract import Record
from poller.pipeline.stream.marks import Done, ahead, hold, lane_of

LANES = 3


def record(position: int | str, key: str | bytes | None = None) -> Record:
    return Record(id=str(position), body="", position=str(position), key=key)


def key_of(lane: int) -> str:
    return next(f"key {n}" for n in range(100) if lane_of(record(1, f"key {n}"), LANES) == lane)


def test_a_lane_is_the_keys_the_same_after_every_restart() -> None:
    assert [lane_of(record(n, "orders"), 10) for n in range(5)] == [lane_of(record(0, b"orders"), 10)] * 5
    assert lane_of(record(1, "a"), 10) == 7, "of CRC-32, which no process changes"
    assert len({lane_of(record(1, f"{n}"), 10) for n in range(200)}) == 10


def test_records_without_a_key_are_spread_by_their_position() -> None:
    lanes = [lane_of(record(n), 4) for n in range(100)]
    assert set(lanes) == {0, 1, 2, 3}
    assert lanes == [lane_of(record(n), 4) for n in range(100)]


def test_one_lane_is_everybodys() -> None:
    assert lane_of(record(1, "a"), 1) == 0


def test_only_lanes_that_are_ahead_are_marked_together_with_where_reading_would_go_on() -> None:
    assert ahead(record(100), ["99", "105", ""]) == {"from": "100", "1/3": "105"}
    assert ahead(record(100), ["99", "", "3"]) == {}
    assert ahead(None, ["99", "105", ""]) == {}


def test_positions_are_compared_as_numbers() -> None:
    assert ahead(record(100), ["99", "1000"]) == {"from": "100", "1/2": "1000"}


def test_numbers_within_a_position_are_compared_one_after_the_other() -> None:
    assert ahead(record("99.2"), ["99.10"]) == {"from": "99.2", "0/1": "99.10"}
    done = Done({"0/1": "99.10"}, 1)
    assert record("99.9") in done
    assert record("99") in done
    assert record("99.11") not in done
    assert record("100") not in done
    assert not done.over(record("99.3"))


@pytest.mark.parametrize("position", ["abc", "", "1,2", "1..2", "-1", "\uff11"])
def test_positions_that_cannot_be_compared_have_no_marks(position: str) -> None:
    assert ahead(record(position), ["5"]) == {}
    assert ahead(record("5"), [position]) == {}
    assert record(position) not in Done({"0/1": "7"}, 1)
    assert Done({"0/1": position}, 1).over(record("0"))


def test_a_restart_passes_over_what_a_lane_has_done() -> None:
    done = Done({"from": "10", "1/3": "15", "2/3": "12"}, LANES)
    assert record(15, key_of(1)) in done
    assert record(16, key_of(1)) not in done
    assert record(12, key_of(2)) in done
    assert record(13, key_of(2)) not in done
    assert record(10, key_of(0)) not in done
    assert not done.over(record(15))
    assert done.over(record(16))


def test_a_mark_whose_record_was_trimmed_hides_nothing_behind_it() -> None:
    done = Done({"from": "10", "1/3": "15"}, LANES)
    assert done.over(record(4000))
    assert record(4000, key_of(1)) not in done


def test_another_number_of_lanes_has_other_marks() -> None:
    assert record(10, "a") not in Done({"from": "10", "0/2": "15", "1/2": "15"}, LANES)


def test_marks_hold_unless_reading_was_moved_back() -> None:
    marks = {"from": "10", "0/1": "15"}
    assert hold(marks, record(10))
    assert hold(marks, record(12))
    assert not hold(marks, record(9))
    assert not hold(marks, record("abc"))
    assert hold({}, record(1))
    assert hold({"window": "{}"}, record("abc"))
