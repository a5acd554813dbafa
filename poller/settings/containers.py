"""What must hold for a function that a container engine runs, and how its image is named. Nothing is asked of the engine here."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from typing import Any

from poller.settings.decode import Decoder
from poller.settings.model import FunctionSettings, ImageCode
from poller.settings.nodes import Keys, Node, Scalar, Table
from poller.settings.problems import Finding

_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME = re.compile(
    rf"(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?(?::[0-9]+)?/)?{_PART}(?:/{_PART})*(?P<tag>:[\w][\w.-]{{0,127}})?(?P<digest>@sha256:[0-9a-f]{{64}})?"
)
"""Registry, path, tag and digest (distribution/reference: the grammar of names)."""


def read_function(node: Node, keys: Keys, *, decoder: Decoder) -> Any:
    """A function's settings; the name of an engine's image is no path, so it is taken as it stands in the file."""
    return named(decoder.dataclass(FunctionSettings, node, keys, partial=True), node)


def named(function: Any, node: Node) -> Any:
    """Settings that were read from a node, with the image's name as it stands there, if an engine is to run it."""
    if not isinstance(function, FunctionSettings) or function.driver != "container":
        return function
    code = node.entries["code"].node if isinstance(node, Table) and "code" in node.entries else None
    image = code.entries["image"].node if isinstance(code, Table) and "image" in code.entries else None
    if not isinstance(image, Scalar) or not isinstance(function.code, ImageCode):
        return function
    text = image.value if image.text is None else image.text
    return dataclasses.replace(function, code=dataclasses.replace(function.code, image=str(text)))


def is_image_name(text: str) -> bool:
    """Whether engines would understand it as the name of an image."""
    return _NAME.fullmatch(text) is not None


def fixed_digest(name: str) -> str:
    """Hexadecimal digest in the name of an image; "" when it has none, so that it may become another one."""
    match = _NAME.fullmatch(name)
    return (match["digest"] or "").rpartition(":")[2] if match else ""


def check_container(keys: Keys, function: FunctionSettings) -> Iterator[Finding]:
    """Findings about a function with ``driver: container`` and an image."""
    if isinstance(function.code, ImageCode) and not is_image_name(function.code.image):
        sentence = f"{function.code.image!r} is no name of an image, such as ghcr.io/team/orders:1"
        yield Finding(
            (*keys, "code", "image"), sentence, "an image on this machine runs without an engine: leave driver out"
        )
    if function.network == "shared":
        sentence = "a container has no part in the host's network"
        yield Finding((*keys, "network"), sentence, "leave it out, and list ports of the host in host_ports")
    if 9001 in function.host_ports:  # noqa: PLR2004  # the address of every environment's Runtime API
        yield Finding((*keys, "host_ports"), "port 9001 is that of the Runtime API inside")
