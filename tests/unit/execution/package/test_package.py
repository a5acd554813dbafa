"""Packages and layers as functions see them: modes, links, sizes, what is refused; and copies that stay as they are."""

from __future__ import annotations

import base64
import errno
import hashlib
import os
import stat
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from poller.execution.package import resolve
from poller.execution.package.layers import merged
from poller.execution.package.snapshot import fingerprint, snapshot
from poller.settings import package
from poller.settings.package import PackageError, Room

REGULAR, LINK = stat.S_IFREG, stat.S_IFLNK


def archive(path: Path, *members: tuple[str, str, int], mode: str = "w") -> Path:
    """Write a .zip; a member is its name, its content and its mode as Unix has it, 0 for a packer that knows none."""
    with zipfile.ZipFile(path, "a" if mode == "a" else "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content, kind in members:
            entry = zipfile.ZipInfo(name)
            entry.external_attr = kind << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            opened.writestr(entry, content)
    return path


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def tree(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): f"-> {path.readlink()}" if path.is_symlink() else path.read_text()
        for path in root.rglob("*")
        if path.is_symlink() or path.is_file()
    }


@pytest.mark.parametrize(("given", "kept"), [
    (REGULAR | 0o644, 0o644), (REGULAR | 0o755, 0o755), (REGULAR | 0o600, 0o644), (REGULAR | 0o700, 0o755),
    (REGULAR | 0o4777, 0o755), (REGULAR, 0o644), (0, 0o644),
])  # fmt: skip
def test_files_are_readable_and_what_could_be_executed_can_be(tmp_path: Path, given: int, kept: int) -> None:
    before = os.umask(0o077)
    try:
        root = resolve(archive(tmp_path / "a.zip", ("lib/bootstrap", "", given)), tmp_path / "state")
    finally:
        os.umask(before)
    assert [mode(root), mode(root / "lib"), mode(root / "lib/bootstrap")] == [0o755, 0o755, kept]


def test_links_are_kept(tmp_path: Path) -> None:
    code = archive(tmp_path / "a.zip", ("current", "v1", LINK | 0o777), ("v1/app.py", "", 0), ("opt", "/opt/x", LINK))
    assert tree(resolve(code, tmp_path / "state")) == {"current": "-> v1", "opt": "-> /opt/x", "v1/app.py": ""}


def test_of_members_with_one_name_the_last_is_unpacked(tmp_path: Path) -> None:
    code = archive(tmp_path / "a.zip", ("a.py", "first", 0), ("b.py", "", 0))
    with warnings.catch_warnings(action="ignore"):
        archive(code, ("./a.py", "second", 0), mode="a")
    assert tree(resolve(code, tmp_path / "state")) == {"a.py": "second", "b.py": ""}


def test_folders_without_files_are_there(tmp_path: Path) -> None:
    assert (resolve(archive(tmp_path / "a.zip", ("empty/deep/", "", 0)), tmp_path / "state") / "empty/deep").is_dir()


@pytest.mark.parametrize("members", [
    [("lib", "/etc", LINK), ("lib/passwd", "x", 0)],
    [("../x", "x", 0)],
    [("lib", "..", LINK)],
    [("null", "", stat.S_IFCHR | 0o666)],
])  # fmt: skip
def test_what_is_refused_leaves_nothing(tmp_path: Path, members: Sequence[tuple[str, str, int]]) -> None:
    with pytest.raises(PackageError):
        resolve(archive(tmp_path / "a.zip", *members), tmp_path / "state")
    assert sorted(os.listdir(tmp_path)) == ["a.zip"]


def test_a_zip_that_unpacks_to_more_than_it_says_is_refused(tmp_path: Path) -> None:
    code = archive(tmp_path / "a.zip", ("a", "x" * 100_000, 0))
    content = code.read_bytes()
    code.write_bytes(content.replace((100_000).to_bytes(4, "little"), (10).to_bytes(4, "little")))
    with pytest.raises(PackageError, match="Bad CRC-32"):
        resolve(code, tmp_path / "state")
    assert list((tmp_path / "state/code").glob("*")) == [tmp_path / "state/code/.lock"]


def test_a_full_disk_has_its_sentence_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    folder = sample(tmp_path / "code")
    code = archive(tmp_path / "a.zip", ("a", "x", 0))
    monkeypatch.setattr(os, "fchmod", full)
    for unpack in (lambda: resolve(code, tmp_path / "state"), lambda: snapshot(folder, tmp_path / "state")):
        with pytest.raises(PackageError, match="state/code: No space left on device"):
            unpack()
    assert list((tmp_path / "state/code").glob("*")) == [tmp_path / "state/code/.lock"]


def test_package_and_layers_share_one_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "MOST_UNPACKED_BYTES", 30)
    code = archive(tmp_path / "a.zip", ("a", "x" * 10, 0))
    layers = [archive(tmp_path / f"{at}.zip", ("same", str(at) * 10, 0)) for at in range(3)]
    for _ in range(2):  # unpacked, then found
        room = Room()
        resolve(code, tmp_path / "state", room)
        assert merged(layers[:2], tmp_path / "state", room)
        with pytest.raises(PackageError, match="must be smaller than 30 bytes"):
            room.take(1)
    room = Room()
    resolve(code, tmp_path / "state", room)
    with pytest.raises(PackageError, match="must be smaller than 30 bytes"):
        merged(layers, tmp_path / "state", room)


