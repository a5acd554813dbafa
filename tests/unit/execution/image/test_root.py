"""What layers make of a root file system: order, whiteouts, links, modes; and everything that tries to get out of it."""

from __future__ import annotations

import io
import os
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from poller.execution.image import root as module
from poller.execution.image.root import Root
from poller.settings.package import PackageError
from tests.images import Entry, entry, file, folder, hard, link

Layer = list[Entry]


def unpack(where: Path, *layers: Layer) -> Path:
    where.mkdir(exist_ok=True)
    root = Root(where)
    for layer in layers:
        root.begin_layer()
        for info, content in layer:
            root.add(info, io.BytesIO(content).read)
    return where


def seen(root: Path) -> dict[str, str]:
    """Everything below, without following links: text of files, "-> target" of links, "/" of folders."""
    return {str(path.relative_to(root)): _seen(path) for path in root.rglob("*")}


def _seen(path: Path) -> str:
    return f"-> {path.readlink()}" if path.is_symlink() else "/" if path.is_dir() else path.read_text()


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Path]:
    """A folder beside the root that stays as it is, whatever is unpacked."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "victim").write_text("untouched")
    (folder / "victim").chmod(0o600)
    yield folder
    assert seen(folder) == {"victim": "untouched"}
    assert stat.S_IMODE((folder / "victim").stat().st_mode) == 0o600
    assert (folder / "victim").stat().st_nlink == 1


def test_later_layers_go_over_earlier_ones(tmp_path: Path) -> None:
    root = unpack(
        tmp_path / "root",
        [folder("etc/"), file("etc/a", "1"), file("etc/b", "1"), file("x", "1")],
        [file("etc/a", "2"), file("./etc/c", "2"), file("/y", "2")],
    )
    assert seen(root) == {"etc": "/", "etc/a": "2", "etc/b": "1", "etc/c": "2", "x": "1", "y": "2"}


def test_a_whiteout_hides_what_is_below_it_and_nothing_of_its_own_layer(tmp_path: Path) -> None:
    lower = [file("d/a", "1"), file("d/b", "1"), file("e/a", "1"), file("f", "1"), file("g/a", "1")]
    upper = [
        *(file("d/.wh.a"), file("e/new", "2"), file(".wh.e"), file("f", "2"), file(".wh.f")),
        *(file(".wh.g"), file("g/new", "2"), file(".wh.nothing"), file("no/.wh.where")),
    ]
    root = unpack(tmp_path / "root", lower, upper)
    assert seen(root) == {"d": "/", "d/b": "1", "e": "/", "e/new": "2", "f": "2", "g": "/", "g/new": "2"}


@pytest.mark.parametrize("first", [True, False])
def test_an_opaque_folder_shows_its_own_layer_only(tmp_path: Path, first: bool) -> None:
    lower = [file("d/a", "1"), file("d/sub/a", "1"), file("d/gone/a", "1"), file("e", "1")]
    new = [file("d/sub/new", "2"), file("d/new", "2")]
    opaque = [file("d/.wh..wh..opq")]
    root = unpack(tmp_path / "root", lower, opaque + new if first else new + opaque)
    assert seen(root) == {"d": "/", "d/sub": "/", "d/sub/new": "2", "d/new": "2", "e": "1"}


def test_an_opaque_root_hides_everything(tmp_path: Path) -> None:
    assert seen(unpack(tmp_path / "root", [file("a/b", "1")], [file(".wh..wh..opq"), file("c", "2")])) == {"c": "2"}


def test_what_aufs_keeps_for_itself_is_left_out(tmp_path: Path) -> None:
    layer = [folder(".wh..wh.plnk"), file(".wh..wh.plnk/1.2", "x"), file(".wh..wh.aufs"), file(".wh.d/a", "x")]
    assert seen(unpack(tmp_path / "root", layer)) == {}


@pytest.mark.parametrize("name", [".wh.", ".wh..", ".wh...", "d/.wh..."])
def test_a_whiteout_cannot_hide_a_folder_from_inside(tmp_path: Path, name: str, outside: Path) -> None:
    with pytest.raises(PackageError, match="hides nothing"):
        unpack(tmp_path / "root", [file("d/a", "1")], [file(name)])


@pytest.mark.parametrize(("before", "after"), [
    ([file("a/b", "1")], [file("a", "2")]),
    ([file("a", "1")], [file("a", "2")]),
    ([link("a", "b"), file("b", "1")], [file("a", "2"), file("b", "1")]),
    ([link("a", "b"), folder("b")], [file("a", "2"), folder("b")]),
])  # fmt: skip
def test_a_file_replaces_whatever_was_there_and_not_what_it_led_to(tmp_path: Path, before: Layer, after: Layer) -> None:
    assert seen(unpack(tmp_path / "root", before, [file("a", "2")])) == seen(unpack(tmp_path / "expected", after))


def test_a_folder_joins_a_folder_and_replaces_all_else(tmp_path: Path) -> None:
    root = unpack(
        tmp_path / "root",
        [file("a/x", "1"), link("b", "a"), file("c", "1")],
        [folder("a"), folder("b"), folder("c")],
    )
    assert seen(root) == {"a": "/", "a/x": "1", "b": "/", "c": "/"}


def test_an_entry_below_a_link_goes_where_the_link_leads_inside(tmp_path: Path) -> None:
    root = unpack(
        tmp_path / "root",
        [folder("usr/lib"), link("lib", "usr/lib"), link("lib64", "/lib"), link("up", "../../../usr")],
        [file("lib/a", "2"), file("lib64/b", "2"), file("up/c", "2"), file("lib/.wh.nothing")],
        [file("lib64/.wh.a")],
    )
    assert {path: text for path, text in seen(root).items() if "->" not in text} == {
        "usr": "/",
        "usr/lib": "/",
        "usr/lib/b": "2",
        "usr/c": "2",
    }


def test_an_absolute_link_starts_at_the_root_of_the_image_wherever_it_lies(tmp_path: Path) -> None:
    root = unpack(
        tmp_path / "root",
        [link("a/b/c", "/d/e"), link("a/b/up", "../../d"), file("a/b/c/x", "1"), file("a/b/up/y", "1")],
    )
    assert {path for path, text in seen(root).items() if text == "1"} == {"d/e/x", "d/y"}


def test_a_way_through_a_link_that_changed_is_walked_anew(tmp_path: Path) -> None:
    root = unpack(tmp_path / "root", [link("a", "b"), file("a/x", "1"), link("a", "c"), file("a/y", "1")])
    assert seen(root) == {"a": "-> c", "b": "/", "b/x": "1", "c": "/", "c/y": "1"}


@pytest.mark.parametrize("target", ["{outside}", "../outside", "../../../../../../../../../../{outside}"])
def test_a_link_that_leads_out_is_kept_and_nothing_goes_through_it(tmp_path: Path, outside: Path, target: str) -> None:
    target = target.format(outside=outside)
    plant = [link("escape", target), link("twice", "escape")]
    use = [
        *(file("escape/victim", "overwritten"), file("twice/new", "2"), folder("escape/victim2")),
        *(file("twice/.wh.victim"), file("escape/.wh..wh..opq")),
    ]
    root = unpack(tmp_path / "root", plant, use)
    assert os.readlink(root / "escape") == target
    unpack(tmp_path / "root2", plant, [folder("escape"), file("escape/victim", "x")], [file(".wh.escape")])


@pytest.mark.parametrize("target", ["{outside}/victim", "../outside/victim", "escape/victim", "/escape/victim"])
def test_a_hard_link_to_something_outside_is_refused(tmp_path: Path, outside: Path, target: str) -> None:
    layer = [link("escape", str(outside)), hard("stolen", target.format(outside=outside))]
    with pytest.raises(PackageError, match=r"not there|leads out"):
        unpack(tmp_path / "root", layer)


def test_a_file_written_over_a_hard_link_leaves_the_other_name_alone(tmp_path: Path) -> None:
    root = unpack(tmp_path / "root", [file("a", "1"), hard("b", "a"), hard("a", "a")], [file("b", "2")])
    assert seen(root) == {"a": "1", "b": "2"}


def test_a_hard_link_is_one_file_and_may_be_one_link(tmp_path: Path) -> None:
    root = unpack(tmp_path / "root", [file("d/a", "1"), link("l", "/d")], [hard("b", "l/a"), hard("m", "/l")])
    assert (root / "b").samefile(root / "d/a")
    assert os.readlink(root / "m") == "/d"


@pytest.mark.parametrize("target", ["nowhere", "d", "", "."])
def test_a_hard_link_to_nothing_or_to_a_folder_is_refused(tmp_path: Path, target: str) -> None:
    with pytest.raises(PackageError, match="not there"):
        unpack(tmp_path / "root", [folder("d"), hard("b", target)])


@pytest.mark.parametrize("name", ["../outside/new", "a/../../outside/new", "/../outside/new", ".."])
def test_a_name_that_leads_out_is_refused(tmp_path: Path, outside: Path, name: str) -> None:
    for bad in (file(name, "x"), folder(name), link(name, "x"), hard(name, "a")):
        with pytest.raises(PackageError, match="leads out"):
            unpack(tmp_path / "root", [file("a"), bad])


def test_links_in_a_circle_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match="loops"):
        unpack(tmp_path / "root", [link("a", "b"), link("b", "a"), file("a/x", "1")])


def test_a_way_that_grows_through_links_has_an_end(tmp_path: Path) -> None:
    deep = "/".join("a" * 200)
    with pytest.raises(PackageError, match="too deep"):
        unpack(tmp_path / "root", [folder(deep), link("l", deep), file(f"l/{deep}/x", "1")])


def test_nothing_lies_below_a_file(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match="no folder"):
        unpack(tmp_path / "root", [file("a", "1"), file("a/b", "1")])


def test_what_is_hidden_below_a_file_is_hidden_already(tmp_path: Path) -> None:
    root = unpack(tmp_path / "root", [file("d/a", "1")], [file("d", "2"), file("d/.wh.a"), file("d/.wh..wh..opq")])
    assert seen(root) == {"d": "2"}


def test_devices_and_pipes_are_dropped_and_hide_what_they_replace(tmp_path: Path) -> None:
    devices = [
        entry(name, kind)
        for name, kind in zip("abc", (tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE), strict=True)
    ]
    assert seen(unpack(tmp_path / "root", [file("a", "1"), file("d", "1")], devices)) == {"d": "1"}


def test_an_entry_of_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match="nobody knows"):
        unpack(tmp_path / "root", [entry("a", b"Z")])


@pytest.mark.parametrize(("given", "kept"), [
    (0o644, 0o644), (0o755, 0o755), (0o600, 0o644), (0o700, 0o755), (0o4755, 0o755), (0o2711, 0o755),
    (0o777, 0o755), (0o444, 0o444), (0o555, 0o555), (0, 0o444), (0o111, 0o555),
])  # fmt: skip
def test_whoever_it_belongs_to_everybody_reads_it_and_nobody_gains_by_it(tmp_path: Path, given: int, kept: int) -> None:
    before = os.umask(0o077)
    try:
        root = unpack(tmp_path / "root", [folder("d", 0o700), file("d/a", "1", mode=given, uid=12, gid=34, mtime=1000)])
    finally:
        os.umask(before)
    found = (root / "d/a").stat()
    assert stat.S_IMODE(found.st_mode) == kept
    assert (found.st_uid, found.st_mtime) == (os.getuid(), 1000)
    assert stat.S_IMODE((root / "d").stat().st_mode) == 0o755


def test_there_are_only_so_many_entries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_ENTRIES", 2)
    with pytest.raises(PackageError, match="more than 2 files"):
        unpack(tmp_path / "root", [file("a"), file("b")], [file("c")])
