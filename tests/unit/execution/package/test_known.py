"""A package is read again exactly when its .zip could be another one."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from poller.execution.package import known
from poller.execution.package.known import SETTLED_SECONDS, Fingerprints
from poller.execution.package.snapshot import Fingerprint, fingerprint
from poller.settings.package import PackageError


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """A folder that nobody has written to lately, as far as the tests' clock tells."""
    folder = tmp_path / "code"
    (folder / "lib").mkdir(parents=True)
    (folder / "app.py").write_text("one")
    (folder / "link").symlink_to("app.py")
    return folder


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """What was read."""
    found: list[Path] = []

    def counted(code: Path) -> Fingerprint:
        found.append(code)
        return fingerprint(code)

    monkeypatch.setattr(known, "fingerprint", counted)
    return found


def later() -> float:
    return time.time() + SETTLED_SECONDS + 1


def test_what_nobody_has_written_to_is_read_once(code: Path, read: list[Path]) -> None:
    fingerprints = Fingerprints(later)
    assert {fingerprints.of(code) for _ in range(3)} == {fingerprint(code)}
    assert read == [code]


def test_what_was_written_a_moment_ago_is_read_again(code: Path, read: list[Path]) -> None:
    written = code.stat().st_ctime
    fingerprints = Fingerprints(lambda: written + SETTLED_SECONDS / 2)
    fingerprints.of(code)
    fingerprints.of(code)
    assert read == [code, code]


def _rewrite_unseen(code: Path) -> None:
    """Of the same size, with its old time."""
    before = (code / "app.py").stat()
    (code / "app.py").write_text("two")
    os.utime(code / "app.py", ns=(before.st_atime_ns, before.st_mtime_ns))


def _point_elsewhere(code: Path) -> None:
    (code / "link").unlink()
    (code / "link").symlink_to("lib")


CHANGES: list[Callable[[Path], object]] = [
    _rewrite_unseen,
    _point_elsewhere,
    lambda code: (code / "empty").mkdir(),
    lambda code: (code / "app.py").chmod(0o755),
    lambda code: (code / "app.py").rename(code / "lib" / "app.py"),
    lambda code: (code / "__pycache__").mkdir(),
]


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_makes_another_zip_is_seen(code: Path, change: Callable[[Path], object]) -> None:
    fingerprints = Fingerprints(later)
    before = fingerprints.of(code)
    change(code)
    assert fingerprints.of(code) == fingerprint(code) != before


def test_a_link_to_the_whole_is_followed(code: Path, tmp_path: Path) -> None:
    other, current = tmp_path / "other", tmp_path / "current"
    other.mkdir()
    current.symlink_to(code)
    fingerprints = Fingerprints(later)
    assert fingerprints.of(current) == fingerprint(code)
    current.unlink()
    current.symlink_to(other)
    assert fingerprints.of(current) == fingerprint(other)


def test_a_zip_is_read_once_and_again_when_it_is_another(tmp_path: Path, read: list[Path]) -> None:
    code = tmp_path / "code.zip"
    code.write_bytes(b"one")
    fingerprints = Fingerprints(later)
    assert fingerprints.of(code) == fingerprints.of(code)
    (tmp_path / "beside").write_bytes(b"two")
    (tmp_path / "beside").replace(code)
    assert fingerprints.of(code) == fingerprint(code)
    assert read == [code, code]


def test_what_is_gone_is_missed(code: Path, tmp_path: Path) -> None:
    fingerprints = Fingerprints(later)
    fingerprints.of(code)
    code.rename(tmp_path / "away")
    with pytest.raises(PackageError, match="there is no"):
        fingerprints.of(code)
