"""``pollerd runtimes``: what it prints and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from poller.cli import main
from poller.execution.runtimes import interpreters, own
from poller.settings.functions import RUNTIMES


@pytest.fixture(autouse=True)
def bare_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is found, so nothing is started."""
    monkeypatch.setattr(interpreters, "find", lambda *_: None)


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(["runtimes", *arguments])
    assert isinstance(end.value.code, int)
    return end.value.code


def test_every_identifier_is_listed_with_what_it_is_or_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--state", str(tmp_path), "--json") == 0
    lines = {line["identifier"]: line for line in json.loads(capsys.readouterr().out)}
    assert list(lines) == list(RUNTIMES)
    assert lines[own.IDENTIFIER]["available"]
    assert "awslambdaric" in lines[own.IDENTIFIER]["text"]
    assert not lines["nodejs22.x"]["available"]
    assert "`pollerd runtimes install nodejs22.x`" in lines["nodejs22.x"]["text"]


def test_the_list_for_people_has_a_line_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--state", str(tmp_path)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(RUNTIMES)


def test_an_install_that_fails_says_why_and_ends_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("install", "dotnet8", "--state", str(tmp_path)) == 1
    assert capsys.readouterr().err.startswith("dotnet8 was not installed: ")


def test_the_state_folder_is_the_configurations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pollerd.yaml").write_text("state: ./there\n")
    assert run("--json") == 0
    assert (tmp_path / "there/runtimes/own").is_dir()
    capsys.readouterr()
    (tmp_path / "pollerd.yaml").write_text("stat: ./there\n")
    assert run() == 78
    assert "stat" in capsys.readouterr().err
