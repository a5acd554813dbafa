"""Images as other people's tools write them; and their unpacked trees beside ours, for the images that are written here."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from poller.execution import image
from tests.images import Entry, Layout, file, folder, hard, layout, link, tar

BASE = tar(
    folder("usr/"), folder("usr/lib/"), link("lib", "usr/lib"), link("abs", "/usr/lib"),
    file("usr/lib/a", "1"), file("usr/lib/b", "1", mode=0o755), file("etc/x", "1"), file("etc/sub/y", "1"),
    hard("usr/lib/c", "usr/lib/a"), file("gone/z", "1"), file("replaced/z", "1"), file("grows", "1"),
)  # fmt: skip
OVER = tar(
    file("lib/a", "2"), file("abs/new", "2"), file("etc/.wh..wh..opq"), file("etc/sub/own", "2"), file(".wh.gone"),
    file("replaced", "2"), folder("grows/"), file("grows/in", "2"), file("usr/lib/.wh.b"), hard("again", "usr/lib/c"),
)  # fmt: skip


def run(*command: str | Path) -> None:
    """Run a tool; a test that needs one that is not installed is skipped."""
    if not shutil.which(str(command[0])):
        pytest.skip(f"{command[0]} is not installed")
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


def tree(root: Path) -> dict[str, object]:
    """What is below: target of links, content of files and whether they can be executed, "/" for folders."""
    return {str(path.relative_to(root)): _seen(path) for path in root.rglob("*")}


def _seen(path: Path) -> object:
    if path.is_symlink():
        return f"-> {path.readlink()}"
    return "/" if path.is_dir() else (path.read_bytes(), bool(path.stat().st_mode & 0o111))


def umoci_tree(source: Path, tag: str, bundle: Path) -> dict[str, object]:
    run("umoci", "unpack", *([] if os.getuid() == 0 else ["--rootless"]), "--image", f"{source}:{tag}", bundle)
    return tree(bundle / "rootfs")


def test_umoci_makes_the_same_of_layers_with_everything_in_them(tmp_path: Path) -> None:
    built = Layout()
    source = built.tagged(built.image([BASE, OVER]), "1").folder(tmp_path / "image")
    ours = tree(image.load(str(source), tmp_path / "state").root)
    assert umoci_tree(source, "1", tmp_path / "bundle") == ours
    assert {"lib", "usr/lib/new", "etc/sub/own", "again"} <= ours.keys()
    assert not {"etc/x", "etc/sub/y", "gone", "usr/lib/b"} & ours.keys()


@pytest.mark.parametrize("seed", range(5))
def test_umoci_makes_the_same_of_random_layers(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    built = Layout()
    layers = [tar(*_random(chance)) for _ in range(3)]
    source = built.tagged(built.image(layers), "1").folder(tmp_path / "image")
    assert umoci_tree(source, "1", tmp_path / "bundle") == tree(image.load(str(source), tmp_path / "state").root)


def _random(chance: random.Random) -> list[Entry]:
    """A layer without ways below files, and with whiteouts first, where all tools agree on them."""
    folders = ["", *(f"{name}/" for name in chance.sample("abc", 2))]
    folders += [f"{above}{name}/" for above in folders[1:] for name in chance.sample("abc", 2)]
    names = {f"{chance.choice(folders)}{name}" for name in chance.choices("xyz", k=6)}
    hidden = [file(f"{chance.choice(folders)}.wh.{chance.choice('abcxyz')}") for _ in range(2)]
    opaque = [file(f"{chance.choice(folders[1:])}.wh..wh..opq")]
    leaves = [chance.choice([file(name, str(chance.random())), link(name, "x")]) for name in sorted(names)]
    return [*(folder(name) for name in folders if name), *opaque, *hidden, *leaves]


def test_an_image_that_umoci_made_with_deletions(tmp_path: Path) -> None:
    source = tmp_path / "image"
    run("umoci", "init", "--layout", source)
    run("umoci", "new", "--image", f"{source}:1")
    rootless = [] if os.getuid() == 0 else ["--rootless"]
    for name, change in (("one", _fill), ("two", _change)):
        run("umoci", "unpack", *rootless, "--image", f"{source}:1", tmp_path / name)
        change(tmp_path / name / "rootfs")
        run("umoci", "repack", "--image", f"{source}:1", tmp_path / name)
    run(
        "umoci",
        "config",
        "--image",
        f"{source}:1",
        "--config.cmd",
        "a",
        "--config.workingdir",
        "/d",
        "--config.env",
        "A=1",
    )
    found = image.load(f"{source}:1", tmp_path / "state")
    assert tree(found.root) == tree(tmp_path / "two" / "rootfs")
    assert (found.cmd, found.working_directory, found.environment["A"]) == (("a",), "/d", "1")


def _fill(root: Path) -> None:
    (root / "d/sub").mkdir(parents=True)
    for name in ("d/a", "d/b", "d/sub/c"):
        (root / name).write_text(name)
    (root / "l").symlink_to("/d")


def _change(root: Path) -> None:
    (root / "d/a").unlink()
    shutil.rmtree(root / "d/sub")
    (root / "d/sub").write_text("a file now")
    (root / "l").unlink()
    (root / "l").mkdir()


@pytest.mark.parametrize("kind", ["docker-archive", "oci-archive"])
def test_archives_that_skopeo_made(tmp_path: Path, kind: str) -> None:
    source = layout(tmp_path / "image", BASE, OVER, Cmd=["a"])
    run("skopeo", "--insecure-policy", "copy", f"oci:{source}", f"{kind}:{tmp_path / 'image.tar'}:example.com/app:1")
    ours = image.load(str(source), tmp_path / "one")
    found = image.load(f"{tmp_path / 'image.tar'}:example.com/app:1", tmp_path / "two")
    assert tree(found.root) == tree(ours.root)
    assert found.cmd == ("a",)


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder with a short name: podman takes no other for what it does."""
    with tempfile.TemporaryDirectory(prefix="p", dir="/tmp") as folder:
        yield Path(folder)


def test_images_that_podman_built_and_saved(tmp_path: Path, short: Path) -> None:
    context = tmp_path / "context"
    context.mkdir()
    (context / "run").touch(mode=0o755)
    lines = [
        "FROM scratch",
        "COPY run /d/run",
        "ENV A=1",
        "WORKDIR /d",
        'ENTRYPOINT ["/d/run"]',
        'CMD ["x"]',
        "USER app",
    ]
    (context / "Containerfile").write_text("\n".join(lines))
    podman: list[str | Path] = [
        "podman",
        "--root",
        short / "root",
        "--runroot",
        short / "run",
        "--storage-driver",
        "vfs",
    ]
    run(*podman, "build", "--layers", "--quiet", "--tag", "app:1", context)
    try:
        for kind in ("docker-archive", "oci-archive", "oci-dir"):
            run(*podman, "save", "--quiet", "--format", kind, "--output", tmp_path / kind, "app:1")
            found = image.load(f"{tmp_path / kind}:1", tmp_path / f"state-{kind}")
            assert tree(found.root) == {"d": "/", "d/run": (b"", True)}
            assert (found.argv, found.working_directory, found.user) == (("/d/run", "x"), "/d", "app")
            assert found.environment["A"] == "1"
    finally:
        run(*podman, "rmi", "--all", "--force")
