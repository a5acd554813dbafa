from __future__ import annotations

import pytest

from connectors import shards
from connectors.shards import END, Shard

OLD = Shard("old", closed=True)
SPLIT = [OLD, Shard("left", ("old",)), Shard("right", ("old",))]
MERGED = [Shard("a", closed=True), Shard("b", closed=True), Shard("both", ("a", "b"))]


def test_children_wait_for_their_parent() -> None:
    assert shards.readable(SPLIT, {}) == ["old"]
    assert shards.readable(SPLIT, {"old": "17"}) == ["old"]
    assert shards.readable(SPLIT, {"old": END}) == ["left", "right"]


def test_a_merged_shard_waits_for_both_parents() -> None:
    assert shards.readable(MERGED, {"a": END}) == ["b"]
    assert shards.readable(MERGED, {"a": END, "b": END}) == ["both"]


def test_grandchildren_wait_too() -> None:
    line = [Shard("one", closed=True), Shard("two", ("one",), closed=True), Shard("three", ("two",))]
    assert shards.readable(line, {}) == ["one"]
    assert shards.readable(line, {"one": "5", "three": "7"}) == ["one"]  # rewound: order holds all the same


def test_a_parent_that_is_no_longer_listed_is_finished() -> None:
    assert shards.readable(SPLIT[1:], {}) == ["left", "right"]


def test_a_shard_is_passed_over_when_reading_began_behind_it() -> None:
    assert shards.readable(SPLIT, {"left": "3"}) == ["left", "right"]


def test_a_shard_at_its_end_is_not_read_again() -> None:
    assert shards.readable([OLD], {"old": END}) == []


def test_latest_begins_with_the_open_shards_once() -> None:
    assert shards.beginning(SPLIT, {}, "LATEST") == ["left", "right"]
    assert shards.beginning(SPLIT, {"left": "3"}, "LATEST") == []
    assert shards.beginning(SPLIT, {"gone by now": "3"}, "LATEST") == [], "what came since is not skipped"
    assert shards.beginning(SPLIT, {}, "TRIM_HORIZON") == []


def test_a_shard_may_be_told_to_begin_at_latest() -> None:
    assert shards.beginning(SPLIT, {"old": "LATEST"}, "TRIM_HORIZON") == ["old"]


def test_positions_of_shards_that_are_gone_are_forgotten() -> None:
    assert shards.forgotten(SPLIT[1:], {"old": END, "left": "3"}) == ["old"]


def test_children_are_expected_until_they_are_listed() -> None:
    assert shards.expects_children([OLD], {"old": END})
    assert not shards.expects_children(SPLIT, {"old": END})
    assert not shards.expects_children([OLD], {"old": "3"})


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
    assert shards.is_later(position, than)
    assert not shards.is_later(position, position)
    if than is not None:
        assert not shards.is_later(than, position)
        assert shards.furthest([position, than]) == position


def test_a_moment_is_kept_exactly() -> None:
    assert shards.moment_of(shards.since(1795576451.789)) == 1795576451.789
    assert shards.moment_of("TRIM_HORIZON") is None
    assert shards.moment_of("17") is None
