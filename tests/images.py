"""Container images from scratch: entries, layers, layouts and archives, sound ones and others, without any tool."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from backports import zstd

from poller.execution.image.manifest import HOST

Entry = tuple[tarfile.TarInfo, bytes]

OCI = {
    "index": "application/vnd.oci.image.index.v1+json",
    "manifest": "application/vnd.oci.image.manifest.v1+json",
    "config": "application/vnd.oci.image.config.v1+json",
    "plain": "application/vnd.oci.image.layer.v1.tar",
    "gzip": "application/vnd.oci.image.layer.v1.tar+gzip",
    "zstd": "application/vnd.oci.image.layer.v1.tar+zstd",
}
DOCKER = {
    "index": "application/vnd.docker.distribution.manifest.list.v2+json",
    "manifest": "application/vnd.docker.distribution.manifest.v2+json",
    "config": "application/vnd.docker.container.image.v1+json",
    "plain": "application/vnd.docker.image.rootfs.diff.tar",
    "gzip": "application/vnd.docker.image.rootfs.diff.tar.gzip",
    "zstd": "application/vnd.docker.image.rootfs.diff.tar.zstd",
}
COMPRESS: Mapping[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": lambda tar: gzip.compress(tar, mtime=0),
    "zstd": zstd.compress,
}


def entry(name: str, kind: bytes = tarfile.REGTYPE, content: bytes = b"", **more: Any) -> Entry:
    """Return one entry of a layer; more: attributes of its TarInfo."""
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, len(content)
    for key, value in more.items():
        setattr(info, key, value)
    return info, content


def file(name: str, content: bytes | str = b"", mode: int = 0o644, **more: Any) -> Entry:
    return entry(name, content=content.encode() if isinstance(content, str) else content, mode=mode, **more)


def folder(name: str, mode: int = 0o755) -> Entry:
    return entry(name, tarfile.DIRTYPE, mode=mode)


def link(name: str, target: str) -> Entry:
    return entry(name, tarfile.SYMTYPE, linkname=target)


def hard(name: str, target: str) -> Entry:
    return entry(name, tarfile.LNKTYPE, linkname=target)


def tar(*entries: Entry) -> bytes:
    """Return a layer, uncompressed."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for info, content in entries:
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def config(layers: Sequence[bytes], architecture: str = HOST, os: str = "linux", **settings: Any) -> bytes:
    return json.dumps({
        "architecture": architecture,
        "os": os,
        "config": settings,
        "rootfs": {"type": "layers", "diff_ids": [digest(layer) for layer in layers]},
    }).encode()  # fmt: skip


class Layout:
    """An OCI layout in the making: parts by name."""

    def __init__(self, types: Mapping[str, str] = OCI) -> None:
        self.types = types
        self.parts: dict[str, bytes] = {"oci-layout": b'{"imageLayoutVersion": "1.0.0"}'}
        self.top: list[dict[str, Any]] = []

    def blob(self, content: bytes, kind: str, **more: Any) -> dict[str, Any]:
        """Keep a blob; return its descriptor."""
        self.parts["blobs/" + digest(content).replace(":", "/")] = content
        return {"mediaType": self.types.get(kind, kind), "digest": digest(content), "size": len(content)} | more

    def image(self, layers: Sequence[bytes], compression: str = "gzip", **settings: Any) -> dict[str, Any]:
        """Keep an image of uncompressed layers; return its descriptor."""
        document = {
            "schemaVersion": 2,
            "mediaType": self.types["manifest"],
            "config": self.blob(config(layers, **settings), "config"),
            "layers": [self.blob(COMPRESS[compression](layer), compression) for layer in layers],
        }
        return self.blob(json.dumps(document).encode(), "manifest")

    def index(self, descriptors: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Keep an index of other descriptors; return its own."""
        document = {"schemaVersion": 2, "mediaType": self.types["index"], "manifests": descriptors}
        return self.blob(json.dumps(document).encode(), "index")

    def tagged(self, descriptor: dict[str, Any], tag: str = "") -> Layout:
        """Put a descriptor into index.json."""
        notes = {"annotations": {"org.opencontainers.image.ref.name": tag}} if tag else {}
        self.top.append(descriptor | notes)
        self.parts["index.json"] = json.dumps({"schemaVersion": 2, "manifests": self.top}).encode()
        return self

    def folder(self, path: Path) -> Path:
        for name, content in self.parts.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(content)
        return path

    def archive(self, path: Path) -> Path:
        path.write_bytes(tar(*(file(name, content) for name, content in self.parts.items())))
        return path


def layout(path: Path, *layers: bytes, compression: str = "gzip", **settings: Any) -> Path:
    """Write a layout with one image, and no tag, as a folder."""
    built = Layout()
    return built.tagged(built.image(layers, compression, **settings)).folder(path)


def saved(
    path: Path, *layers: bytes, tags: Sequence[str] = ("app:1",), more: Sequence[Entry] = (), **settings: Any
) -> Path:
    """Write what `docker save` wrote before it wrote layouts: manifest.json, the configuration, a folder a layer."""
    about = config(layers, **settings)
    names = [f"{at:064x}/layer.tar" for at in range(len(layers))]
    name = f"{hashlib.sha256(about).hexdigest()}.json"
    listed = [{"Config": name, "RepoTags": list(tags), "Layers": names}]
    first = {layer: names[layers.index(layer)] for layer in layers}
    written = [
        file(name, layer) if first[layer] == name else link(name, f"../{first[layer]}")
        for name, layer in zip(names, layers, strict=True)
    ]
    path.write_bytes(tar(file(name, about), *written, file("manifest.json", json.dumps(listed)), *more))
    return path
