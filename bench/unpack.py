"""(g) Packages and images on their way to the disk: a .zip of 100 MB, an image of 300 MB, each with thousands of files."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import random
import shutil
import subprocess
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.figures import Line, Rounds, Skipped
from bench.run import Bench
from poller.execution import image
from poller.execution.image.manifest import HOST
from poller.execution.package import resolve

FILES, FILE_BYTES = 2000, 100 * 1024
"""Of the .zip: 200 MB unpacked, half of which deflate makes away with. A layer of the image has half as many files."""
LAYERS = 3
ROUNDS = 5


def measure(bench: Bench) -> Iterator[Line | Skipped]:
    """Ours beside what else unpacks the same; each round into a new folder, with the disk at rest before it."""
    with bench.folder() as folder:
        rounds = Rounds()
        code, layout = _zip(folder / "code.zip"), _layout(folder / "layout")
        contenders: dict[str, Callable[[Path], object]] = {
            "zip": lambda into: resolve(code, into),
            "extractall": lambda into: _extract(code, into),
            "image": lambda into: image.load(str(layout), into),
        }
        if shutil.which("umoci"):
            contenders["umoci"] = lambda into: _umoci(layout, into)
        for _ in range(bench.size(ROUNDS, 2)):
            for name, unpack in contenders.items():
                rounds.add(name, _timed(unpack, folder / "unpacked"))
    ours, bare = rounds.figure("zip"), rounds.figure("extractall")
    yield Line(letter="g", path=".zip of 100 MB", unit="s", ours=ours, peer="zipfile.extractall", theirs=bare)
    theirs = rounds.figure("umoci") if "umoci" in contenders else None
    peer = "umoci unpack" if theirs else ""
    yield Line(letter="g", path="image of 300 MB", unit="s", ours=rounds.figure("image"), peer=peer, theirs=theirs)
    if theirs is None:
        yield Skipped(letter="g", path="image beside umoci", reason="umoci is not installed")


def _timed(unpack: Callable[[Path], object], into: Path) -> float:
    os.sync()
    began = time.monotonic()
    unpack(into)
    took = time.monotonic() - began
    shutil.rmtree(into)
    return took


def _extract(code: Path, into: Path) -> None:
    with zipfile.ZipFile(code) as archive:
        archive.extractall(into)


def _umoci(layout: Path, into: Path) -> None:
    rootless = [] if os.getuid() == 0 else ["--rootless"]
    subprocess.run(["umoci", "unpack", *rootless, "--image", f"{layout}:1", into], check=True, capture_output=True)


def _bodies(seed: int) -> Iterator[bytes]:
    chance = random.Random(seed)
    text = b"def handler(event, context):\n    return event\n"
    while True:
        yield (chance.randbytes(FILE_BYTES // 2) + text * (FILE_BYTES // 2 // len(text) + 1))[:FILE_BYTES]


def _zip(path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for at, body in zip(range(FILES), _bodies(0), strict=False):
            archive.writestr(f"lib/p{at % 50}/m{at}.py", body)
    return path


def _layout(path: Path) -> Path:
    """Write an OCI layout with one image."""
    layers, diff_ids = [], []
    for number in range(LAYERS):
        tar = _tar(number)
        diff_ids.append(f"sha256:{hashlib.sha256(tar).hexdigest()}")
        layers.append(_blob(path, gzip.compress(tar, 6), "layer.v1.tar+gzip"))
    config = {"os": "linux", "architecture": HOST, "config": {}, "rootfs": {"type": "layers", "diff_ids": diff_ids}}
    about = _blob(path, json.dumps(config).encode(), "config.v1+json")
    manifest = {"schemaVersion": 2, "config": about, "layers": layers}
    top = _blob(path, json.dumps(manifest).encode(), "manifest.v1+json")
    top["annotations"] = {"org.opencontainers.image.ref.name": "1"}
    (path / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [top]}))
    (path / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return path


def _blob(path: Path, content: bytes, kind: str) -> dict[str, object]:
    digest = hashlib.sha256(content).hexdigest()
    (path / "blobs/sha256").mkdir(parents=True, exist_ok=True)
    (path / "blobs/sha256" / digest).write_bytes(content)
    return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": f"sha256:{digest}", "size": len(content)}


def _tar(number: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for at, body in zip(range(FILES // 2), _bodies(number + 1), strict=False):
            entry = tarfile.TarInfo(f"layer{number}/p{at % 50}/m{at}.py")
            entry.size = len(body)
            archive.addfile(entry, io.BytesIO(body))
    return buffer.getvalue()
