"""Container images as code, and the engine that runs them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class ImageCode:
    """A container image as a function's code."""

    image: str = field(metadata={"path": True, "example": "./images/orders"})
    """OCI image layout (folder or .tar) or archive of `docker save` or `podman save`; `:tag` or `@digest` after it where it holds
    several images. Of an image for several architectures this host's is taken. With driver: container: the name of an image as engines
    understand it, e.g. ghcr.io/team/orders:1."""
    pull: str = field(default="missing", metadata={"choices": ("missing", "always", "never")})
    """When the engine fetches the image: always (at each start of the daemon), if it is missing there, never. What a name means is looked
    up when the daemon starts; moving a tag changes nothing until the next start. Only with driver: container."""


@dataclass(frozen=True, kw_only=True)
class ImageConfig:
    """What replaces the image's own settings (Lambda API reference, ImageConfig)."""

    entry_point: Sequence[str] | None = None
    """Instead of the image's ENTRYPOINT: absolute path of a program, and arguments. At most 1500 items."""
    command: Sequence[str] | None = None
    """Instead of the image's CMD: further arguments, for AWS's base images the handler. At most 1500 items."""
    working_directory: str | None = None
    """Instead of the image's WORKDIR. At most 1000 characters."""


@dataclass(frozen=True, kw_only=True)
class ContainerSettings:
    """The container engine of functions with driver: container: Docker, or Podman's service (`podman system service`)."""

    endpoint_url: str = field(
        default="",
        metadata={
            "pattern": r"((unix|tcp|http|https)://.+)?",
            "words": "unix:///path or tcp://127.0.0.1:port",
            "example": "unix:///run/podman/podman.sock",
        },
    )
    """Address of its API; the engine must run on this host. Empty: DOCKER_HOST or CONTAINER_HOST from the daemon's environment, else the
    sockets that Docker and Podman have by default."""
    network: str = field(
        default="default",
        metadata={
            "pattern": r"(?!host$|container:)[^\s]+",
            "words": "a network of the engine; the host's and that of other containers are none",
        },
    )
    """Network of the engine that functions are in, unless they say `network: none`; default is the engine's own. No port is published."""
