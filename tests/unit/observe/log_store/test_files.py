"""The two sides of the file: what is written is found, in order, in pages; what is too old or too much goes; damage stays where it is."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poller.observe.log_store import (
    Bounds,
    LogEvent,
    LogReader,
    LogStoreError,
    MissingError,
    Page,
    Position,
    Range,
    Writer,
    position,
)
from poller.observe.log_store import pages as pages_module
from poller.observe.log_store.file import FILE
from tests.unit.observe.log_store.told import GROUP, NOON, PLENTY, at


@contextlib.contextmanager
def writing(state: Path, bounds: Bounds = PLENTY) -> Iterator[Writer]:
    with contextlib.closing(Writer(state, bounds)) as writer:
        yield writer


@contextlib.contextmanager
def reading(state: Path) -> Iterator[LogReader]:
    with contextlib.closing(LogReader(state)) as reader:
        yield reader


def texts(events: list[LogEvent]) -> list[str]:
    return [event.message.removesuffix("\n") for event in events]


def everything(reader: LogReader, *, newest_first: bool = False) -> list[LogEvent]:
    return reader.events(GROUP, Range(), newest_first=newest_first, limit=10**6).events


def test_a_place_is_56_digits_in_the_order_of_events() -> None:
    places = [Position(NOON, 1, 0), Position(NOON, 1, 1), Position(NOON, 2, 0), Position(NOON + 1, 1, 0)]
    assert sorted(place.id for place in places) == [place.id for place in places]
    assert {len(place.id) for place in places} == {56}
    assert [position(place.id) for place in places] == places
    for junk in ("", "x" * 56, "1" * 55, "²" * 56):
        with pytest.raises(ValueError, match="id"):
            position(junk)


def test_where_nothing_was_written_there_is_nothing_and_no_file_is_made(tmp_path: Path) -> None:
    with reading(tmp_path) as reader:
        assert reader.groups() == []
        with pytest.raises(MissingError, match="log group does not exist"):
            reader.streams(GROUP)
    assert not list(tmp_path.iterdir())


def test_streams_of_a_group_are_merged_by_time_and_each_keeps_its_order(tmp_path: Path) -> None:
    with writing(tmp_path) as writer, reading(tmp_path) as reader:
        writer.append(
            [at(0, "a1", stream="a"), at(5, "b1", stream="b"), at(5, "a2", stream="a"), at(9, "a3", stream="a")]
        )
        writer.append([at(9, "b2", stream="b"), at(12, "a4", stream="a"), at(12, "elsewhere", group="other")])
        assert texts(everything(reader)) == ["a1", "a2", "b1", "a3", "b2", "a4"]
        assert texts(everything(reader, newest_first=True)) == ["a4", "b2", "a3", "b1", "a2", "a1"]
        assert texts(reader.stream_events(GROUP, "a", Range(), newest_first=False, limit=9).events) == [
            "a1",
            "a2",
            "a3",
            "a4",
        ]
        within = Range(start=NOON + 5, end=NOON + 12)
        assert texts(reader.events(GROUP, within, limit=9).events) == ["a2", "b1", "a3", "b2"]
        assert texts(reader.events(GROUP, Range(), streams=["b"], limit=9).events) == ["b1", "b2"]
        assert texts(reader.events(GROUP, Range(), prefix="a", limit=9).events) == ["a1", "a2", "a3", "a4"]
        assert texts(reader.events(GROUP, Range(), matches=lambda text: "2" in text, limit=9).events) == ["a2", "b2"]
        with pytest.raises(MissingError, match="log stream does not exist"):
            reader.events(GROUP, Range(), streams=["c"], limit=9)


def test_a_clock_that_is_set_back_changes_no_order(tmp_path: Path) -> None:
    with writing(tmp_path) as writer, reading(tmp_path) as reader:
        writer.append([at(100, "first"), at(0, "second")])
        writer.append([at(50, "third")])
        assert texts(everything(reader)) == ["first", "second", "third"]


def test_groups_and_streams_are_listed_in_pages(tmp_path: Path) -> None:
    with writing(tmp_path) as writer, reading(tmp_path) as reader:
        writer.append([at(i, "x", group=f"/aws/lambda/f{i}") for i in range(3)] + [at(3, "x", group="other")])
        writer.append([at(10 + (7 * i) % 5, "x", stream=f"s{i}") for i in range(5)])
        assert [group.name for group in reader.groups(limit=2)] == ["/aws/lambda/f0", "/aws/lambda/f1"]
        assert [group.name for group in reader.groups(after="/aws/lambda/f1")] == ["/aws/lambda/f2", GROUP, "other"]
        assert [group.name for group in reader.groups(prefix="/aws/lambda/f", after="/aws/lambda/f1")] == [
            "/aws/lambda/f2"
        ]
        assert [group.name for group in reader.groups(infix="the")] == ["other"]
        names = [stream.name for stream in reader.streams(GROUP, limit=3)]
        assert names == ["s0", "s1", "s2"]
        assert [stream.name for stream in reader.streams(GROUP, after=(0, "s2"))] == ["s3", "s4"]
        assert [stream.name for stream in reader.streams(GROUP, descending=True)] == ["s4", "s3", "s2", "s1", "s0"]
        newest = reader.streams(GROUP, by_time=True, descending=True)
        assert [stream.last for stream in newest] == sorted((stream.last for stream in newest), reverse=True)
        assert (
            reader.streams(GROUP, by_time=True, descending=True, after=(newest[1].last, newest[1].name)) == newest[2:]
        )
        assert [stream.name for stream in reader.streams(GROUP, prefix="s3")] == ["s3"]


EVENTS = st.lists(
    st.tuples(st.integers(0, 6_000), st.sampled_from("abc"), st.sampled_from(["one", "two"])), min_size=1, max_size=40
)


@settings(max_examples=60, deadline=None)
@given(
    told=EVENTS,
    batches=st.integers(1, 5),
    limit=st.integers(1, 7),
    looked_at=st.integers(0, 10),
    newest_first=st.booleans(),
    only=st.booleans(),
)
def test_pages_together_are_what_one_page_would_be(
    tmp_path_factory: pytest.TempPathFactory,
    told: list[tuple[int, str, str]],
    batches: int,
    limit: int,
    looked_at: int,
    newest_first: bool,
    only: bool,
) -> None:
    told = sorted(told, key=lambda each: each[0])
    state = tmp_path_factory.mktemp("state")
    with writing(state) as writer, reading(state) as reader, mock.patch.object(pages_module, "LOOKED_AT", looked_at):
        for number in range(batches):
            writer.append(
                [
                    at(when, f"{text}{n}", stream=stream)
                    for n, (when, stream, text) in enumerate(told)
                    if n % batches == number
                ]
            )

        def page(wanted: Range) -> Page:
            matches = (lambda text: "one" in text) if only else None
            return reader.events(GROUP, wanted, matches=matches, newest_first=newest_first, limit=limit)

        found, wanted = [], Range()
        while True:
            got = page(wanted)
            found += got.events
            assert len(got.events) <= limit
            if got.reached is None:
                break
            wanted = Range(before=got.reached) if newest_first else Range(after=got.reached)
        pages_module.LOOKED_AT = 10**6
        whole = [event for event in everything(reader, newest_first=newest_first) if not only or "one" in event.message]
        assert found == whole
        assert [event.position for event in found] == sorted((event.position for event in found), reverse=newest_first)
        assert len(everything(reader)) == len(told)


def test_a_page_has_no_more_text_than_a_megabyte(tmp_path: Path) -> None:
    with writing(tmp_path) as writer, reading(tmp_path) as reader:
        writer.append([at(i, f"{i}" + "x" * 200_000) for i in range(8)])
        page = reader.events(GROUP, Range(), limit=100)
        assert len(page.events) == 5
        rest = reader.events(GROUP, Range(after=page.reached or Position(0, 0, 0)), limit=100)
        assert [text[:1] for text in texts(page.events + rest.events)] == list("01234567")


def test_what_is_too_old_goes_by_the_shorter_of_both_retentions(tmp_path: Path) -> None:
    day = 86_400_000
    with writing(tmp_path, Bounds(days=3, max_bytes=2**30)) as writer, reading(tmp_path) as reader:
        now = time.time_ns() // 1_000_000 - NOON
        writer.append([at(now - 4 * day, "too old"), at(now - 2 * day, "fine", stream="b")])
        assert texts(everything(reader)) == ["fine"]
        assert [stream.name for stream in reader.streams(GROUP)] == ["b"]
        assert writer.retain(GROUP, 1)
        writer.append([at(now, "new")])
        assert texts(everything(reader)) == ["new"]
        assert reader.groups()[0].retention_days == 1


def test_what_is_too_much_goes_oldest_first_and_the_file_stays_small(tmp_path: Path) -> None:
    limit = 2_000_000
    with writing(tmp_path, Bounds(days=36_500, max_bytes=limit)) as writer, reading(tmp_path) as reader:
        for number in range(60):
            noise = os.urandom(50_000).hex()
            writer.append([at(number, f"{number} {noise}", stream=f"s{number}")])
        left = [int(text.split()[0]) for text in texts(reader.events(GROUP, Range(), limit=1000).events)]
        assert left == list(range(left[0], left[0] + len(left)))
        names = {stream.name for stream in reader.streams(GROUP, limit=100)}
        assert "s59" in names
        assert "s0" not in names
    assert (tmp_path / FILE).stat().st_size < limit * 1.2


def test_a_damaged_chunk_costs_its_own_events_only(tmp_path: Path) -> None:
    with writing(tmp_path) as writer, reading(tmp_path) as reader:
        for number in range(3):
            writer.append([at(number, f"{number}")])
        with contextlib.closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as connection:
            connection.execute("UPDATE chunks SET events = substr(events, 1, 5) WHERE id = 2")
        assert texts(everything(reader)) == ["0", "2"]


def test_a_transaction_that_was_cut_short_is_not_there(tmp_path: Path) -> None:
    """As after a power failure: the newest pages of the write-ahead log are torn."""
    with writing(tmp_path) as writer:
        writer.append([at(0, "whole")])
        writer.append([at(1, "torn")])
        files = {suffix: (tmp_path / (FILE + suffix)).read_bytes() for suffix in ("", "-wal")}
    other = tmp_path / "other"
    other.mkdir()
    (other / FILE).write_bytes(files[""])
    (other / f"{FILE}-wal").write_bytes(files["-wal"][:-100])
    with reading(other) as reader:
        assert texts(everything(reader)) == ["whole"]


def test_what_is_no_store_is_said_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"not a database, and long enough to be looked at as if it were one" * 20)
    with writing(tmp_path) as writer, pytest.raises(LogStoreError, match=f"{FILE} cannot be used"):
        writer.append([at(0, "x")])


def test_a_store_of_another_layout_is_refused(tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / FILE)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with writing(tmp_path) as writer, pytest.raises(LogStoreError, match="layout 99"):
        writer.append([at(0, "x")])


def test_deleting_forgets_and_what_is_told_later_begins_anew(tmp_path: Path) -> None:
    with writing(tmp_path) as writer, reading(tmp_path) as reader:
        writer.append([at(0, "x", stream="a"), at(1, "y", stream="b")])
        assert writer.delete_stream(GROUP, "a")
        assert not writer.delete_stream(GROUP, "a")
        assert texts(everything(reader)) == ["y"]
        assert writer.delete_group(GROUP)
        assert not writer.delete_group(GROUP)
        assert reader.groups() == []
        writer.append([at(2, "z")])
        assert texts(everything(reader)) == ["z"]
        assert not writer.create_group(GROUP)
        assert writer.create_group("empty")
        assert texts(reader.events("empty", Range(), limit=1).events) == []


WRITER = """
import sys
from pathlib import Path
from poller.observe.log_store import Writer
from tests.unit.observe.log_store.told import PLENTY, at

writer = Writer(Path(sys.argv[1]), PLENTY)
for number in range(50):
    writer.append([at(number, f"{number}", stream=sys.argv[2])])
writer.close()
"""


def test_several_processes_write_one_store(tmp_path: Path) -> None:
    root = Path(__file__).parents[4]
    processes = [subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), name], cwd=root) for name in "abc"]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    with reading(tmp_path) as reader:
        for name in "abc":
            events = reader.stream_events(GROUP, name, Range(), newest_first=False, limit=100).events
            assert texts(events) == [str(number) for number in range(50)]
        places = [event.position for event in everything(reader)]
        assert len(set(places)) == 150
