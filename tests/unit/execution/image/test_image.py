"""Images from layouts and archives: which one is meant, what it says of itself, and that it is what it says."""

from __future__ import annotations

import builtins
import gzip
import io
import json
import os
import stat
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from poller.execution import image
from poller.execution.contract import Image
from poller.execution.image import blobs
from poller.execution.image.manifest import HOST
from poller.settings.package import PackageError
from tests.images import (
    DOCKER,
    OCI,
    Layout,
    config,
    digest,
    entry,
    file,
    folder,
    hard,
    layout,
    link,
    saved,
    tar,
)

BASE = tar(folder("bin"), file("bin/run", "#!", mode=0o755), file("etc/old", "1"), link("sbin", "bin"))
APP = tar(file("app/app.py", "x = 1"), file("etc/.wh.old"), hard("app/again", "bin/run"))
OTHER = "arm64" if HOST != "arm64" else "amd64"


def load(path: Path | str, state: Path) -> Image:
    return image.load(str(path), state)


def refusal(path: Path | str, state: Path) -> str:
    with pytest.raises(PackageError) as caught:
        load(path, state)
    assert not list(state.glob("images/[!.]*")), "half an image is on the shelf"
    assert not list(state.glob("images/.unpacking*")), "half an image is left"
    return str(caught.value).removeprefix(f"{path}: ")


def text(found: Image, name: str) -> str:
    return (found.root / name).read_text()


def check(found: Image) -> None:
    """Hold BASE with APP over it against what they are."""
    names = {
        str(path.relative_to(found.root)) for path in found.root.rglob("*") if path.is_symlink() or not path.is_dir()
    }
    assert names == {"bin/run", "app/app.py", "app/again", "sbin"}
    assert text(found, "app/app.py") == "x = 1"
    assert stat.S_IMODE((found.root / "app/again").stat().st_mode) == 0o755
    assert stat.S_IMODE(found.root.stat().st_mode) == 0o755


@pytest.mark.parametrize("compression", ["plain", "gzip", "zstd"])
@pytest.mark.parametrize("types", [OCI, DOCKER], ids=["oci", "docker"])
@pytest.mark.parametrize("write", [Layout.folder, Layout.archive])
def test_layouts_of_every_kind(
    tmp_path: Path, compression: str, types: Mapping[str, str], write: Callable[[Layout, Path], Path]
) -> None:
    built = Layout(types)
    descriptor = built.image([BASE, APP], compression)
    found = load(write(built.tagged(descriptor), tmp_path / "image"), tmp_path / "state")
    check(found)
    assert found.digest == descriptor["digest"]


def test_an_archive_of_docker_save_without_an_index(tmp_path: Path) -> None:
    found = load(saved(tmp_path / "image.tar", BASE, APP, BASE, Cmd=["a"]), tmp_path / "state")
    assert text(found, "app/app.py") == "x = 1"
    assert text(found, "etc/old") == "1"  # the base again, on top: written as a link to the first of the two
    assert found.digest == digest(config([BASE, APP, BASE], Cmd=["a"]))


def test_an_archive_with_both_has_its_index_read(tmp_path: Path) -> None:
    built = Layout()
    descriptor = built.image([BASE, APP])
    built.tagged(descriptor).parts["manifest.json"] = b"not read"
    assert load(built.archive(tmp_path / "image.tar"), tmp_path / "state").digest == descriptor["digest"]


def test_what_an_image_says_of_starting_it(tmp_path: Path) -> None:
    settings: dict[str, Any] = {
        "Entrypoint": ["/bin/run", "-v"],
        "Cmd": ["app.handler"],
        "Env": ["PATH=/bin", "EMPTY=", "A=b=c", "no equals sign", "=nameless"],
        "WorkingDir": "/app",
        "User": "app:app",
    }
    found = load(layout(tmp_path / "image", BASE, **settings), tmp_path / "state")
    assert found.argv == ("/bin/run", "-v", "app.handler")
    assert (found.entrypoint, found.cmd) == (("/bin/run", "-v"), ("app.handler",))
    assert found.environment == {"PATH": "/bin", "EMPTY": "", "A": "b=c"}
    assert (found.working_directory, found.user) == ("/app", "app:app")
    assert "b=c" not in repr(found)


def test_an_image_that_says_nothing(tmp_path: Path) -> None:
    found = load(layout(tmp_path / "image", BASE, Entrypoint=None, Env=None, WorkingDir=""), tmp_path / "state")
    assert (found.argv, found.environment, found.working_directory, found.user) == ((), {}, "/", "")


