"""Pretended connectors in the registry, and a working folder to write configurations into."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors import registry
from tests.unit.settings.pretended import REGISTRY, Write


@pytest.fixture
def pretended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "BUILT_IN", REGISTRY)


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pretended: None) -> Write:
    """Write files into a working folder that has a function's code in ./code; returns their relative path."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "app.py").write_text("def handler(event, context):\n    return None\n")

    def to(text: str | bytes, name: str = "pollerd.yaml") -> Path:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(text.encode() if isinstance(text, str) else text)
        return Path(name)

    return to
