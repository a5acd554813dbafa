"""The layers that a function names, by the ARNs of their versions → their packages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from poller.control.api import documents
from poller.control.api.names import Account, NamedLayer, named_layer
from poller.control.api.refusals import invalid
from poller.control.layers import Layers, LayerVersion
from poller.settings.layers import MOST_LAYERS


@dataclass(frozen=True, slots=True)
class Attached:
    """The layers of a function, in their order."""

    layers: Sequence[tuple[str, LayerVersion]]

    @property
    def unpacked(self) -> int:
        """Bytes of their files."""
        return sum(layer.package.unpacked for _, layer in self.layers)

    def document(self, before: Mapping[str, Any]) -> dict[str, Any]:
        """A function's document with these layers."""
        return documents.with_layers(before, [layer.package.reference for _, layer in self.layers])

    def shown(self, before: Mapping[str, Any]) -> dict[str, Any]:
        """What is shown of a function, with these layers."""
        return {**before, "Layers": [{"Arn": arn, "CodeSize": layer.package.size} for arn, layer in self.layers]}


def attached(arns: Sequence[str], layers: Layers, account: Account) -> Attached:
    """What the ARNs mean. Blocking. Raises ApiError, in the service's words (recorded in November 2025), and StoreError."""
    if len(arns) > MOST_LAYERS:
        raise invalid(f"Cannot reference more than {MOST_LAYERS} layers.")
    seen: dict[str, str] = {}
    found = []
    for arn in arns:
        layer = named_layer(arn, account)
        if layer.region != account.region:
            sentence = "Layers are not in the same region as the function. Layers are expected to be in region"
            raise invalid(f"{sentence} {account.region}.")
        if (other := seen.get(layer.name)) is not None:
            raise invalid(
                "Two different versions of the same layer are not allowed to be referenced in the same function. "
                f"{other} and {arn} are versions of the same layer."
            )
        seen[layer.name] = arn
        version = _version(layer, layers)
        if version is None:
            raise invalid(f"Layer version {arn} does not exist.")
        found.append((arn, version))
    return Attached(found)


def _version(layer: NamedLayer, layers: Layers) -> LayerVersion | None:
    if not layer.here or layer.number is None:
        return None
    return layers.get(layer.name, layer.number)
