"""Folders for failure records, before a daemon starts: those that cannot be made or written to are said, with the place."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from poller.control import preflight
from poller.settings.load import load
from poller.settings.model import Settings
from poller.settings.problems import Finding

KEYS = ("event_source_mappings", "m", "destination_config", "on_failure", "destination")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "app.py").write_text("def handler(event, context): return 1\n")
    source = {"type": "memory-stream", "stream": "s"}
    failures = {"on_failure": {"destination": "file:./a/failures"}}
    document = {
        "functions": {"f": {"code": ".", "runtime": "python3.11", "handler": "app.handler"}},
        "event_source_mappings": {
            "m": {"source": source, "function": "f", "destination_config": failures},
            "without": {"source": source, "function": "f"},
        },
    }
    (tmp_path / "pollerd.json").write_text(json.dumps(document))
    return load(tmp_path / "pollerd.json")


def test_a_folder_that_can_be_made_is_fine(settings: Settings, tmp_path: Path) -> None:
    assert list(preflight.folders(settings)) == []
    (tmp_path / "a" / "failures").mkdir(parents=True)
    assert list(preflight.folders(settings)) == []


def test_a_file_in_its_place_is_said(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a file")
    hint = "name a folder that this user may make or write to"
    assert list(preflight.folders(settings)) == [Finding(KEYS, f"{tmp_path}/a is no folder", hint)]


def test_a_folder_of_somebody_else_is_said(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: not (path == tmp_path and mode & os.W_OK))
    [found] = preflight.folders(settings)
    assert found.sentence == f"{tmp_path} is not ours to write to"