def test_an_image_is_unpacked_once_by_what_its_layers_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load(layout(tmp_path / "a", BASE, APP, Cmd=["a"]), tmp_path / "state")
    monkeypatch.setattr(image, "apply", None)  # nothing is unpacked again
    second = load(saved(tmp_path / "b.tar", BASE, APP, Cmd=["b"]), tmp_path / "state")
    assert second.root == first.root
    assert (first.cmd, second.cmd) == (("a",), ("b",))


def several(path: Path) -> tuple[Path, str]:
    built = Layout()
    one, two = built.image([BASE], Cmd=["1"]), built.image([BASE], Cmd=["2"])
    built.tagged(one, "1.0").tagged(two, "example.com/team/app:2.0")
    return built.folder(path), two["digest"]


def test_one_of_several_is_named_by_tag_or_digest(tmp_path: Path) -> None:
    path, second = several(tmp_path / "images")
    state = tmp_path / "state"
    assert load(f"{path}:1.0", state).cmd == ("1",)
    assert load(f"{path}:2.0", state).cmd == load(f"{path}@{second}", state).cmd == ("2",)
    archive = saved(tmp_path / "a:b.tar", BASE, tags=["app:1", "app:latest"], Cmd=["3"])
    assert (
        load(archive, state).cmd
        == load(f"{archive}:latest", state).cmd
        == load(f"{archive}:app:1", state).cmd
        == ("3",)
    )


def test_one_of_several_has_to_be_named_and_be_there(tmp_path: Path) -> None:
    path, _ = several(tmp_path / "images")
    assert refusal(path, tmp_path / "state") == "it holds several images: 1.0, example.com/team/app:2.0"
    assert refusal(f"{path}:3.0", tmp_path / "state").endswith("there is no image '3.0' in it")
    assert refusal(f"{path}@{digest(b'')}", tmp_path / "state").endswith(f"there is no image {digest(b'')!r} in it")


@pytest.mark.parametrize("name", [
    "public.ecr.aws/lambda/python:3.12",
    "docker://alpine",
    "000000000000.dkr.ecr.eu-central-1.amazonaws.com/app@sha256:00",
])  # fmt: skip
def test_the_name_of_an_image_in_a_registry_is_refused_with_the_way_to_it(tmp_path: Path, name: str) -> None:
    with pytest.raises(PackageError, match="OCI layout or a saved archive on this machine") as caught:
        load(name, tmp_path / "state")
    assert "skopeo copy" in caught.value.hint
    assert "driver: container" in caught.value.hint


def platform(architecture: str, os: str = "linux") -> dict[str, Any]:
    return {"platform": {"architecture": architecture, "os": os}}


def test_of_an_image_for_several_architectures_this_hosts_is_taken(tmp_path: Path) -> None:
    built = Layout()
    attestation = built.blob(b'{"mediaType": "application/vnd.oci.image.manifest.v1+json"}', "manifest")
    inner = built.index([
        built.image([BASE], Cmd=["other"], architecture=OTHER) | platform(OTHER),
        built.image([BASE], Cmd=["windows"], os="windows") | platform(HOST, "windows"),
        built.image([BASE], Cmd=["ours"]) | platform(HOST),
        attestation | platform("unknown", "unknown"),
        attestation | {"annotations": {"vnd.docker.reference.type": "attestation-manifest"}},
    ])  # fmt: skip
    path = built.tagged(built.index([inner])).folder(tmp_path / "image")
    assert load(path, tmp_path / "state").cmd == ("ours",)


def test_an_image_for_other_hosts_is_refused(tmp_path: Path) -> None:
    single = layout(tmp_path / "a", BASE, architecture=OTHER)
    sentence = f"the image is built for linux/{OTHER}; this host runs linux/{HOST}"
    assert refusal(single, tmp_path / "state") == sentence
    built = Layout()
    both = [built.image([BASE], architecture=name) | platform(name) for name in (OTHER, "s390x")]
    sentence = f"the image is built for linux/{OTHER}, linux/s390x; this host runs linux/{HOST}"
    assert refusal(built.tagged(built.index(both)).folder(tmp_path / "b"), tmp_path / "state") == sentence


