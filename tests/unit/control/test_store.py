"""The state file: numbers that are never given twice, and a sentence when it cannot serve."""

from __future__ import annotations

import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from poller.control import store
from poller.control.state import Published, Version
from poller.control.store import FILE, StoreError


def never(_: Version) -> bool:
    return False


def publish(state: Path, function: str = "orders", code: str = "a") -> int:
    with store.opened(state) as opened:
        return opened.publish(function, {"code": code}, "", never)[0].number


def delete(state: Path, number: int) -> bool:
    with store.opened(state) as opened:
        return opened.delete("orders", number)


def test_each_function_counts_from_one(tmp_path: Path) -> None:
    assert [publish(tmp_path), publish(tmp_path), publish(tmp_path, "mail"), publish(tmp_path)] == [1, 2, 1, 3]


def test_what_was_published_is_read_back(tmp_path: Path) -> None:
    with store.opened(tmp_path) as opened:
        version, new = opened.publish("orders", {"code": "é", "layers": ["x"]}, "first", never)
    assert new
    assert (version.number, version.description, version.code) == (1, "first", "é")
    assert store.published(tmp_path) == Published((version,))
    assert store.published(tmp_path).of("orders") == {1: version}
    assert store.published(tmp_path).of("mail") == {}


def test_an_unchanged_function_keeps_its_newest_version(tmp_path: Path) -> None:
    publish(tmp_path)
    asked = []

    def unchanged(newest: Version) -> bool:
        asked.append(newest.number)
        return True

    publish(tmp_path, code="b")
    with store.opened(tmp_path) as opened:
        version, new = opened.publish("orders", {"code": "b"}, "", unchanged)
    assert (version.number, new, asked) == (2, False, [2])


@pytest.mark.parametrize("deleted", [[2], [1, 2]])
def test_a_deleted_number_is_not_given_again(tmp_path: Path, deleted: list[int]) -> None:
    publish(tmp_path), publish(tmp_path)
    assert all(delete(tmp_path, number) for number in deleted)
    assert not delete(tmp_path, 2)
    assert publish(tmp_path) == 3


def test_reading_makes_no_file(tmp_path: Path) -> None:
    assert store.published(tmp_path / "state") == Published()
    assert not (tmp_path / "state").exists()


def test_the_file_is_for_its_owner_only(tmp_path: Path) -> None:
    publish(tmp_path)
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600


def test_a_change_that_fails_is_not_made(tmp_path: Path) -> None:
    def fail(_: Version) -> bool:
        raise ZeroDivisionError

    publish(tmp_path)
    with store.opened(tmp_path) as opened:
        with pytest.raises(ZeroDivisionError):
            opened.publish("orders", {"code": "b"}, "", fail)
        assert opened.publish("orders", {"code": "b"}, "", never)[0].number == 2


def test_two_who_publish_at_once_get_two_numbers(tmp_path: Path) -> None:
    publish(tmp_path)
    with store.opened(tmp_path) as one, store.opened(tmp_path) as other:
        assert one.publish("orders", {"code": "b"}, "", never)[0].number == 2
        assert other.publish("orders", {"code": "c"}, "", never)[0].number == 3
        assert [version.number for version in one.published().versions] == [1, 2, 3]


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"no database at all, but long enough to be looked at" * 100)
    with pytest.raises(StoreError, match=rf"{FILE} cannot be used: file is not a database"):
        store.published(tmp_path)


def test_a_file_of_a_newer_pollerd_is_left_alone(tmp_path: Path) -> None:
    publish(tmp_path)
    connection = sqlite3.connect(tmp_path / FILE)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreError, match="newer pollerd"):
        publish(tmp_path)


def test_a_state_folder_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "state").touch()
    with pytest.raises(StoreError, match="cannot be used: File exists"):
        publish(tmp_path / "state")


FIRST_LAYOUT = """
CREATE TABLE functions (name TEXT PRIMARY KEY, last_number INTEGER NOT NULL) STRICT;
CREATE TABLE versions (
    function TEXT NOT NULL REFERENCES functions (name), number INTEGER NOT NULL, configuration TEXT NOT NULL,
    description TEXT NOT NULL, created TEXT NOT NULL, PRIMARY KEY (function, number)
) STRICT;
INSERT INTO functions VALUES ('orders', 7);
INSERT INTO versions VALUES ('orders', 7, '{"code": "abc"}', 'seventh', '2026-11-24T10:00:00.000Z');
PRAGMA user_version = 1;
"""
"""As written by the first version that had a state file."""


def test_a_file_of_the_first_layout_is_brought_up_in_place(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        connection.executescript(FIRST_LAYOUT)
    [version] = store.published(tmp_path).versions
    assert (version.number, version.description, version.code) == (7, "seventh", "abc")
    assert publish(tmp_path) == 8
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (store.LAYOUT,)
        upgraded = connection.execute("SELECT name, sql FROM sqlite_schema ORDER BY name").fetchall()
    publish(tmp_path / "new")
    with closing(sqlite3.connect(tmp_path / "new" / FILE)) as connection:
        new = connection.execute("SELECT name FROM sqlite_schema ORDER BY name").fetchall()
    assert [name for name, _ in upgraded] == [name for (name,) in new]


def test_an_upgrade_that_is_cut_leaves_the_first_layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        connection.executescript(FIRST_LAYOUT)
    monkeypatch.setattr(store, "_LAYOUTS", ("", "CREATE TABLE half (a);\nCREATE TABLE half (a);\n"))
    with pytest.raises(StoreError, match="half already exists"):
        store.published(tmp_path)
    monkeypatch.undo()
    assert [version.number for version in store.published(tmp_path).versions] == [7]
