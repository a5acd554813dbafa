"""Which runtimes there are, and what is said about the ones that are not."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from poller.execution.runtimes import own
from poller.execution.runtimes.catalogue import Language, find, language
from poller.execution.runtimes.contract import RuntimeUnavailable
from poller.execution.runtimes.installed import Build, installed, put_in_force
from poller.settings.functions import RUNTIMES


def build(state: Path, identifier: str = "python3.8", interpreter: str = "/bin/sh") -> Build:
    folder = state / "runtimes" / ".building"
    (folder / "client").mkdir(parents=True)
    made = Build(identifier=identifier, folder=folder, version="3.8.1", client="c 1", interpreter=interpreter)
    made.write()
    return dataclasses.replace(made, folder=put_in_force(state, folder, identifier))


def unavailable(identifier: str, state: Path) -> str:
    with pytest.raises(RuntimeUnavailable) as error:
        find(identifier, state)
    return str(error.value)


@pytest.mark.parametrize(
    ("identifier", "expected"),
    [
        ("python3.12", Language("python", "3.12")),
        ("nodejs22.x", Language("nodejs", "22")),
        ("java17", Language("java", "17")),
        ("java8.al2", Language("java", "8")),
        ("ruby3.3", Language("ruby", "3.3")),
        ("provided.al2023", None),
        ("dotnet8", None),
        ("nodejs16.x", None),
        ("python4.0", None),
    ],
)
def test_an_identifier_has_a_language_and_a_version(identifier: str, expected: Language | None) -> None:
    assert language(identifier) == expected


@pytest.mark.parametrize("identifier", RUNTIMES)
def test_every_identifier_of_aws_starts_or_says_what_to_do(identifier: str, tmp_path: Path) -> None:
    if identifier.startswith("provided") or identifier == own.IDENTIFIER:
        assert find(identifier, tmp_path).identifier == identifier
    else:
        said = unavailable(identifier, tmp_path)
        assert "pollerd runtimes install" in said or "provided.al2023" in said or "nodejs18.x" in said


def test_an_unknown_identifier_gets_the_nearest(tmp_path: Path) -> None:
    assert unavailable("nodejs22", tmp_path) == "'nodejs22' is no runtime that AWS offers; did you mean nodejs22.x?"


def test_the_daemons_own_interpreter_needs_no_build(tmp_path: Path) -> None:
    found = find(own.IDENTIFIER, tmp_path)
    assert found.root is None
    assert "awslambdaric" in found.description
    assert {path.name for path in (tmp_path / "runtimes/own").iterdir()} == {own.own_build(tmp_path).folder.name}


def test_sandboxes_see_what_is_linked_for_the_host(tmp_path: Path) -> None:
    """What is mounted is a place to mount to, all else is there."""
    build = own.own_build(tmp_path)
    (_, mounted), *packages = build.parts
    linked = {path.name: path for path in build.client_folder.iterdir()}
    seen = {path.name: path for path in Path(mounted).iterdir()}
    assert set(seen) == set(linked)
    assert {name for name, path in seen.items() if path.is_dir() and not any(path.iterdir())} == set(dict(packages))
    assert all(seen[name].read_bytes() == path.read_bytes() for name, path in linked.items() if path.is_file())
    assert all(Path(path) == linked[name].resolve() for name, path in packages)


def test_a_build_is_found_and_wins_over_the_daemons_own(tmp_path: Path) -> None:
    build(tmp_path, own.IDENTIFIER)
    assert find(own.IDENTIFIER, tmp_path).description == "3.8.1, c 1, /bin/sh"


def test_a_build_whose_interpreter_went_away_says_so(tmp_path: Path) -> None:
    build(tmp_path, interpreter="/nowhere/python3.8")
    assert unavailable("python3.8", tmp_path) == (
        "the interpreter of python3.8, /nowhere/python3.8, is gone; `pollerd runtimes install python3.8` builds it anew"
    )


@pytest.mark.parametrize("junk", ["", "{}", "[1]"])
def test_a_build_that_cannot_be_read_says_so(tmp_path: Path, junk: str) -> None:
    (build(tmp_path).folder / "runtime.json").write_text(junk)
    assert "cannot be read" in unavailable("python3.8", tmp_path)


def test_a_build_whose_folder_went_away_says_so(tmp_path: Path) -> None:
    shutil.rmtree(build(tmp_path).folder)
    assert "cannot be read" in unavailable("python3.8", tmp_path)


def test_a_new_build_takes_over_and_the_former_stays_for_those_who_run_it(tmp_path: Path) -> None:
    first, second = build(tmp_path), build(tmp_path)
    current = installed(tmp_path, "python3.8")
    assert current is not None
    assert (current.folder, first.folder.exists()) == (second.folder, True)
    other = build(tmp_path, "python3.9")
    third = build(tmp_path)
    kept = {path.name for path in (tmp_path / "runtimes/builds").iterdir()}
    assert kept == {second.folder.name, third.folder.name, other.folder.name}


def test_a_manifest_has_what_a_build_is(tmp_path: Path) -> None:
    made = build(tmp_path)
    assert installed(tmp_path, "python3.8") == made
    assert "folder" not in json.loads((made.folder / "runtime.json").read_text())