def test_layers_are_merged_in_order_whether_zips_or_folders(tmp_path: Path) -> None:
    first = archive(
        tmp_path / "1.zip", ("python/a.py", "1", 0), ("bin/tool", "1", REGULAR | 0o755), ("lib", "python", LINK)
    )
    second = tmp_path / "second"
    (second / "python").mkdir(parents=True)
    (second / "python/a.py").write_text("2")
    (second / "extensions").mkdir()
    (second / "extensions/agent").touch(mode=0o755)
    third = archive(tmp_path / "3.zip", ("lib/x.so", "3", 0))
    root = merged([first, second, third], tmp_path / "state")
    assert root is not None
    assert tree(root) == {"python/a.py": "2", "bin/tool": "1", "extensions/agent": "", "lib/x.so": "3"}
    assert [mode(root / name) for name in ("bin/tool", "extensions/agent", "python/a.py")] == [0o755, 0o755, 0o644]
    assert merged([first, second, third], tmp_path / "state") == root
    assert merged([third, second, first], tmp_path / "state") != root
    assert merged([], tmp_path / "state") is None


def test_a_layer_s_own_files_are_never_written_nor_shared(tmp_path: Path) -> None:
    layer = tmp_path / "layer"
    layer.mkdir()
    (layer / "a").write_text("mine")
    root = merged([layer], tmp_path / "state")
    assert root is not None
    (root / "a").write_text("changed")
    assert (layer / "a").read_text() == "mine"
    (layer / "a").write_text("new")
    renewed = merged([layer], tmp_path / "state")
    assert renewed is not None
    assert (renewed / "a").read_text() == "new"


@pytest.mark.parametrize("name", ["missing.zip", "missing"])
def test_a_layer_that_is_not_there_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(PackageError, match="there is no"):
        merged([tmp_path / name], tmp_path / "state")


def test_a_zip_s_fingerprint_is_that_of_its_bytes(tmp_path: Path) -> None:
    code = archive(tmp_path / "a.zip", ("a", "x", 0))
    identity = fingerprint(code)
    assert identity.code_sha256 == base64.b64encode(hashlib.sha256(code.read_bytes()).digest()).decode()
    assert identity.size == code.stat().st_size
    assert snapshot(code, tmp_path / "state").root == resolve(code, tmp_path / "state")


def sample(folder: Path) -> Path:
    (folder / "lib").mkdir(parents=True)
    (folder / "empty").mkdir()
    (folder / "app.py").write_text("x = 1")
    (folder / "lib/größe").write_text("y")
    (folder / "run").touch(mode=0o755)
    (folder / "link").symlink_to("lib")
    return folder


def test_a_folder_s_fingerprint_depends_on_its_content_alone(tmp_path: Path) -> None:
    one, two = sample(tmp_path / "one"), sample(tmp_path / "two")
    os.utime(two / "app.py", (0, 0))
    (two / "app.py").chmod(0o600)
    identity = fingerprint(one)
    assert fingerprint(two) == identity
    assert (
        identity.digest == "4f72ce103108ac339aebfff28ad644c9e160c7f10439a2aff145c3d033c260b7"
    )  # as a version keeps it: it may not change with ours
    for change in (
        lambda: (two / "run").chmod(0o644),
        lambda: (two / "app.py").write_text("x = 2"),
        (two / "more").touch,
        (two / "empty").rmdir,
    ):
        before = fingerprint(two)
        change()
        assert fingerprint(two) != before


def test_a_snapshot_stays_when_its_folder_changes(tmp_path: Path) -> None:
    folder = sample(tmp_path / "code")
    os.utime(folder / "app.py", (1000, 1000))
    kept = snapshot(folder, tmp_path / "state")
    assert kept.root.name == kept.fingerprint.digest == fingerprint(folder).digest == fingerprint(kept.root).digest
    assert snapshot(folder, tmp_path / "state") == kept
    assert (kept.root / "app.py").stat().st_mtime == 1000  # what is compiled beside it is told by it
    (folder / "app.py").write_text("x = 2")
    renewed = snapshot(folder, tmp_path / "state")
    assert renewed.root != kept.root
    assert tree(kept.root) == {"app.py": "x = 1", "lib/größe": "y", "run": "", "link": "-> lib"}
    assert fingerprint(folder) == renewed.fingerprint


def test_a_snapshot_of_what_cannot_be_kept_is_refused(tmp_path: Path) -> None:
    for name, make in (("out", lambda path: path.symlink_to("../..")), ("pipe", os.mkfifo)):
        folder = tmp_path / name
        folder.mkdir()
        make(folder / name)
        with pytest.raises(PackageError, match=name):
            snapshot(folder, tmp_path / "state")
    bad = tmp_path / "bad"
    bad.mkdir()
    (bad / os.fsdecode(b"\xff")).touch()
    with pytest.raises(PackageError, match="no name in UTF-8"):
        snapshot(bad, tmp_path / "state")


def test_a_folder_is_used_in_place(tmp_path: Path) -> None:
    assert resolve(sample(tmp_path / "code"), tmp_path / "state") == tmp_path / "code"
    assert not (tmp_path / "state").exists()
