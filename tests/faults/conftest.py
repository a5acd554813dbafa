"""Fixtures of the fault oracle, and its table at the end of the run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import servers
from tests.faults.oracle import Row, table
from tests.faults.scene import Scene

ROWS = pytest.StashKey[list[Row]]()


@pytest.fixture
def scene_on(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[[servers.Server], Scene]]:
    """A scene on a server of the test's own: ``scene_on(server)``."""
    scenes = []

    def make(server: servers.Server) -> Scene:
        scene = Scene(tmp_path, server.url, request.config.stash.setdefault(ROWS, []).append)
        scenes.append(scene)
        return scene

    yield make
    for scene in scenes:
        scene.close()


@pytest.fixture
def scene(scene_on: Callable[[servers.Server], Scene], ministack: servers.Server) -> Scene:
    """A scene on the server that all tests share."""
    return scene_on(ministack)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the table of faults."""
    rows = config.stash.get(ROWS, [])
    if rows:
        terminalreporter.section("fault table")
        for line in table(rows):
            terminalreporter.line(line)