def test_what_is_no_image_but_lies_in_a_layout_is_refused(tmp_path: Path) -> None:
    chart = Layout(OCI | {"config": "application/vnd.cncf.helm.config.v1+json"})
    found = refusal(chart.tagged(chart.image([BASE])).folder(tmp_path / "a"), tmp_path / "state")
    assert found.endswith(
        "is no image but an artifact: its configuration is of the kind application/vnd.cncf.helm.config.v1+json"
    )
    encrypted = Layout(OCI | {"gzip": "application/vnd.oci.image.layer.v1.tar+gzip+encrypted"})
    found = refusal(encrypted.tagged(encrypted.image([BASE])).folder(tmp_path / "b"), tmp_path / "state")
    assert (
        found
        == "a layer is of the kind application/vnd.oci.image.layer.v1.tar+gzip+encrypted, which cannot be unpacked"
    )
    old = Layout(OCI | {"manifest": "application/vnd.docker.distribution.manifest.v1+prettyjws"})
    found = refusal(old.tagged(old.image([BASE])).folder(tmp_path / "c"), tmp_path / "state")
    assert found.endswith("prettyjws, which is no image manifest")
    attestations = Layout()
    index = attestations.index([attestations.image([BASE]) | platform("unknown", "unknown")])
    assert refusal(attestations.tagged(index).folder(tmp_path / "d"), tmp_path / "state") == "there is no image in it"


def test_indexes_nest_only_so_deep(tmp_path: Path) -> None:
    built = Layout()
    descriptor = built.image([BASE])
    for _ in range(6):
        descriptor = built.index([descriptor])
    assert "indexes in indexes" in refusal(built.tagged(descriptor).folder(tmp_path / "a"), tmp_path / "state")


def broken(path: Path, break_it: Callable[[dict[str, Any]], object], which: int = 0) -> Path:
    """Write an image whose manifest (0) or configuration (1) was changed, with digests that fit."""
    built = Layout()
    about = json.loads(config([BASE]))
    if which:
        break_it(about)
    document = {
        "mediaType": OCI["manifest"],
        "config": built.blob(json.dumps(about).encode(), "config"),
        "layers": [built.blob(gzip.compress(BASE), "gzip")],
    }
    if not which:
        break_it(document)
    return built.tagged(built.blob(json.dumps(document).encode(), "manifest")).folder(path)


@pytest.mark.parametrize(("change", "which", "sentence"), [
    (lambda d: d.pop("layers"), 0, "a list of JSON objects is missing"),
    (lambda d: d.update(layers=[1]), 0, "a list of JSON objects is missing"),
    (lambda d: d.update(config=7), 0, "config is missing or no dict"),
    (lambda d: d["layers"][0].update(digest="md5:00"), 0, "'md5:00' is no digest"),
    (lambda d: d["layers"][0].update(digest="sha256:../../../etc/passwd"), 0, "is no digest"),
    (lambda d: d["layers"][0].update(digest=digest(b"elsewhere")), 0, "the image lacks blobs/sha256/"),
    (lambda d: d["layers"][0].update(size=1), 0, "its manifest says 1"),
    (lambda d: d["layers"].append(d["layers"][0]), 0, "it has 2 layers, and its configuration speaks of 1"),
    (lambda d: d.pop("rootfs"), 1, "rootfs is missing"),
    (lambda d: d["rootfs"].update(diff_ids=[digest(b"else")]), 1, "is not what its digest"),
    (lambda d: d["config"].update(Entrypoint="/bin/sh -c"), 1, "Entrypoint is no list of texts"),
    (lambda d: d["config"].update(Env=[1]), 1, "Env is no list of texts"),
    (lambda d: d["config"].update(WorkingDir=["/"]), 1, "WorkingDir is missing or no str"),
])  # fmt: skip
def test_documents_that_make_no_sense(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], which: int, sentence: str
) -> None:
    assert sentence in refusal(broken(tmp_path / "image", change, which), tmp_path / "state")


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"manifests": {}}', b"[" * 100_000, b"\xff"])
def test_an_index_that_is_none(tmp_path: Path, content: bytes) -> None:
    path = layout(tmp_path / "image", BASE)
    (path / "index.json").write_bytes(content)
    refusal(path, tmp_path / "state")


def blob(path: Path, content: bytes) -> Path:
    return path / "blobs" / digest(content).replace(":", "/")


@pytest.mark.parametrize("at", [0, 4, 20, -5])  # 4: a time, which changes nothing that is unpacked
def test_a_layer_with_a_wrong_byte_is_refused(tmp_path: Path, at: int) -> None:
    path = layout(tmp_path / "image", BASE, compression="gzip")
    layer = blob(path, gzip.compress(BASE, mtime=0))
    content = bytearray(layer.read_bytes())
    content[at] ^= 1
    layer.write_bytes(content)
    assert "layer" in refusal(path, tmp_path / "state")


