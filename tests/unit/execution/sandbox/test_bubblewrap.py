"""What a root file system is made of, and that links in it lead nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from poller.execution.sandbox.bubblewrap import Layout, arguments


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An image with programs, and no more."""
    root = tmp_path / "root"
    (root / "bin").mkdir(parents=True)
    (root / "bin/app").touch()
    return root


def made(root: Path, **files: str) -> list[tuple[str, ...]]:
    """The options, each with its values."""
    layout = Layout(root=root, mounts={}, files={"/etc/hosts": "/h", **files}, temporary_bytes=4096)
    options: list[tuple[str, ...]] = []
    for word in arguments(layout, own_user=False, own_network=False):
        if word.startswith("--"):
            options.append((word,))
        else:
            options[-1] += (word,)
    return options


def sources(options: list[tuple[str, ...]]) -> list[str]:
    return [option[1] for option in options if option[0] in {"--ro-bind", "--bind"}]


def test_a_root_without_the_folders_that_mounts_need_gets_them_readable(root: Path) -> None:
    options = made(root)
    assert ("--ro-bind", str(root / "bin"), "/bin") in options
    at = options.index(("--dir", "/etc"))
    assert options[at - 1] == ("--perms", "0755")
    assert at < options.index(("--ro-bind", "/h", "/etc/hosts"))


def test_a_folder_that_has_the_mount_points_is_mounted_whole(root: Path) -> None:
    (root / "etc").mkdir()
    for name in ("hosts", "passwd"):
        (root / "etc" / name).touch()
    options = made(root)
    assert ("--ro-bind", str(root / "etc"), "/etc") in options
    assert ("--dir", "/etc") not in options


def test_a_folder_that_lacks_one_is_made_anew_with_what_it_has(root: Path) -> None:
    (root / "etc/ssl").mkdir(parents=True)
    (root / "etc/passwd").touch()
    (root / "etc/localtime").symlink_to("/usr/share/zoneinfo/UTC")
    options = made(root)
    assert ("--ro-bind", str(root / "etc/ssl"), "/etc/ssl") in options
    assert ("--ro-bind", str(root / "etc/passwd"), "/etc/passwd") in options
    assert ("--symlink", "/usr/share/zoneinfo/UTC", "/etc/localtime") in options


@pytest.mark.parametrize("target", ["/etc", "/", "../../..", "/oldroot/etc"])
def test_a_link_where_a_mount_points_folder_should_be_is_not_followed(root: Path, target: str) -> None:
    """Else the host's /etc would be mounted, or a file be made there."""
    (root / "etc").symlink_to(target)
    options = made(root)
    assert all(path == "/h" or path.startswith(str(root / "bin")) for path in sources(options))
    assert not [option for option in options if option[0] == "--symlink" and option[-1] == "/etc"]
    assert ("--dir", "/etc") in options


def test_a_link_where_a_mount_point_should_be_gives_way(root: Path) -> None:
    """As /etc/resolv.conf often is one, to where the host has a file too."""
    (root / "etc").mkdir()
    (root / "etc/resolv.conf").symlink_to("/etc/hostname")
    (root / "etc/hosts").touch()
    options = made(root, **{"/etc/resolv.conf": "/r"})
    assert not [option for option in options if option[-1] == "/etc/resolv.conf" and option[0] == "--symlink"]
    assert ("--ro-bind", "/r", "/etc/resolv.conf") in options
    assert ("--dir", "/etc") in options


@pytest.mark.parametrize("name", ["proc", "dev", "tmp"])
def test_what_the_sandbox_has_of_its_own_is_not_the_roots(root: Path, name: str) -> None:
    (root / name).symlink_to("/etc")
    assert not [option for option in made(root) if option[-1] == f"/{name}" and option[0] in {"--symlink", "--ro-bind"}]
