"""Frames of the runtime clients' log channel, and whatever else may come through it."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poller.execution.logs.frames import LEVELS, Frame, Frames
from poller.execution.logs.lines import MAX_LINE

MICROSECONDS = 1_772_000_000_123_456
AT = MICROSECONDS / 1e6


def frame(message: bytes, *, kind: int = 0xA55A0003, length: int | None = None) -> bytes:
    return struct.pack(">IIQ", kind, len(message) if length is None else length, MICROSECONDS) + message


def old(message: bytes) -> bytes:
    return struct.pack(">II", 0xA55A0001, len(message)) + message


def fed(*chunks: bytes) -> list[Frame]:
    frames = Frames()
    return [frame for chunk in chunks for frame in frames.feed(chunk)] + list(frames.rest())


def test_a_record_of_several_lines_is_one() -> None:
    assert fed(frame(b"one\ntwo\n")) == [Frame(b"one\ntwo", "", AT)]


@pytest.mark.parametrize(("level", "text", "json"), [("", 3, 2), ("TRACE", 7, 6), ("DEBUG", 0xB, 0xA), ("INFO", 0xF, 0xE),
                                                     ("WARN", 0x13, 0x12), ("ERROR", 0x17, 0x16), ("FATAL", 0x1B, 0x1A)])  # fmt: skip
def test_the_level_is_in_the_kind(level: str, text: int, json: int) -> None:
    for low in (text, json):
        assert fed(frame(b"m", kind=0xA55A0000 | low)) == [Frame(b"m", level, AT)]


def test_an_old_frame_has_no_time() -> None:
    assert fed(old(b"a\nb"), frame(b"c")) == [Frame(b"a\nb"), Frame(b"c", "", AT)]


def test_an_empty_record_is_one() -> None:
    assert fed(frame(b""), frame(b"\n")) == [Frame(b"", "", AT)] * 2


def test_what_is_no_frame_becomes_lines_and_frames_go_on_after_it() -> None:
    assert fed(b"by hand\nand more", frame(b"x"), b"\xa5\x5a\x00\xff junk\n", frame(b"y")) == [
        Frame(b"by hand"), Frame(b"and more"), Frame(b"x", "", AT), Frame(b"\xa5\x5a\x00\xff junk"), Frame(b"y", "", AT),
    ]  # fmt: skip


def test_no_level_is_past_the_last() -> None:
    assert fed(frame(b"m", kind=0xA55A001F))[0].message.startswith(b"\xa5\x5a\x00\x1f")


def test_a_frame_that_was_cut_off_is_shown_as_far_as_it_came() -> None:
    frames = Frames()
    assert list(frames.feed(frame(b"half of", length=100))) == []
    assert list(frames.rest()) == [Frame(b"half of", "", AT)]
    assert list(frames.rest()) == []


def test_the_rest_of_a_frame_that_was_shown_early_is_a_record_and_the_next_frame_is_found() -> None:
    frames = Frames()
    whole = frame(b"first half, second half") + frame(b"next")
    assert list(frames.feed(whole[:27])) == []
    assert [one.message for one in frames.rest()] == [b"first half,"]
    assert [one.message for one in frames.feed(whole[27:])] == [b" second half", b"next"]


def test_a_new_process_begins_with_a_frame_of_its_own() -> None:
    frames = Frames()
    assert list(frames.feed(frame(b"", length=100) + frame(b"x")[:5])) == []
    frames.reset()
    assert [one.message for one in frames.feed(frame(b"new"))] == [b"new"]


def test_a_head_is_waited_for() -> None:
    frames = Frames()
    whole = frame(b"m")
    assert [list(frames.feed(whole[at : at + 1])) for at in range(len(whole) - 1)] == [[]] * (len(whole) - 1)
    assert list(frames.rest()) == []
    assert list(frames.feed(whole[-1:])) == [Frame(b"m", "", AT)]


def test_a_message_past_the_longest_line_comes_in_pieces_while_it_is_being_written() -> None:
    message = b"x" * (2 * MAX_LINE) + b"end"
    frames = Frames()
    assert [len(one.message) for one in frames.feed(frame(message)[: MAX_LINE + 100])] == [MAX_LINE]
    assert [one.message for one in frames.feed(frame(message)[MAX_LINE + 100 :])] == [b"x" * MAX_LINE, b"end"]


def test_junk_without_an_end_is_not_kept_for_ever() -> None:
    frames = Frames()
    assert [len(one.message) for one in frames.feed(b"x" * (MAX_LINE + 1))] == [MAX_LINE]
    assert [one.message for one in frames.rest()] == [b"x"]


_MESSAGES = st.lists(st.tuples(st.sampled_from(range(len(LEVELS))), st.binary(max_size=60)), max_size=6)


@given(_MESSAGES, st.lists(st.integers(min_value=1, max_value=30)))
def test_however_the_bytes_come_the_records_are_the_same(messages: list[tuple[int, bytes]], cuts: list[int]) -> None:
    whole = b"".join(frame(message, kind=0xA55A0003 | level << 2) for level, message in messages)
    chunks = []
    for cut in cuts:
        chunks.append(whole[:cut])
        whole = whole[cut:]
    assert fed(*chunks, whole) == [Frame(message.removesuffix(b"\n"), LEVELS[level], AT) for level, message in messages]


@given(st.lists(st.binary(max_size=60) | st.sampled_from([b"\xa5", b"\xa5\x5a\x00", frame(b"ok"), b"\n"])))
def test_junk_does_no_harm(chunks: list[bytes]) -> None:
    for one in fed(*chunks):
        assert len(one.message) <= MAX_LINE
