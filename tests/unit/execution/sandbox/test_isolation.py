"""Which isolation a host gets, and what is said of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from poller.execution.contract import FunctionSpec
from poller.execution.process import ProcessDriver
from poller.observe.events import SandboxChosen
from poller.observe.logs import LEVELS, level


def failing(folder: Path) -> str:
    """A PATH with a bubblewrap as on a host without user namespaces."""
    program = folder / "bwrap"
    program.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    program.chmod(0o755)
    return str(folder)


@pytest.mark.parametrize("kind", ["absent", "refused"])
def test_auto_without_a_usable_bubblewrap_is_none_and_says_why(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", failing(tmp_path) if kind == "refused" else str(tmp_path))
    said, why = ProcessDriver(tmp_path, lambda _: None).sandbox()
    expected = {
        "absent": "bubblewrap is not installed (Debian: apt install bubblewrap)",
        "refused": "this host refuses bubblewrap: bwrap: No permissions to create new namespace",
    }[kind]
    assert (said, why) == (f"none: {expected}", expected)
    assert level(SandboxChosen(sandbox=said, why=why)) == LEVELS["warning"]


def test_none_as_configured_is_no_reason_to_warn(tmp_path: Path) -> None:
    said, why = ProcessDriver(tmp_path, lambda _: None, "none").sandbox()
    assert (said, why) == ("none, as configured", "")
    assert level(SandboxChosen(sandbox=said, why=why)) == LEVELS["info"]


def test_bubblewrap_or_nothing_is_a_problem_of_every_function(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    spec = FunctionSpec(
        name="f", version="1", arn="", task_root=os.fspath(tmp_path), runtime="provided.al2023", handler="",
        timeout_seconds=1, memory_mb=128, network="shared",
    )  # fmt: skip
    (problem,) = ProcessDriver(tmp_path, lambda _: None, "bubblewrap").problems(spec)
    assert problem == (
        "sandbox: bubblewrap cannot be had: none: bubblewrap is not installed (Debian: apt install bubblewrap)"
    )