@pytest.mark.parametrize("compression", ["plain", "gzip", "zstd"])
@pytest.mark.parametrize("keep", [0, 10, 100, -1])
def test_a_layer_that_was_cut_short_is_refused(tmp_path: Path, compression: str, keep: int) -> None:
    path = layout(tmp_path / "image", APP, compression=compression)
    [layer] = [one for one in (path / "blobs/sha256").iterdir() if not one.read_bytes().startswith(b"{")]
    layer.write_bytes(layer.read_bytes()[:keep])
    assert "layer" in refusal(path, tmp_path / "state")


def test_a_layer_with_something_after_it_is_refused(tmp_path: Path) -> None:
    path = layout(tmp_path / "image", BASE)
    with blob(path, gzip.compress(BASE, mtime=0)).open("ab") as layer:
        layer.write(b"\0\0\0")
    assert "layer" in refusal(path, tmp_path / "state")


def test_a_manifest_that_was_changed_is_refused(tmp_path: Path) -> None:
    path = layout(tmp_path / "image", BASE)
    for document in (path / "blobs/sha256").iterdir():
        if b"layers" in document.read_bytes():
            document.write_bytes(document.read_bytes().replace(b"gzip", b"GZIP"))
    assert refusal(path, tmp_path / "state").endswith("is not what its digest says")


def test_an_archive_whose_configuration_was_changed_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "image.tar", BASE, Cmd=["good"])
    path.write_bytes(path.read_bytes().replace(b"good", b"evil"))
    assert refusal(path, tmp_path / "state").endswith(".json is not what its digest says")


def test_an_archive_whose_layer_was_changed_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "image.tar", tar(file("a", "good")))
    path.write_bytes(path.read_bytes().replace(b"good", b"evil"))
    assert "is not what its digest" in refusal(path, tmp_path / "state")


def test_archives_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(b"not a tar" * 200)
    assert refusal(tmp_path / "a.tar", tmp_path / "state").startswith("this is no archive of an image: ")
    (tmp_path / "b.tar.gz").write_bytes(gzip.compress(tar(file("index.json", "{}"))))
    assert refusal(tmp_path / "b.tar.gz", tmp_path / "state") == "this archive is compressed as a whole"
    (tmp_path / "c.tar").write_bytes(tar(file("x")))
    assert refusal(tmp_path / "c.tar", tmp_path / "state").startswith("this is no image")
    (tmp_path / "d").mkdir()
    assert refusal(tmp_path / "d", tmp_path / "state").startswith("this is no image")


def test_names_in_an_archive_lead_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"{}")
    for target in ("../secret", str(tmp_path / "secret"), "manifest.json/../../secret"):
        more = [link("escape", target), link("loop", "loop")]
        for name in ("escape", "loop", target):
            path = saved(tmp_path / "image.tar", more=[*more, file("manifest.json", json.dumps([{"Config": name}]))])
            assert refusal(path, tmp_path / "state") == f"the image lacks {name}"


def test_a_pipe_in_a_layout_does_not_stop_the_daemon(tmp_path: Path) -> None:
    path = layout(tmp_path / "image", BASE)
    layer = blob(path, gzip.compress(BASE, mtime=0))
    layer.unlink()
    os.mkfifo(layer)
    assert "the image lacks" in refusal(path, tmp_path / "state")


def test_an_archive_holds_only_so_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blobs, "MOST_MEMBERS", 3)
    path = saved(tmp_path / "image.tar", BASE, more=[file("x")])
    assert refusal(path, tmp_path / "state") == "this archive holds more than 3 files"


