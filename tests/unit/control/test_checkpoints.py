"""Checkpoints over the state file: together, in order, all or none, by one process, and never on the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from connectors.contract import Checkpoints, SourceError
from poller.control import positions, store, writer
from poller.control.checkpoints import CheckpointStore, StoredCheckpoints
from poller.control.positions import Held, Start
from poller.observe.events import Fact, PositionMoved, PositionsSaved

LONG_AGO = Start("AT_TIMESTAMP", 1_700_000_000.0)


@contextlib.asynccontextmanager
async def opened(
    state: Path, mapping: str = "clicks", patience: float = 5.0, told: Callable[[Fact], None] = lambda _: None
) -> AsyncIterator[StoredCheckpoints]:
    checkpoints = CheckpointStore(state, told, patience)
    try:
        async with checkpoints.taken(mapping) as taken:
            yield taken
    finally:
        await checkpoints.close()


def on_disk(state: Path, mapping: str = "clicks") -> Held:
    return positions.known(state, mapping)


async def test_they_are_what_sources_ask_for(tmp_path: Path) -> None:
    async with opened(tmp_path) as taken:
        asked: Checkpoints = taken
        assert asked.positions() == {}


async def test_what_was_told_is_there_after_a_restart(tmp_path: Path) -> None:
    async with opened(tmp_path) as taken:
        await taken.save({"a": "1", "b": "2"})
        await taken.save({"a": "3"})
        await taken.mark({"a": {"0/2": "5", "1/2": "4"}, "b": {"0/2": "9"}})
        assert taken.positions() == {"a": "3", "b": "2"}
        assert on_disk(tmp_path) == Held({"a": "3", "b": "2"}, {"a": {"0/2": "5", "1/2": "4"}, "b": {"0/2": "9"}})
    async with opened(tmp_path) as again:
        assert again.positions() == {"a": "3", "b": "2"}
        assert again.marks() == {"a": {"0/2": "5", "1/2": "4"}, "b": {"0/2": "9"}}


async def test_marks_replace_those_of_their_partition_and_no_others(tmp_path: Path) -> None:
    async with opened(tmp_path) as taken:
        await taken.mark({"a": {"0/2": "5", "1/2": "4"}, "b": {"0/2": "9"}})
        await taken.mark({"a": {"1/3": "6"}, "b": {}})
        assert taken.marks() == on_disk(tmp_path).marks == {"a": {"1/3": "6"}}


async def test_mappings_know_nothing_of_each_other(tmp_path: Path) -> None:
    checkpoints = CheckpointStore(tmp_path, lambda _: None)
    async with checkpoints.taken("one") as one, checkpoints.taken("other") as other:
        await asyncio.gather(one.save({"a": "1"}), other.save({"a": "2"}), other.mark({"a": {"0/1": "3"}}))
        assert (one.positions(), one.marks()) == ({"a": "1"}, {})
        await one.move("a", None, "gone")
        assert (other.positions(), other.marks()) == ({"a": "2"}, {"a": {"0/1": "3"}})
    await checkpoints.close()


async def test_what_gathers_is_written_together_and_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    transactions = []
    transaction = writer.transaction

    def counted(connection: sqlite3.Connection, steps: list[writer.Step[Any]]) -> list[Any]:
        transactions.append(len(steps))
        return transaction(connection, steps)

    monkeypatch.setattr(writer, "transaction", counted)
    async with opened(tmp_path) as taken:
        await asyncio.gather(*(taken.save({"a": str(number)}) for number in range(100)))
        assert taken.positions() == on_disk(tmp_path).positions == {"a": "99"}
    assert transactions == [1, 99]


async def test_a_jump_forgets_marks_and_is_logged_and_told(tmp_path: Path) -> None:
    told: list[Fact] = []
    async with opened(tmp_path, told=told.append) as taken:
        await taken.save({"a": "1", "b": "2"})
        await taken.mark({"a": {"0/2": "5"}, "b": {"0/2": "6"}})
        await taken.move("a", "7", "trimmed")
        await taken.move("b", None, "the shard is gone")
        assert (taken.positions(), taken.marks()) == ({"a": "7"}, {})
        assert on_disk(tmp_path) == Held({"a": "7"}, {})
    logged = [
        (line.who, line.partition, line.before, line.after, line.why) for line in positions.log(tmp_path, "clicks")
    ]
    assert logged == [
        ("pollerd", "a", "1", "7", "trimmed"),
        ("pollerd", "b", "2", None, "the shard is gone"),
    ]
    assert told == [
        PositionsSaved(mapping="clicks", count=2),
        PositionMoved(mapping="clicks", partition="a", before="1", after="7", who="pollerd", why="trimmed"),
        PositionMoved(mapping="clicks", partition="b", before="2", after="", who="pollerd", why="the shard is gone"),
    ]


async def test_an_operator_sends_all_partitions_to_a_start(tmp_path: Path) -> None:
    async with opened(tmp_path) as taken:
        await taken.save({"a": "1"})
        await taken.mark({"b": {"0/2": "6"}})
        await taken.restart(LONG_AGO, who="ann", why="lost a table")
        assert (taken.positions(), taken.marks(), taken.start) == ({}, {}, LONG_AGO)
        assert on_disk(tmp_path) == Held({}, {}, LONG_AGO)
    async with opened(tmp_path) as again:
        assert again.start == LONG_AGO
    after = "AT_TIMESTAMP 2023-11-14T22:13:20Z"
    lines = [(line.who, line.partition, line.before, line.after) for line in positions.log(tmp_path, "clicks")]
    assert lines == [("ann", "a", "1", after), ("ann", "b", None, after)]


async def test_an_operator_sends_one_partition_to_a_position(tmp_path: Path) -> None:
    async with opened(tmp_path) as taken:
        await taken.save({"a": "1", "b": "2"})
        await taken.send("b", "1", who="ann", why="")
        assert taken.positions() == on_disk(tmp_path).positions == {"a": "1", "b": "1"}
        assert taken.start is None


async def test_an_operator_sends_one_partition_to_a_start(tmp_path: Path) -> None:
    async with opened(tmp_path) as taken:
        await taken.save({"a": "1", "b": "2"})
        await taken.send("b", LONG_AGO, who="ann", why="")
        assert taken.positions() == on_disk(tmp_path).positions == {"a": "1", "b": "AT_TIMESTAMP 1700000000.0"}
        assert taken.start is None
    [line] = positions.log(tmp_path, "clicks")
    assert (line.before, line.after) == ("2", "AT_TIMESTAMP 2023-11-14T22:13:20Z")


async def test_what_a_server_was_asked_is_logged_and_no_position_kept(tmp_path: Path) -> None:
    async with opened(tmp_path) as taken:
        await taken.mark({"t-0": {"0/2": "50"}, "t-1": {"1/2": "9"}, "t-2": {"1/2": "8"}})
        await taken.note({"t-0": "41", "t-1": "7"}, everywhere=False, who="ann", why="again")
        assert taken.positions() == on_disk(tmp_path).positions == {}
        assert taken.marks() == on_disk(tmp_path).marks == {"t-2": {"1/2": "8"}}
        await taken.note({}, everywhere=True, who="ann", why="again")
        assert taken.marks() == on_disk(tmp_path).marks == {}
    logged = [
        (line.who, line.partition, line.before, line.after, line.why) for line in positions.log(tmp_path, "clicks")
    ]
    assert logged == [("ann", "t-0", None, "41", "again"), ("ann", "t-1", None, "7", "again")]


async def test_a_start_before_anything_was_read_is_logged_for_all(tmp_path: Path) -> None:
    async with opened(tmp_path) as taken:
        await taken.restart(Start("LATEST"), who="ann", why="")
    [line] = positions.log(tmp_path, "clicks")
    assert (line.partition, line.before, line.after) == (positions.EVERY, None, "LATEST")


async def test_a_file_that_another_process_writes_is_waited_for_and_nothing_lost(tmp_path: Path) -> None:
    async with opened(tmp_path, patience=0.01) as taken:
        await taken.save({"a": "1"})
        other = sqlite3.connect(tmp_path / store.FILE, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(SourceError, match=r"positions cannot be kept: .*pollerd.sqlite3.*: database is locked"):
            await taken.save({"a": "2", "b": "1"})
        assert taken.positions() == {"a": "1"}
        other.execute("ROLLBACK")
        other.close()
        await taken.save({"a": "2", "b": "1"})
        assert taken.positions() == on_disk(tmp_path).positions == {"a": "2", "b": "1"}


async def test_a_full_disk_is_waited_for_and_nothing_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = True
    connect = store.connect

    def small(state: Path, patience: float = 5.0) -> sqlite3.Connection:
        connection = connect(state, patience)
        if full:
            connection.execute("PRAGMA max_page_count = 1")  # SQLite takes as many pages as there are
        return connection

    monkeypatch.setattr(store, "connect", small)
    many = {str(number): "9" * 1000 for number in range(100)}
    async with opened(tmp_path) as taken:
        await taken.save({"a": "1"})
        results = await asyncio.gather(taken.save(many), taken.mark({"a": {"0/1": "2"}}), return_exceptions=True)
        refused = [result for result in results if isinstance(result, SourceError)]
        assert refused
        assert "database or disk is full" in str(refused[0])
        assert taken.positions() == on_disk(tmp_path).positions == {"a": "1"}
        full = False
        with contextlib.suppress(SourceError):  # the last connection may still be the small one
            await taken.save(many)
        await taken.save(many)
        assert taken.positions() == on_disk(tmp_path).positions == {"a": "1"} | many
        assert taken.marks() == on_disk(tmp_path).marks


async def test_who_is_cancelled_has_told_nevertheless(tmp_path: Path) -> None:
    async with opened(tmp_path) as taken:
        await taken.save({"a": "1"})
        saving = asyncio.create_task(taken.save({"a": "2"}))
        await asyncio.sleep(0)
        saving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await saving
    assert on_disk(tmp_path).positions == {"a": "2"}


async def test_a_mapping_is_run_by_one_process(tmp_path: Path) -> None:
    async with opened(tmp_path):
        with pytest.raises(SourceError, match=r"process \d+ runs the mapping clicks with this state folder"):
            async with opened(tmp_path):
                raise AssertionError
        async with opened(tmp_path, "other") as other:
            await other.save({"a": "1"})
    async with opened(tmp_path) as after:
        assert after.positions() == {}


async def test_a_state_folder_that_is_none_is_said(tmp_path: Path) -> None:
    (tmp_path / "state").touch()
    with pytest.raises(SourceError, match=r"File exists|Not a directory"):
        async with opened(tmp_path / "state"):
            raise AssertionError


def test_nothing_is_known_where_there_is_no_file(tmp_path: Path) -> None:
    assert positions.known(tmp_path / "state", "clicks") == Held()
    assert positions.log(tmp_path / "state", "clicks") == []
    assert not (tmp_path / "state").exists()
