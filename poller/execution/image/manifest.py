"""Which image of a layout or archive is meant, and what its manifest and configuration say.

Sources: OCI image-spec 1.1 (image-index.md, manifest.md, config.md, annotations.md); Docker image manifest v2 schema 2; the
manifest.json of `docker save` ("Docker image specification v1.2", combined image JSON).
"""

from __future__ import annotations

import hashlib
import platform
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

from poller.execution.image.blobs import Blobs
from poller.execution.image.documents import (
    Document,
    blob,
    blob_name,
    digest_of,
    document,
    field,
    items,
    json,
    mapping,
    objects,
    parsed,
    read,
    sound_digest,
    texts,
)
from poller.settings.package import PackageError

HOST = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
"""This host's architecture as images name it (Go's GOARCH)."""

_INDEX = {
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
}
_MANIFEST = {
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
}
_CONFIG = {"application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"}
_LAYER = re.compile(
    r"application/vnd\.oci\.image\.layer\.(nondistributable\.)?v1\.tar(\+gzip|\+zstd)?"
    r"|application/vnd\.docker\.image\.rootfs\.(foreign\.)?diff\.tar(\.gzip|\.zstd)?"
)
_MOST_NESTED = 4
_TAGS = ("org.opencontainers.image.ref.name", "io.containerd.image.name")


@dataclass(frozen=True, slots=True)
class Layer:
    """name: of its blob. digest, size: of the blob; "" and None where an archive does not tell. diff_id: digest of the tar in it."""

    name: str
    digest: str
    size: int | None
    diff_id: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """One image. config: its configuration as it is. chain: names what the layers make together, a hex hash."""

    digest: str
    config: Document
    layers: Sequence[Layer]

    @property
    def chain(self) -> str:
        """Hash of the layers' contents in their order, so that equal file systems are one."""
        return hashlib.sha256("\n".join(layer.diff_id for layer in self.layers).encode()).hexdigest()


class Settings(TypedDict):
    """What an image says of how to start it."""

    entrypoint: tuple[str, ...]
    cmd: tuple[str, ...]
    environment: Mapping[str, str]
    working_directory: str
    user: str


def choose(blobs: Blobs, wanted: str) -> Manifest:
    """Return the image with the tag or digest ``wanted`` ("": the only one) for this host. Raises PackageError."""
    if "index.json" in blobs:
        found = {m.digest: (m, tags) for m, tags in _of_index(blobs, wanted)}
    elif "manifest.json" in blobs:
        found = {m.digest: (m, tags) for m, tags in _of_archive(blobs, wanted)}
    else:
        raise PackageError("this is no image: it has neither an index.json nor a manifest.json")
    if not found:
        raise PackageError(f"there is no image {wanted!r} in it" if wanted else "there is no image in it")
    fitting = {digest: one for digest, one in found.items() if _platform(one[0].config) == ("linux", HOST)}
    if not fitting:
        built = ", ".join(sorted({"/".join(_platform(manifest.config)) for manifest, _ in found.values()}))
        raise PackageError(f"the image is built for {built}; this host runs linux/{HOST}")
    if len(fitting) > 1:
        names = ", ".join(sorted(tag or digest for digest, (_, tag) in fitting.items()))
        raise PackageError(f"it holds several images: {names}", "name one: PATH:TAG or PATH@DIGEST")
    return next(iter(fitting.values()))[0]


def settings(manifest: Manifest) -> Settings:
    """Return what the image's configuration says of starting it. Raises PackageError for what is unsound."""
    config = field(manifest.config, "config", dict, {})
    variables = (text.partition("=") for text in texts(config, "Env"))
    return Settings(
        entrypoint=tuple(texts(config, "Entrypoint")),
        cmd=tuple(texts(config, "Cmd")),
        environment={name: value for name, equals, value in variables if name and equals},
        working_directory=field(config, "WorkingDir", str, "") or "/",
        user=field(config, "User", str, ""),
    )


