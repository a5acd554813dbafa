"""The state folder's token: one for all who ask, for its owner only."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from poller.control.token import FILE, token


def test_it_stays_the_same_and_is_for_its_owner_only(tmp_path: Path) -> None:
    state = tmp_path / "state"
    first = token(state)
    assert len(first) >= 32
    assert token(state) == first
    assert stat.S_IMODE((state / FILE).stat().st_mode) == 0o600
    assert [file.name for file in state.iterdir()] == [FILE]


def test_two_folders_have_two(tmp_path: Path) -> None:
    assert token(tmp_path / "a") != token(tmp_path / "b")


def test_who_is_slower_takes_the_other_s(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(lambda _: token(tmp_path), range(32)))) == 1
