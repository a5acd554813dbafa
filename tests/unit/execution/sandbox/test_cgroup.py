"""Control groups, in a tree of files that looks like the kernel's; what the kernel does of itself is done by hand."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from poller.execution.sandbox import cgroup


class Tree:
    """A unit with Delegate=yes in which this process lives alone."""

    def __init__(self, folder: Path, own: str = "/system.slice/pollerd.service") -> None:
        self.process, self.mounted = folder / "proc", folder / "cgroup"
        self.process.mkdir()
        (self.process / "cgroup").write_text(f"1:name=systemd:/x\n0::{own}\n")
        (self.process / "stat").write_text(f"{os.getpid()} (python) S 1")
        self.unit = self.mounted / "system.slice/pollerd.service"
        self.group(self.mounted)
        self.group(self.unit, [os.getpid()])

    @staticmethod
    def group(folder: Path, members: list[int] | None = None, controllers: str = "cpuset cpu io memory pids") -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "cgroup.controllers").write_text(controllers + "\n")
        (folder / "cgroup.subtree_control").write_text("")
        (folder / "cgroup.procs").write_text("".join(f"{pid}\n" for pid in members or []))
        return folder

    def delegated(self) -> cgroup.Groups | str:
        return cgroup.delegated(self.process, self.mounted)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def made(tree: Tree, **options: int) -> tuple[cgroup.Group, Path]:
    groups = tree.delegated()
    assert isinstance(groups, cgroup.Groups), groups
    wanted = {"memory_mb": 256, "temporary_mb": 512, "processes": 1024} | options
    return groups.group("one", **wanted), tree.unit / "environment-one"


def test_looking_changes_nothing(tree: Tree) -> None:
    before = sorted(tree.mounted.rglob("*"))
    assert isinstance(tree.delegated(), cgroup.Groups)
    assert sorted(tree.mounted.rglob("*")) == before


def test_the_daemon_moves_into_a_leaf_before_controllers_are_given_to_groups_below(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel refuses the other order: a group with processes has no controllers below it (no internal processes)."""
    written: list[tuple[str, str]] = []
    write = Path.write_text

    def record(path: Path, text: str) -> int:
        written.append((str(path.relative_to(tree.unit)), text))
        if path.name == "cgroup.procs":
            write(tree.unit / "cgroup.procs", "")  # as the kernel does
        return write(path, text)

    monkeypatch.setattr(Path, "write_text", record)
    made(tree)
    assert written[:2] == [
        ("daemon/cgroup.procs", str(os.getpid())),
        ("cgroup.subtree_control", "+memory +cpu +pids"),
    ]


def test_a_groups_limits(tree: Tree) -> None:
    """Files of /tmp are memory to the kernel, and are not to the function."""
    _, folder = made(tree, memory_mb=1769)
    limits = {file.name: file.read_text() for file in folder.iterdir()}
    assert limits == {
        "memory.max": str((1769 + 512) * 1024 * 1024),
        "memory.oom.group": "1",
        "cpu.max": "100000 100000",
        "pids.max": "1024",
    }


@pytest.mark.parametrize(("memory_mb", "quota"), [(128, 7236), (10240, 578858), (1, 1000)])
def test_processors_come_with_memory(tree: Tree, memory_mb: int, quota: int) -> None:
    _, folder = made(tree, memory_mb=memory_mb)
    assert (folder / "cpu.max").read_text() == f"{quota} 100000"


def test_a_daemon_that_lives_in_the_leaf_already_divides_the_group_above(tmp_path: Path) -> None:
    """As with DelegateSubgroup=daemon."""
    tree = Tree(tmp_path, own="/system.slice/pollerd.service/daemon")
    tree.group(tree.unit)
    tree.group(tree.unit / "daemon", [os.getpid()])
    _, folder = made(tree)
    assert folder.is_dir()


def test_groups_that_a_killed_daemon_has_left_are_removed(tree: Tree) -> None:
    (tree.unit / "environment-old").mkdir()
    made(tree)
    assert not (tree.unit / "environment-old").exists()


def test_a_group_in_which_others_live_is_not_ours(tree: Tree) -> None:
    """A shell's scope, say, whose shell would be moved along."""
    tree.group(tree.unit, [os.getpid(), os.getppid()])
    assert tree.delegated() == (
        "others live in the control group /system.slice/pollerd.service as well (systemd: a unit of our own, Delegate=yes)"
    )


def test_controllers_that_are_not_delegated_are_named_with_the_remedy(tree: Tree) -> None:
    tree.group(tree.unit, [os.getpid()], controllers="memory pids")
    assert tree.delegated() == (
        "the controllers cpu are not delegated to /system.slice/pollerd.service (systemd: Delegate=yes)"
    )


@pytest.mark.parametrize("file", ["cgroup", "cgroup.controllers"])
def test_a_host_without_version_2(tree: Tree, file: str) -> None:
    (tree.process / "cgroup").write_text("4:memory:/x\n") if file == "cgroup" else (tree.mounted / file).unlink()
    assert tree.delegated() == "this host has no control groups of version 2 at /sys/fs/cgroup"


def test_a_group_that_cannot_be_read_is_none(tree: Tree) -> None:
    (tree.unit / "cgroup.procs").unlink()
    assert "is not ours to divide" in str(tree.delegated())


def test_memory_in_use_is_what_processes_have_and_not_what_they_read_or_keep_in_tmp(tree: Tree) -> None:
    group, folder = made(tree)
    assert group.memory() is None
    (folder / "memory.stat").write_text("anon 1000\nfile 50000\nkernel_stack 200\nsock 30\nshmem 40000\n")
    assert group.memory() == 1230


def test_a_kill_for_want_of_memory_is_told_once(tree: Tree) -> None:
    group, folder = made(tree)
    assert not group.out_of_memory()
    (folder / "memory.events").write_text("low 0\nhigh 0\nmax 12\noom 1\noom_kill 3\noom_group_kill 1\n")
    assert group.out_of_memory()
    assert not group.out_of_memory()
    (folder / "memory.events").write_text("oom_kill 4\n")
    assert group.out_of_memory()


def test_a_group_is_removed_and_one_that_is_in_use_is_left(tree: Tree) -> None:
    group, folder = made(tree)
    group.remove()
    assert folder.is_dir()  # files of a real group would not keep it
    for file in folder.iterdir():
        file.unlink()
    group.remove()
    assert not folder.exists()


def test_a_limit_that_is_refused_leaves_no_group(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, text: str) -> int:
        if path.name == "memory.max":
            raise OSError(22, "Invalid argument")
        return len(text)

    monkeypatch.setattr(Path, "write_text", refuse)
    with pytest.raises(OSError, match="Invalid argument"):
        made(tree)
    assert not (tree.unit / "environment-one").exists()