@pytest.mark.parametrize("compression", ["plain", "gzip", "zstd"])
def test_the_layers_together_may_have_10_gb(tmp_path: Path, compression: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert image.MOST_BYTES == 10 * 1024**3
    path = layout(tmp_path / "image", BASE, APP, compression=compression)
    monkeypatch.setattr(image, "MOST_BYTES", len(BASE) + len(APP) - 1)
    sentence = f"the layers of an image must be smaller than {len(BASE) + len(APP) - 1} bytes unpacked"
    assert refusal(path, tmp_path / "state") == sentence
    monkeypatch.setattr(image, "MOST_BYTES", len(BASE) + len(APP))
    check(load(path, tmp_path / "state"))


def test_a_file_with_holes_counts_as_big_as_it_seems(tmp_path: Path) -> None:
    layer = io.BytesIO()
    sparse = {
        "GNU.sparse.major": "1",
        "GNU.sparse.minor": "0",
        "GNU.sparse.name": "holes",
        "GNU.sparse.realsize": str(1 << 40),
    }
    with tarfile.open(fileobj=layer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        info, content = file("holes", b"1\n0\n1\n".ljust(512, b"\0") + b"x")
        info.pax_headers = sparse
        archive.addfile(info, io.BytesIO(content))
    sentence = refusal(layout(tmp_path / "image", layer.getvalue()), tmp_path / "state")
    assert sentence == f"the layers of an image must be smaller than {image.MOST_BYTES} bytes unpacked"


def test_a_file_with_holes_is_unpacked(tmp_path: Path) -> None:
    layer = io.BytesIO()
    sparse = {
        "GNU.sparse.major": "1",
        "GNU.sparse.minor": "0",
        "GNU.sparse.name": "holes",
        "GNU.sparse.realsize": "5000",
    }
    with tarfile.open(fileobj=layer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        info, content = file("holes", b"1\n4000\n3\n".ljust(512, b"\0") + b"end")
        info.pax_headers = sparse
        archive.addfile(info, io.BytesIO(content))
        info, content = file("next", b"1")
        archive.addfile(info, io.BytesIO(content))
    found = load(layout(tmp_path / "image", layer.getvalue()), tmp_path / "state")
    assert (found.root / "holes").read_bytes() == bytes(4000) + b"end" + bytes(997)
    assert text(found, "next") == "1"


def test_a_header_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, 2 * 1024 * 1024
    layer = info.tobuf() + bytes(info.size) + bytes(1024)
    assert "a header of 2097152 bytes" in refusal(layout(tmp_path / "a", layer), tmp_path / "state")
    (tmp_path / "b.tar").write_bytes(layer)
    assert "a header of 2097152 bytes" in refusal(tmp_path / "b.tar", tmp_path / "state")


def test_a_header_that_cannot_be_read_is_not_taken_for_the_end(tmp_path: Path) -> None:
    layer = tar(file("a", "1"))[:1024] + b"rubbish".ljust(512, b"x") + bytes(1024)
    assert "a header cannot be read" in refusal(layout(tmp_path / "image", layer), tmp_path / "state")


def test_a_file_that_claims_less_than_nothing_is_refused(tmp_path: Path) -> None:
    info = tarfile.TarInfo("a")
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    header[124:136] = b"\xff" * 11 + b"\x00"  # base 256, negative
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    assert "damaged" in refusal(layout(tmp_path / "image", bytes(header) + bytes(1024)), tmp_path / "state")


def test_a_layer_that_leads_out_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    path = layout(tmp_path / "image", BASE, tar(link("up", str(tmp_path)), file("up/inside", "1"), file("../out", "1")))
    assert refusal(path, tmp_path / "state") == "a layer holds '../out', which leads out of the image"
    assert sorted(os.listdir(tmp_path)) == ["image", "state"]


def test_names_that_no_file_may_have_are_refused(tmp_path: Path) -> None:
    for name in ("x" * 300, "/".join("d" * 3000)):
        refusal(layout(tmp_path / "image", tar(file(name))), tmp_path / "state")


def test_names_in_any_encoding_are_kept_as_they_are(tmp_path: Path) -> None:
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w", format=tarfile.GNU_FORMAT, encoding="latin-1") as archive:
        info, content = file("größe")
        archive.addfile(info, io.BytesIO(content))
    found = load(layout(tmp_path / "image", layer.getvalue(), tar(file("größe"))), tmp_path / "state")
    assert sorted(os.listdir(os.fsencode(found.root))) == sorted(["größe".encode("latin-1"), "größe".encode()])


def test_a_zstd_layer_without_its_library_names_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = layout(tmp_path / "image", BASE, compression="zstd")
    imported = builtins.__import__

    def without(name: str, *more: Any) -> Any:
        if name in {"compression", "backports"}:
            raise ImportError(name)
        return imported(name, *more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(PackageError, match="compressed with zstd") as caught:
        load(path, tmp_path / "state")
    assert caught.value.hint == "pip install 'pollerd[zstd]'"


def test_an_unknown_entry_in_a_layer_has_its_sentence(tmp_path: Path) -> None:
    assert "nobody knows" in refusal(layout(tmp_path / "image", tar(entry("a", b"Z"))), tmp_path / "state")
