"""Container images without an engine: what `skopeo`, `docker save` and the like write, unpacked to a root file system.

blobs.py opens the layout or archive, manifest.py chooses an image in it and reads what that says, layer.py reads a layer and checks
its digests, root.py applies it. Nothing of an image is believed: sizes, digests, names and links are checked as they are read.

Sources: OCI image-spec 1.1 (image-layout, image-index, manifest, config, layer); Docker image manifest v2 schema 2; Lambda DG,
Creating Lambda container images.
"""

from __future__ import annotations

from pathlib import Path

from poller.execution.contract import Image
from poller.execution.image import manifest
from poller.execution.image.blobs import Blobs, opened
from poller.execution.image.layer import apply
from poller.execution.image.root import Root
from poller.execution.package import shelf
from poller.settings.image import image_reference
from poller.settings.package import PackageError, Room

SHELF = "images"
MOST_BYTES = 10 * 1024**3
"""All layers together, as uncompressed tar (Lambda quotas: container image code package size, 10 GB)."""


def load(reference: str, state: Path) -> Image:
    """Unpack the image that ``path[:tag]`` or ``path[@digest]`` refers to, once by the content of its layers. Raises PackageError."""
    path, wanted = image_reference(reference)
    try:
        with opened(path) as blobs:
            chosen = manifest.choose(blobs, wanted)
            settings = manifest.settings(chosen)
            root = shelf.find(state / SHELF, chosen.chain) or _unpacked(blobs, chosen, state / SHELF)
    except PackageError as error:
        raise PackageError(f"{path}: {error}", error.hint) from error
    except OSError as error:
        raise PackageError(f"{path} cannot be unpacked: {error}") from error
    return Image(root=root, digest=chosen.digest, **settings)


def _unpacked(blobs: Blobs, chosen: manifest.Manifest, folder: Path) -> Path:
    room = Room(MOST_BYTES, "the layers of an image")
    with shelf.beside(folder) as building:
        root = Root(building)
        for layer in chosen.layers:
            apply(blobs, layer, root, room)
        return shelf.place(building, folder, chosen.chain)
