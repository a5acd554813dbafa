"""The container engine: Docker, or Podman's service, by the Docker Engine API. The one door to aiodocker.

What is asked of it is little: images, and containers made, started and removed. What happens inside is the agent's business (agent.py), so
an engine that is started anew in the meantime changes nothing for what runs.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import stat
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp

if TYPE_CHECKING:
    import aiodocker

SECONDS = 30.0
"""For one request but a pull."""
NOT_FOUND = 404
GONE = frozenset({NOT_FOUND, 409})
"""409: it is being removed already."""
UNREACHABLE = 900
"""aiodocker's status for an engine that it could not talk to."""


class EngineError(Exception):
    """The engine refused, or is not there. The message is a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An image as an engine has it. id: digest of its configuration, which no tag can be moved away from."""

    id: str
    digest: str
    entrypoint: tuple[str, ...]
    cmd: tuple[str, ...]
    environment: Mapping[str, str]
    working_directory: str


def candidates(configured: str) -> list[str]:
    """Addresses to try, in order: the one that is configured, else what Docker's and Podman's own clients would."""
    if configured:
        return [configured]
    named = [os.environ[name] for name in ("DOCKER_HOST", "CONTAINER_HOST") if os.environ.get(name)]
    if named:
        return named
    own = os.environ.get("XDG_RUNTIME_DIR", f"/run/user/{os.getuid()}")
    paths = ("/run/docker.sock", f"{own}/docker.sock", "/run/podman/podman.sock", f"{own}/podman/podman.sock")
    return [f"unix://{path}" for path in paths]


def find(configured: str) -> tuple[str, str]:
    """The first address that takes a connection, and ""; else "", and a sentence that says what was tried."""
    if find_spec("aiodocker") is None:
        return "", "the container driver needs aiodocker: pip install 'pollerd[container]'"
    tried = []
    for url in candidates(configured):
        trouble = _unreachable(url)
        if not trouble:
            return url, ""
        tried.append(f"{url}: {trouble}")
    remedy = "start Docker, or `podman system service`, or name the engine in container.endpoint_url"
    return "", f"there is no container engine ({'; '.join(tried)}); {remedy}"


def _unreachable(url: str) -> str:
    """Why an address takes no connection; "" when it does."""
    parts = urlsplit(url)
    try:
        if parts.scheme == "unix":
            if not stat.S_ISSOCK(Path(parts.path).stat().st_mode):
                return "no socket"
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(2.0)
                client.connect(parts.path)
        elif parts.scheme in {"tcp", "http", "https"} and parts.hostname:
            socket.create_connection((parts.hostname, parts.port or 2375), timeout=2.0).close()
        else:
            return "neither unix:// nor tcp://"
    except (OSError, ValueError) as error:
        return str(getattr(error, "strerror", None) or error).lower()
    return ""


class Engine:
    """One engine. url: as ``find`` returned it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._client: aiodocker.Docker | None = None
        self._maps_users: bool | None = None

    async def maps_users(self) -> bool:
        """Whether users inside are others outside, of which there are fewer then (rootless engines, userns-remap). Raises EngineError."""
        if self._maps_users is None:
            async with self._asking("itself") as client:
                options = (await client.system.info()).get("SecurityOptions") or []
                self._maps_users = any(option in str(each) for each in options for option in ("rootless", "userns"))
        return self._maps_users

    async def image(self, name: str, pull: str) -> Found:
        """What a name means now. pull: missing, always or never. Raises EngineError."""
        async with self._asking(f"the image {name}") as client:
            if pull == "always":
                await client.images.pull(name)
            try:
                return _found(await client.images.inspect(name))
            except _client_error() as error:
                if error.status != NOT_FOUND:
                    raise
            if pull == "never":
                raise EngineError(
                    f"the container engine at {self.url} has no image {name}, and pull: never keeps it from fetching one"
                )
            await client.images.pull(name)
            return _found(await client.images.inspect(name))

    async def start(self, configuration: dict[str, Any]) -> str:
        """Make a container and start it; its id. Raises EngineError."""
        async with self._asking("a new container") as client:
            container = await client.containers.create(configuration)
            try:
                await container.start()
            except BaseException:
                with contextlib.suppress(_client_error()):
                    await container.delete(force=True, v=True)
                raise
            return str(container.id)

    async def remove(self, container: str) -> None:
        """Remove a container with all that runs in it; one that is gone, or going, is fine. Raises EngineError."""
        async with self._asking("the end of a container") as client:
            try:
                await client.containers.container(container).delete(force=True, v=True)
            except _client_error() as error:
                if error.status not in GONE:
                    raise

    async def labelled(self, label: str) -> dict[str, dict[str, str]]:
        """Containers with a label, ``name=value``, whatever their state: id -> all labels. Raises EngineError."""
        async with self._asking("the list of containers") as client:
            listed = await client.containers.list(all=1, filters=json.dumps({"label": [label]}))
            return {each["Id"]: dict(each["Labels"] or {}) for each in listed}

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.close()

    @contextlib.asynccontextmanager
    async def _asking(self, what: str) -> AsyncIterator[aiodocker.Docker]:
        """Errors of the client become ours."""
        self._client = self._client or _client(self.url)
        try:
            yield self._client
        except _client_error() as error:
            if error.status == UNREACHABLE:
                raise EngineError(f"the container engine at {self.url} cannot be reached") from error
            raise EngineError(f"the container engine at {self.url} says about {what}: {error.message}") from error
        except (OSError, TimeoutError, ValueError, aiohttp.ClientError) as error:
            raise EngineError(f"the container engine at {self.url} broke off about {what}: {error!r}") from error


def _client(url: str) -> aiodocker.Docker:
    import aiodocker  # noqa: PLC0415  # an extra, which a daemon without such functions does not have

    return aiodocker.Docker(url=url, timeout=aiohttp.ClientTimeout(total=SECONDS))


def _client_error() -> type[aiodocker.DockerError]:
    """The client's error, by which an answer's status is known."""
    import aiodocker  # noqa: PLC0415  # as above

    return aiodocker.DockerError


def _found(about: Mapping[str, Any]) -> Found:
    """From the engine's answer about an image (Docker Engine API, ImageInspect)."""
    configured = about["Config"] or {}
    digests = about.get("RepoDigests") or [about["Id"]]
    return Found(
        id=about["Id"],
        digest=str(digests[0]).rpartition("@")[2],
        entrypoint=tuple(configured.get("Entrypoint") or ()),
        cmd=tuple(configured.get("Cmd") or ()),
        environment=dict(each.split("=", 1) for each in configured.get("Env") or () if "=" in each),
        working_directory=configured.get("WorkingDir") or "/",
    )
