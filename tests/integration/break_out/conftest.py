"""Scenes, closed, with nothing left of them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from poller.execution.environment.environment import ProcessEnvironment
from tests.integration.break_out.scene import SECRET, TRIED, Scene, attempt, missing, processes


@pytest.fixture(params=TRIED)
async def scene(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Scene]:
    if reason := missing(request.param):
        pytest.skip(reason)
    scene = Scene(request.param, tmp_path)
    yield scene
    await scene.close()
    async with asyncio.timeout(20):
        while processes(lambda path: str(tmp_path).encode() in (path / "environ").read_bytes()):
            await asyncio.sleep(0.01)


@pytest.fixture
async def victim(scene: Scene) -> AsyncIterator[ProcessEnvironment]:
    """With its secrets laid out."""
    victim = await scene.environment("victim", environment={"SECRET": SECRET})
    segment = await attempt(victim, "settle", **scene.names)
    yield victim
    await attempt(victim, "forget", segment=segment)


@pytest.fixture
async def attacker(scene: Scene) -> ProcessEnvironment:
    return await scene.environment("attacker")


@pytest.fixture
def daemon_files(scene: Scene) -> list[str]:
    """What the daemon has: configuration, credentials, state, other functions' code; and what belongs to the host."""
    configuration, credentials = scene.folder / "pollerd.yaml", scene.folder / "credentials"
    for file in (configuration, credentials):
        file.write_text("password: x")
        file.chmod(0o600)
    scene.state.mkdir(exist_ok=True)
    (scene.state / "queue.db").write_text("x")
    return [*map(str, (configuration, credentials, scene.state, scene.folder)), f"/proc/{os.getpid()}/environ"]
