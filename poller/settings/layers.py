"""What must hold for the layers of a function. Sources: Lambda DG, Adding layers to functions; Lambda quotas."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from poller.settings.code import contents
from poller.settings.nodes import Keys
from poller.settings.package import PackageError, Room
from poller.settings.problems import Finding

MOST_LAYERS = 5
"""Lambda quotas, function layers."""


def check_layers(keys: Keys, layers: Sequence[str], room: Room) -> Iterator[Finding]:
    """Findings about the layers at ``keys``. room: what the package has left of the bytes that both may have."""
    if len(layers) > MOST_LAYERS:
        yield Finding(keys, f"{len(layers)} layers; a function may have {MOST_LAYERS}")
        return
    for at, layer in enumerate(layers):
        if layer in layers[:at]:
            yield Finding((*keys, at), "this layer is named twice", "leave one out")
            continue
        try:
            contents(Path(layer), room, in_place=False)
        except PackageError as error:
            yield Finding((*keys, at), str(error), error.hint)