def _of_index(blobs: Blobs, wanted: str) -> Iterator[tuple[Manifest, str]]:
    index = document(blobs, "index.json")
    for descriptor in items(index, "manifests"):
        tags = [tag for tag in (_annotation(descriptor, name) for name in _TAGS) if tag]
        digest = field(descriptor, "digest", str)
        by_digest = ":" in wanted and wanted.startswith(("sha256:", "sha512:"))
        if wanted and not by_digest and not any(_is_tag(tag, wanted) for tag in tags):
            continue
        for found, leaf in _leaves(blobs, descriptor):
            if not by_digest or wanted in {digest, found}:
                yield _manifest(blobs, found, leaf), tags[0] if tags else ""


def _leaves(blobs: Blobs, descriptor: Document, depth: int = 0) -> Iterator[tuple[str, Document]]:
    """Digests and documents of the image manifests that a descriptor leads to; those for other hosts only if there is no choice."""
    digest, kind = field(descriptor, "digest", str), field(descriptor, "mediaType", str, "")
    document = blob(blobs, descriptor)
    kind = kind or field(document, "mediaType", str, "")
    if kind in _INDEX:
        if depth == _MOST_NESTED:
            raise PackageError("indexes in indexes in indexes; nobody packs images so")
        below = [inner for inner in items(document, "manifests") if not _is_attestation(inner)]
        ours = [inner for inner in below if _names_platform(inner) in {None, ("linux", HOST)}]
        for inner in ours or below:
            yield from _leaves(blobs, inner, depth + 1)
    elif kind in _MANIFEST:
        yield digest, document
    else:
        raise PackageError(f"{digest} is of the kind {kind or 'that nobody names'}, which is no image manifest")


def _manifest(blobs: Blobs, digest: str, document: Document) -> Manifest:
    descriptor = field(document, "config", dict)
    if (kind := field(descriptor, "mediaType", str)) not in _CONFIG:
        raise PackageError(f"{digest} is no image but an artifact: its configuration is of the kind {kind}")
    config = blob(blobs, descriptor)
    layers = items(document, "layers")
    for layer in layers:
        if not _LAYER.fullmatch(kind := field(layer, "mediaType", str)):
            raise PackageError(f"a layer is of the kind {kind}, which cannot be unpacked")
    named = [(blob_name(digest_of(layer)), digest_of(layer), field(layer, "size", int)) for layer in layers]
    return Manifest(digest, config, _layers(named, config))


def _of_archive(blobs: Blobs, wanted: str) -> Iterator[tuple[Manifest, str]]:
    """Images of `docker save` without an index; what it names has no digests but those in names and in the configuration."""
    for image in objects(json(blobs, "manifest.json")):
        tags = texts(image, "RepoTags")
        name = field(image, "Config", str)
        content = read(blobs, name)
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        stem = re.search(r"[a-f0-9]{64}", name)
        if stem and stem[0] not in digest:
            raise PackageError(f"{name} is not what its digest says")
        if not wanted or wanted == digest or any(_is_tag(tag, wanted) for tag in tags):
            config = mapping(parsed(content, name), name)
            named = [(layer, "", None) for layer in texts(image, "Layers")]
            yield Manifest(digest, config, _layers(named, config)), tags[0] if tags else ""


def _layers(named: Sequence[tuple[str, str, int | None]], config: Document) -> tuple[Layer, ...]:
    diff_ids = texts(field(config, "rootfs", dict), "diff_ids")
    if len(diff_ids) != len(named):
        raise PackageError(f"it has {len(named)} layers, and its configuration speaks of {len(diff_ids)}")
    return tuple(Layer(*layer, sound_digest(diff_id)) for layer, diff_id in zip(named, diff_ids, strict=True))


def _platform(config: Document) -> tuple[str, str]:
    return field(config, "os", str, "linux"), field(config, "architecture", str, "unknown")


def _names_platform(descriptor: Document) -> tuple[str, str] | None:
    return _platform(descriptor["platform"]) if isinstance(descriptor.get("platform"), dict) else None


def _is_attestation(descriptor: Document) -> bool:
    kind = _annotation(descriptor, "vnd.docker.reference.type")
    return bool(kind) or _names_platform(descriptor) == ("unknown", "unknown")


def _is_tag(tag: str, wanted: str) -> bool:
    return tag == wanted or tag.endswith((f":{wanted}", f"/{wanted}"))


def _annotation(descriptor: Document, name: str) -> str:
    return field(field(descriptor, "annotations", dict, {}), name, str, "")
