"""Bytes as they come are lines, whole and in order, and none is longer than one log event may be."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from poller.execution.logs.lines import MAX_LINE, Lines


def fed(*chunks: bytes) -> list[bytes]:
    lines = Lines()
    found = [line for chunk in chunks for line in lines.feed(chunk)]
    return [*found, rest] if (rest := lines.rest()) else found


def test_a_line_comes_with_its_end_and_the_last_one_when_all_is_over() -> None:
    lines = Lines()
    assert list(lines.feed(b"one\ntw")) == [b"one"]
    assert list(lines.feed(b"o\n\nthree")) == [b"two", b""]
    assert (lines.rest(), lines.rest()) == (b"three", b"")


def test_the_longest_line_stays_whole_and_a_longer_one_is_split() -> None:
    longest = b"x" * MAX_LINE
    assert fed(longest + b"\n") == [longest]
    assert fed(longest, b"\n") == [longest]
    assert fed(longest + b"y\nz\n") == [longest, b"y", b"z"]
    assert fed(longest, b"y", b"\nz\n") == [longest, b"y", b"z"]


def test_a_character_is_not_split() -> None:
    assert fed(b"x" * (MAX_LINE - 1) + "€uro\n".encode()) == [b"x" * (MAX_LINE - 1), "€uro".encode()]
    junk = b"\x80" * (MAX_LINE + 1)
    assert fed(junk) == [junk[:MAX_LINE], junk[MAX_LINE:]]


@given(st.lists(st.binary(max_size=40)), st.binary(max_size=40))
def test_however_the_bytes_come_the_lines_are_the_same(chunks: list[bytes], last: bytes) -> None:
    whole = b"".join([*chunks, last])
    expected = whole.split(b"\n")
    assert fed(*chunks, last) == (expected if expected[-1] else expected[:-1])
