"""What must hold for a function from a container image. What is in the image is looked at when it is unpacked.

Sources: Lambda DG, Creating Lambda container images; Lambda quotas; Lambda API reference, ImageConfig.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

from poller.settings.containers import check_container
from poller.settings.model import FunctionSettings, ImageCode, ImageConfig
from poller.settings.nodes import Keys
from poller.settings.package import PackageError
from poller.settings.problems import Finding

MOST_ITEMS, LONGEST_DIRECTORY, MOST_BYTES = 1500, 1000, 16384
"""Items of a list, characters, bytes as JSON (ImageConfig; Lambda quotas, container image settings size)."""
NOT_FOR_IMAGES = "Please don't provide Handler or Runtime or Layer when the intended function PackageType is Image."
"""The service's own sentence (CreateFunction, InvalidParameterValueException)."""


def image_reference(text: str) -> tuple[Path, str]:
    """Take ``path[:tag]`` or ``path[@digest]`` apart; "" for what it leaves out. The longest path that exists is the path.

    Raises ``PackageError`` when there is none: for the name of an image in a registry, for example.
    """
    ends = [len(text), *(at for at in range(len(text) - 1, 0, -1) if text[at] in ":@")]
    for end in ends:
        if Path(text[:end]).exists():
            return Path(text[:end]), text[end + 1 :]
    raise PackageError(
        f"there is no {text}; an image is an OCI layout or a saved archive on this machine",
        "`skopeo copy docker://NAME oci:FOLDER:TAG` makes one of an image in a registry; "
        "with `driver: container` an engine runs those as they are",
    )


def check_image(
    keys: Keys, code: ImageCode, function: FunctionSettings, sound: Callable[[Keys], bool]
) -> Iterator[Finding]:
    """Findings about a function whose code is an image."""
    for name in ("runtime", "handler", "layers"):
        if sound((*keys, name)) and getattr(function, name):
            yield Finding((*keys, name), NOT_FOR_IMAGES, "leave it out")
    if function.driver == "container":
        yield from check_container(keys, function)
    else:
        yield from _on_this_machine((*keys, "code"), code)
    if sound((*keys, "image_config")) and function.image_config is not None:
        yield from _overrides((*keys, "image_config"), function.image_config)


def _on_this_machine(keys: Keys, code: ImageCode) -> Iterator[Finding]:
    try:
        image_reference(code.image)
    except PackageError as error:
        yield Finding((*keys, "image"), str(error), error.hint)
    if code.pull != "missing":
        yield Finding((*keys, "pull"), "only an engine fetches images", "driver: container has one do it")


def _overrides(keys: Keys, config: ImageConfig) -> Iterator[Finding]:
    for name in ("entry_point", "command"):
        items = getattr(config, name) or ()
        if len(items) > MOST_ITEMS:
            yield Finding((*keys, name), f"{len(items)} items; {MOST_ITEMS} are allowed")
    if len(config.working_directory or "") > LONGEST_DIRECTORY:
        yield Finding((*keys, "working_directory"), f"longer than {LONGEST_DIRECTORY} characters")
    size = len(json.dumps(asdict(config), ensure_ascii=False, separators=(",", ":")).encode())
    if size > MOST_BYTES:
        yield Finding(keys, f"these settings take {size} bytes as JSON; {MOST_BYTES} are allowed")
