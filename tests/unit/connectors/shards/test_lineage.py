from __future__ import annotations

import pytest

from connectors.shards import lineage
from connectors.shards.lineage import Shard
from connectors.shards.positions import END, furthest, is_later, moment_of, since

OLD = Shard("old", closed=True)
SPLIT = [OLD, Shard("left", ("old",)), Shard("right", ("old",))]
MERGED = [Shard("a", closed=True), Shard("b", closed=True), Shard("both", ("a", "b"))]


def test_children_wait_for_their_parent() -> None:
    assert lineage.readable(SPLIT, {}) == ["old"]
    assert lineage.readable(SPLIT, {"old": "17"}) == ["old"]
    assert lineage.readable(SPLIT, {"old": END}) == ["left", "right"]


def test_a_merged_shard_waits_for_both_parents() -> None:
    assert lineage.readable(MERGED, {"a": END}) == ["b"]
    assert lineage.readable(MERGED, {"a": END, "b": END}) == ["both"]


def test_grandchildren_wait_too() -> None:
    line = [Shard("one", closed=True), Shard("two", ("one",), closed=True), Shard("three", ("two",))]
    assert lineage.readable(line, {}) == ["one"]
    assert lineage.readable(line, {"one": "5", "three": "7"}) == ["one"]  # rewound: order holds all the same


def test_a_parent_that_is_no_longer_listed_is_finished() -> None:
    assert lineage.readable(SPLIT[1:], {}) == ["left", "right"]


def test_a_shard_is_passed_over_when_reading_began_behind_it() -> None:
    assert lineage.readable(SPLIT, {"left": "3"}) == ["left", "right"]


def test_a_shard_at_its_end_is_not_read_again() -> None:
    assert lineage.readable([OLD], {"old": END}) == []


def test_latest_begins_with_the_open_shards_once() -> None:
    assert lineage.beginning(SPLIT, {}, "LATEST") == ["left", "right"]
    assert lineage.beginning(SPLIT, {"left": "3"}, "LATEST") == []
    assert lineage.beginning(SPLIT, {"gone by now": "3"}, "LATEST") == [], "what came since is not skipped"
    assert lineage.beginning(SPLIT, {}, "TRIM_HORIZON") == []


def test_latest_begins_with_a_closed_shard_whose_children_are_not_listed_yet() -> None:
    """Just split or rolled over; or its server closes shards in name only. What is in it by now is not what comes next."""
    assert lineage.beginning([Shard("old", closed=True)], {}, "LATEST") == ["old"]


def test_a_shard_may_be_told_to_begin_at_latest() -> None:
    assert lineage.beginning(SPLIT, {"old": "LATEST"}, "TRIM_HORIZON") == ["old"]


def test_positions_of_shards_that_are_gone_are_forgotten() -> None:
    assert lineage.forgotten(SPLIT[1:], {"old": END, "left": "3"}) == ["old"]


def test_children_are_expected_until_they_are_listed() -> None:
    assert lineage.expects_children([OLD], {"old": END})
    assert not lineage.expects_children(SPLIT, {"old": END})
    assert not lineage.expects_children([OLD], {"old": "3"})


@pytest.mark.parametrize(
    ("position", "than"),
    [
        ("TRIM_HORIZON", None),
        ("9", "TRIM_HORIZON"),
        ("9", "AT_TIMESTAMP 1700000000.0"),
        ("10", "9"),
        ("49680540394400169974911859680102907650192314050161934338", "9"),
        (END, "49680540394400169974911859680102907650192314050161934338"),
    ],
)
def test_positions_have_an_order(position: str, than: str | None) -> None:
    assert is_later(position, than)
    assert not is_later(position, position)
    if than is not None:
        assert not is_later(than, position)
        assert furthest([position, than]) == position


def test_a_moment_is_kept_exactly() -> None:
    assert moment_of(since(1795576451.789)) == 1795576451.789
    assert moment_of("TRIM_HORIZON") is None
    assert moment_of("17") is None
