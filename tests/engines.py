"""A container engine of a test's own: Podman's service on a socket in a folder, and images from scratch for it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import aiodocker
import pytest

from tests import clients
from tests.cache import CACHE
from tests.images import file, folder, saved, tar
from tests.servers import Unavailable

NAME, EXTENDED, CLOSED = "localhost/orders:1", "localhost/orders:extended", "localhost/orders:closed"
"""Images of an engine that serves: the function of clients/container; with an extension; with a /tmp that nobody may write to."""


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
        archive = saved(self.folder / "image.tar", *layers, tags=[name], **settings)  # type: ignore[arg-type]  # settings of the image only
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


def built() -> bytes:
    """The program of clients/container, or a skip."""
    try:
        return clients.container(CACHE).read_bytes()
    except Unavailable as reason:
        pytest.skip(str(reason))


@contextlib.contextmanager
def serving(program: bytes) -> Iterator[Podman]:
    """An engine with images; gone with all its containers at the end."""
    place = Path(tempfile.mkdtemp(prefix="engine-"))
    engine = Podman(place)
    try:
        engine.start()
        closed = tar(file("bootstrap", program, 0o755), folder("tmp/"))
        engine.load(CLOSED, closed, Entrypoint=["/bootstrap"])
        folders = (folder("tmp/", 0o1777), folder("work/"), folder("mnt/"), folder("etc/"))
        base = tar(*folders, file("bootstrap", program, 0o755))
        variables, words = ["FROM_IMAGE=1", "OVER=image"], ["app.handler"]
        engine.load(NAME, base, Entrypoint=["/bootstrap"], Cmd=words, Env=variables, WorkingDir="/work", User="nobody")
        watcher = tar(folder("opt/"), folder("opt/extensions/"), file("opt/extensions/watcher", program, 0o755))
        engine.load(EXTENDED, base, watcher, Entrypoint=["/bootstrap"])
        yield engine
        asyncio.run(engine.clean())
    finally:
        engine.stop()
        shutil.rmtree(place, ignore_errors=True)
