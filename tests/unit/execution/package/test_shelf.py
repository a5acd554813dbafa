"""Folders by content: there as a whole or not at all, whoever builds, dies or clears up at the same time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from poller.execution.package import shelf

NAME = "0" * 64


def build(folder: Path, name: str = NAME, text: str = "x") -> Path:
    with shelf.beside(folder) as building:
        (building / "file").write_text(text)
        return shelf.place(building, folder, name)


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock")


def test_what_was_placed_is_found_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "code"
    assert shelf.find(folder, NAME) is None
    assert build(folder) == shelf.find(folder, NAME) == folder / NAME
    assert (folder / NAME).stat().st_mode & 0o777 == 0o755
    assert left(folder) == [NAME]


def test_what_failed_half_way_leaves_nothing(tmp_path: Path) -> None:
    def interrupted() -> None:
        with shelf.beside(tmp_path / "code") as building:
            (building / "file").touch()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert left(tmp_path / "code") == []


def test_who_comes_second_throws_his_own_away(tmp_path: Path) -> None:
    first = build(tmp_path / "code", text="first")
    assert build(tmp_path / "code", text="second") == first
    assert (first / "file").read_text() == "first"
    assert left(tmp_path / "code") == [NAME]


def test_many_at_once_build_one(tmp_path: Path) -> None:
    threads = [threading.Thread(target=build, args=(tmp_path / "code",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert left(tmp_path / "code") == [NAME]


def test_a_place_that_cannot_be_taken_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / NAME).touch()
    with pytest.raises(OSError, match="Not a directory"):
        build(tmp_path / "code")
    assert left(tmp_path / "code") == [NAME]


def test_what_nobody_uses_is_collected_from_every_shelf(tmp_path: Path) -> None:
    for kind in shelf.SHELVES:
        build(tmp_path / kind, f"{kind}-used")
        build(tmp_path / kind, f"{kind}-unused")
    (tmp_path / "tmp" / "environment").mkdir(parents=True)
    used = {f"{kind}-used" for kind in shelf.SHELVES}
    removed = shelf.collect(tmp_path, used, idle_seconds=0)
    assert removed == [tmp_path / kind / f"{kind}-unused" for kind in shelf.SHELVES]
    assert [left(tmp_path / kind) for kind in shelf.SHELVES] == [[f"{kind}-used"] for kind in shelf.SHELVES]
    assert (tmp_path / "tmp" / "environment").is_dir()
    assert shelf.collect(tmp_path, used, idle_seconds=0) == []


def test_what_was_just_found_stays_though_nobody_says_that_he_uses_it(tmp_path: Path) -> None:
    folder = build(tmp_path / "code")
    os.utime(folder, (0, 0))
    assert shelf.find(tmp_path / "code", NAME)
    assert shelf.collect(tmp_path, ()) == []
    os.utime(folder, (0, 0))
    assert shelf.collect(tmp_path, ()) == [folder]


def test_what_is_being_built_stays(tmp_path: Path) -> None:
    with shelf.beside(tmp_path / "code") as building:
        (building / "file").touch()
        assert shelf.collect(tmp_path, (), idle_seconds=0) == []
        shelf.place(building, tmp_path / "code", NAME)
    assert shelf.find(tmp_path / "code", NAME)


def test_a_state_folder_without_shelves_has_nothing_to_collect(tmp_path: Path) -> None:
    assert shelf.collect(tmp_path, ()) == []


def test_what_a_killed_daemon_left_half_built_is_collected(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from poller.execution.package import shelf\n"
        "with shelf.beside(Path(sys.argv[1])) as building:\n"
        "    (building / 'half').touch(); print('built', flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "code")], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"built\n"
        assert shelf.collect(tmp_path, (), idle_seconds=0) == []  # it lives
        process.send_signal(signal.SIGKILL)
    assert len(left(tmp_path / "code")) == 1
    assert shelf.find(tmp_path / "code", NAME) is None
    assert len(shelf.collect(tmp_path, ())) == 1
    assert left(tmp_path / "code") == []


def test_no_descriptor_is_left(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    build(tmp_path / "code")
    shelf.find(tmp_path / "code", NAME)
    shelf.collect(tmp_path, (), idle_seconds=0)
    assert len(os.listdir("/proc/self/fd")) == before
