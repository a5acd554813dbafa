"""A function's code, from where the configuration names it to what a driver starts."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

from poller.execution.contract import EngineImage, Image
from poller.execution.package import resolve
from poller.execution.package.layers import merged
from poller.settings.model import FunctionSettings, ImageCode, ImageConfig
from poller.settings.package import PackageError, Room


class Unpacked(TypedDict):
    """The fields of a FunctionSpec that name folders."""

    task_root: str
    layers_root: str | None
    image: Image | None
    engine_image: EngineImage | None


def unpacked(function: FunctionSettings, state: Path) -> Unpacked:
    """Unpack package and layers, or the image; what is there already stays, and what runs elsewhere has nothing. Raises PackageError."""
    if function.remote is not None:
        return Unpacked(task_root="", layers_root=None, image=None, engine_image=None)
    if isinstance(function.code, str):
        room = Room() if function.layers else None
        task_root = resolve(Path(function.code), state, room)
        layers_root = merged([Path(layer) for layer in function.layers], state, room)
        return Unpacked(
            task_root=str(task_root),
            layers_root=None if layers_root is None else str(layers_root),
            image=None,
            engine_image=None,
        )
    if function.driver == "container":
        named = _named(function.code, function.image_config or ImageConfig())
        return Unpacked(task_root="", layers_root=None, image=None, engine_image=named)
    found = loaded(function.code.image, state)
    configured = _configured(found, function.image_config or ImageConfig())
    if not configured.argv:
        raise PackageError("the image has neither ENTRYPOINT nor CMD", "name what to start in image_config")
    environment = {**found.environment, **function.environment}
    configured = dataclasses.replace(configured, environment=environment)
    return Unpacked(task_root=str(found.root), layers_root=None, image=configured, engine_image=None)


def _named(code: ImageCode, config: ImageConfig) -> EngineImage:
    """An image that the engine has; what it says of itself is known only when it is there."""
    return EngineImage(
        name=code.image,
        pull=code.pull,
        entrypoint=None if config.entry_point is None else tuple(config.entry_point),
        cmd=None if config.command is None else tuple(config.command),
        working_directory=config.working_directory,
    )


def loaded(reference: str, state: Path) -> Image:
    """The image that a reference names, unpacked. Raises PackageError."""
    from poller.execution import image  # noqa: PLC0415  # archives and their compressions take megabytes that few daemons need

    return image.load(reference, state)


def _configured(found: Image, config: ImageConfig) -> Image:
    """Each override replaces its own setting only (Lambda DG, Creating Lambda container images)."""

    def either(override: Sequence[str] | None, own: tuple[str, ...]) -> tuple[str, ...]:
        return own if override is None else tuple(override)

    return dataclasses.replace(
        found,
        entrypoint=either(config.entry_point, found.entrypoint),
        cmd=either(config.command, found.cmd),
        working_directory=config.working_directory or found.working_directory,
    )
