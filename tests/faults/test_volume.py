"""Ten thousand messages through the README's own configuration: each handled once, at its first receive."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.faults.scene import Scene

pytestmark = [pytest.mark.server, pytest.mark.slow]

README = Path(__file__).parents[2] / "README.md"


def readme_configuration() -> dict[str, Any]:
    """The first example of the README."""
    block = re.search(r"```yaml\n(.+?)```", README.read_text(), re.DOTALL)
    assert block, "the README shows a configuration"
    configuration: dict[str, Any] = yaml.safe_load(block[1])
    return configuration


@pytest.mark.timeout(240)
def test_ten_thousand_messages_are_each_handled_once(scene: Scene) -> None:
    """Only what a reader would adapt is adapted: server, queue, and the function's code."""
    queue = scene.queue(visibility=30, max_receives=3)
    shown = readme_configuration()
    shown["functions"]["orders"] |= scene.noting()
    shown["event_source_mappings"]["orders-queue"]["source"]["queue"] = queue.name
    queue.send(10_000, status="paid")
    daemon = scene.daemon(functions=shown["functions"], event_source_mappings=shown["event_source_mappings"])
    daemon.start()
    scene.wait_handled(10_000, seconds=180)
    scene.judge("none: 10,000 messages", bound=0, why="nothing fails")
    assert {note.receives for note in scene.notes()} == {1}
    assert daemon.logged("defect found") == []
    assert daemon.logged("lease lost") == [], "told only of records that come again"
    daemon.stop()
