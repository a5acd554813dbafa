"""Fixtures of the fault oracle, and its table at the end of the run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import servers
from tests.faults.oracle import Row, travelling
from tests.faults.scene import Scene


def recorder(request: pytest.FixtureRequest) -> Callable[[Row], None]:
    """Takes the rows of a test. They travel in its report, since it may run in another process than the one that prints."""
    properties = request.node.user_properties
    return lambda row: properties.append(travelling(row))


@pytest.fixture
def scene_on(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[[servers.Server], Scene]]:
    """A scene on a server of the test's own: ``scene_on(server)``."""
    scenes = []

    def make(server: servers.Server) -> Scene:
        scene = Scene(tmp_path, server.url, recorder(request))
        scenes.append(scene)
        return scene

    yield make
    for scene in scenes:
        scene.close()


@pytest.fixture
def scene(scene_on: Callable[[servers.Server], Scene], ministack: servers.Server) -> Scene:
    """A scene on the server that all tests share."""
    return scene_on(ministack)
