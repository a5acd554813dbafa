"""Layers of images and layers of functions against the plainest model there is of what covers what."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from os.path import normpath
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from poller.execution.image.root import Root
from poller.execution.package.write import merge, write
from poller.settings.code import File, Folder, Link, Member, check_members
from poller.settings.package import PackageError, Room
from tests.images import Entry, file, folder, link

names = st.sampled_from(["a", "b", "c"])
paths = st.lists(names, min_size=1, max_size=3).map("/".join)
Tree = dict[str, str]


def above(path: str) -> Iterator[str]:
    parts = path.split("/")
    yield from ("/".join(parts[:at]) for at in range(1, len(parts)))


@st.composite
def trees(draw: st.DrawFn) -> Tree:
    """A tree by path: "/" for folders, "-> x" for links, else text. All folders are listed."""
    leaves = draw(st.dictionaries(paths, st.sampled_from(["/", "-> a", "-> /b/c", "1", "2", "3"]), max_size=6))
    folders = {parent for path in leaves for parent in above(path)}
    return {path: "/" if path in folders else leaves[path] for path in folders | leaves.keys()}


@st.composite
def layers(draw: st.DrawFn) -> tuple[Tree, set[str], set[str], list[Entry]]:
    """A layer: its tree, what it whites out, what it makes opaque; and its entries in any order, folders at times implied."""
    tree = draw(trees())
    folders = [path for path, kind in tree.items() if kind == "/"]
    hidden = {path for path in draw(st.sets(paths, max_size=2)) if all(tree.get(up, "/") == "/" for up in above(path))}
    opaque = set(draw(st.lists(st.sampled_from(folders), max_size=2))) if folders else set()
    entries = [entry_of(path, kind) for path, kind in tree.items()]
    entries = [
        entry for entry in entries if not entry[0].isdir() or draw(st.booleans()) or childless(entry[0].name, tree)
    ]
    entries += [file("/".join([*path.split("/")[:-1], f".wh.{path.split('/')[-1]}"])) for path in hidden]
    entries += [file(f"{path}/.wh..wh..opq") for path in opaque]
    return tree, hidden, opaque, draw(st.permutations(entries))


def childless(path: str, tree: Tree) -> bool:
    return not any(other.startswith(f"{path}/") for other in tree)


def entry_of(path: str, kind: str) -> Entry:
    if kind == "/":
        return folder(path)
    return link(path, kind[3:]) if kind.startswith("->") else file(path, kind)


def covered(lower: Tree, upper: Tree, hidden: set[str], opaque: set[str]) -> Tree:
    """What one sees when ``upper`` lies over ``lower``."""

    def shines_through(path: str) -> bool:
        way = [*above(path), path]
        return not (
            any(part in hidden for part in way)
            or any(part in opaque for part in above(path))
            or any(upper.get(part, "/") != "/" for part in way)
        )

    return {path: kind for path, kind in lower.items() if shines_through(path)} | upper


def seen(root: Path) -> Tree:
    return {
        str(path.relative_to(root)): f"-> {path.readlink()}"
        if path.is_symlink()
        else "/"
        if path.is_dir()
        else path.read_text()
        for path in root.rglob("*")
    }


def through_a_link(lower: Tree, entries: list[Entry]) -> bool:
    """Whether a way leads through a link of a lower layer, or a file: the model knows no such ways."""
    return any(lower.get(up, "/") != "/" for info, _ in entries for up in above(info.name))


@given(st.lists(layers(), max_size=3))
def test_layers_of_an_image_cover_each_other_as_in_an_overlay(
    stack: list[tuple[Tree, set[str], set[str], list[Entry]]],
) -> None:
    expected: Tree = {}
    with tempfile.TemporaryDirectory() as temporary:
        root = Root(Path(temporary))
        for tree, hidden, opaque, entries in stack:
            ordered = [folder(path) for path in sorted(tree) if tree[path] == "/" and expected.get(path, "/") != "/"]
            if through_a_link({path: kind for path, kind in expected.items() if path not in tree}, entries):
                break
            root.begin_layer()
            for info, content in ordered + entries:
                root.add(info, io.BytesIO(content).read)
            expected = covered(expected, tree, hidden, opaque)
        assert seen(Path(temporary)) == expected


@given(st.lists(trees(), min_size=1, max_size=4))
def test_layers_of_a_function_are_merged_as_if_one_unpacked_them_in_turn(stack: list[Tree]) -> None:
    expected: Tree = {}
    for tree in stack:
        expected = covered(expected, tree, set(), set())
    with tempfile.TemporaryDirectory() as temporary:
        write(
            merge([{path: member_of(kind) for path, kind in tree.items()} for tree in stack]), Path(temporary), Room()
        )
        assert seen(Path(temporary)) == expected


def member_of(kind: str) -> Member:
    if kind == "/":
        return Folder()
    if kind.startswith("->"):
        return Link(kind[3:])
    return File(len(kind), executable=False, open=lambda: io.BytesIO(kind.encode()))


rough = st.lists(st.sampled_from(["a", "b", "..", ".", ""]), min_size=1, max_size=4).map("/".join)


@given(st.lists(st.tuples(rough, st.one_of(st.just("/"), st.just("1"), rough.map("-> {}".format))), max_size=8))
def test_whatever_layers_hold_nothing_is_written_outside(entries: list[tuple[str, str]]) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        inside = Path(temporary, "x", "root")
        inside.mkdir(parents=True)
        root = Root(inside)
        root.begin_layer()
        for name, kind in entries:
            info, content = entry_of(name, kind)
            try:
                root.add(info, io.BytesIO(content).read)
            except PackageError:
                continue
        assert list(Path(temporary).iterdir()) == [inside.parent]
        assert list(inside.parent.iterdir()) == [inside]


@given(
    st.dictionaries(paths, st.sampled_from(["1", "-> ..", "-> ../..", "-> a/../../b", "-> /etc", "-> a"]), max_size=5)
)
def test_members_that_pass_the_check_stay_inside(tree: Any) -> None:
    members = {path: member_of(kind) for path, kind in tree.items()}
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary, "root")
        root.mkdir()
        try:
            check_members(members, root)
        except PackageError:
            return
        write(members, root, Room())
        assert seen(root).items() >= tree.items()
        links = {path: kind[3:] for path, kind in tree.items() if kind.startswith("->")}
        assert all(Path(normpath(root / path / ".." / to)).is_relative_to(root) for path, to in links.items())
