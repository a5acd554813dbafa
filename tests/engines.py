"""A container engine of a test's own: Podman's service on a socket in a folder, and images from scratch for it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import aiodocker
import pytest

from tests import images


class Podman:
    """One service with a storage of its own. folder: for all of it; short, because sockets lie in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = f"unix://{folder}/engine.sock"
        self._service: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the service, or skip the test: there is no Podman, or it cannot run here."""
        program, runtime = shutil.which("podman"), shutil.which("runc") or shutil.which("crun")
        if program is None or runtime is None:
            pytest.skip("podman with runc or crun is not installed")
        if os.geteuid() != 0:
            pytest.skip("podman of a test's own takes root")
        socket = self.folder / "engine.sock"
        socket.unlink(missing_ok=True)
        own = [f"--{name}={self.folder / name}" for name in ("root", "runroot", "tmpdir")]
        options = [*own, f"--runtime={runtime}", "--cgroup-manager=cgroupfs", "--storage-driver=vfs"]
        log = (self.folder / "engine.log").open("ab")
        with log:
            self._service = subprocess.Popen(
                [program, *options, "system", "service", "--time=0", self.url],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        for _ in range(200):
            if socket.exists() or self._service.poll() is not None:
                break
            time.sleep(0.05)
        if not socket.exists():
            self.stop()
            pytest.skip(f"podman cannot serve here: {(self.folder / 'engine.log').read_text()[-500:]}")

    def stop(self) -> None:
        """End the service; containers stay, they are not its children."""
        if self._service is not None:
            self._service.send_signal(signal.SIGKILL)
            self._service.wait()
            self._service = None

    def load(self, name: str, *layers: bytes, **settings: str | list[str]) -> str:
        """Give the engine an image; its name."""
        archive = images.saved(self.folder / "image.tar", *layers, tags=[name], **settings)  # type: ignore[arg-type]  # settings of the image only
        asyncio.run(self._load(archive))
        return name

    async def _load(self, archive: Path) -> None:
        with archive.open("rb") as content:
            async with aiodocker.Docker(url=self.url) as client:
                await client.images.import_image(content)

    async def containers(self) -> list[str]:
        """Ids of all containers, whatever their state."""
        async with aiodocker.Docker(url=self.url) as client:
            return [each.id for each in await client.containers.list(all=1)]

    async def clean(self) -> None:
        """Remove whatever there is."""
        async with aiodocker.Docker(url=self.url) as client:
            for container in await client.containers.list(all=1):
                with contextlib.suppress(aiodocker.DockerError):  # it removes itself
                    await container.delete(force=True)
