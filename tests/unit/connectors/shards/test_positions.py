"""The words for how far a shard is read, in order."""

from __future__ import annotations

from itertools import pairwise

from connectors.shards.positions import END, furthest, is_later, middle_of, moment_of

ROWS = [None, "TRIM_HORIZON", "9.0", "9.2", "9.10", "9", "10.0", "10", END]


def test_each_is_later_than_those_before_it_and_than_no_other() -> None:
    for one, next_ in pairwise(ROWS):
        assert next_ is not None
        assert is_later(next_, one)
        assert one is None or not is_later(one, next_)
        assert not is_later(next_, next_)
    assert furthest([row for row in reversed(ROWS) if row]) == END


def test_only_two_numbers_are_a_place_in_the_middle_of_a_record() -> None:
    assert middle_of("17.4") == "17"
    assert [middle_of(text) for text in ("17", "17.", ".4", "SHARD_END", "AT_TIMESTAMP 1700000000.5")] == [None] * 5
    assert moment_of("AT_TIMESTAMP 1700000000.5") == 1700000000.5
