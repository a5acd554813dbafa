"""Building runtimes without a network: commands that fail, tools that are missing, builds that are cut off."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from poller.execution.runtimes.building import debian
from poller.execution.runtimes.building.install import Order, install
from poller.execution.runtimes.building.workshop import BuildError, need, workshop
from poller.execution.runtimes.installed import installed
from tests.faults.until import until


def refused(order: Order, state: Path) -> str:
    with pytest.raises(BuildError) as error:
        install(order, state, lambda _: None)
    return str(error.value)


def program(folder: Path, name: str, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


def test_a_failed_command_is_told_with_its_last_words(tmp_path: Path) -> None:
    said: list[str] = []
    with workshop(tmp_path, said.append) as site, pytest.raises(BuildError) as error:
        site.run("a step", ["/bin/sh", "-c", "echo out; echo no such package >&2; exit 4"])
    assert str(error.value) == "a step: /bin/sh ended with status 4\n  out\n  no such package"
    assert said == ["a step ..."]


def test_a_command_that_is_not_there_is_told(tmp_path: Path) -> None:
    with workshop(tmp_path, print) as site, pytest.raises(BuildError, match="cannot be started: No such file"):
        site.run("a step", ["/nowhere/tool"])


def test_missing_tools_are_named_all_at_once_with_their_packages() -> None:
    with pytest.raises(BuildError) as error:
        need({"no-such-tool": "tools", "sh": "dash", "no-such-other": "tools"}, "why")
    assert str(error.value) == "not found: no-such-tool, no-such-other (why); on Debian: apt-get install tools"


def test_nothing_is_left_of_a_build_that_fails_or_is_terminated(tmp_path: Path) -> None:
    def build(end: Callable[[], object]) -> None:
        with workshop(tmp_path, print) as site:
            (site.client / "half").touch()
            end()

    with pytest.raises(KeyboardInterrupt):
        build(lambda: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(FileNotFoundError):
        build(lambda: os.stat(tmp_path / "nothing"))  # noqa: PTH116
    assert list((tmp_path / "runtimes").iterdir()) == []


def _over(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"
    except (FileNotFoundError, ProcessLookupError):  # gone before, or while it was read
        return True


def test_what_a_step_started_ends_with_a_build_that_is_terminated(tmp_path: Path) -> None:
    note = tmp_path / "pids"
    script = f"sleep 600 & echo $$ $! > {note}.part; mv {note}.part {note}; kill -TERM {os.getpid()}; wait"
    with pytest.raises(KeyboardInterrupt), workshop(tmp_path, print) as site:
        site.run("a step", ["/bin/sh", "-c", script])
    for pid in note.read_text().split():
        until(partial(_over, pid), f"{pid} has ended")


def test_what_a_killed_build_left_is_removed_by_the_next(tmp_path: Path) -> None:
    left = tmp_path / "runtimes/.building-999999999-x"
    others = tmp_path / f"runtimes/.building-{os.getpid()}-x"
    for folder in (left, others):
        folder.mkdir(parents=True)
    with workshop(tmp_path, print):
        assert (left.exists(), others.exists()) == (False, True)


@pytest.mark.parametrize(
    ("order", "sentence"),
    [
        (Order(identifier="dotnet8"), "dotnet8 is nothing that can be installed"),
        (Order(identifier="provided.al2"), "provided.al2 is nothing that can be installed"),
        (Order(identifier="python3.11", rooted=True, interpreter="/bin/x"), "leave out --interpreter"),
        (Order(identifier="python3.11", mirror="http://m"), "only with --root"),
        (Order(identifier="java17", packages=Path("/p")), "--packages is for Python and Ruby"),
        (Order(identifier="python3.12", rooted=True), "no Debian suite has the interpreter of python3.12"),
        (Order(identifier="python3.12", interpreter="/bin/false"), "/bin/false is no python 3.12 that starts"),
        (Order(identifier="python3.15"), "there is no python 3.15"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused(order: Order, sentence: str, tmp_path: Path) -> None:
    assert sentence in refused(order, tmp_path)
    assert installed(tmp_path, order.identifier) is None


def test_the_archive_is_that_of_the_hosts_own_apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["Other|Other|http://o/", "Debian|Debian|http://m/debian/", "Debian|Debian-Security|http://m/security/"]
    program(tmp_path / "bin", "apt-get", "\n".join(f"echo '{line}'" for line in lines))
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/bin:/usr/bin")
    assert debian.archives("trixie") == [
        "deb http://m/debian/ trixie main",
        "deb http://m/security/ trixie-security main",
    ]
    program(tmp_path / "bin", "apt-get", "echo 'Ubuntu|Ubuntu|http://u/'")
    with pytest.raises(BuildError, match="name one with --mirror"):
        debian.archives("trixie")


def test_a_client_that_cannot_be_fetched_leaves_what_is_in_force(tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    program(tmp_path, "python3.15", """echo '["3.15.0", "'"$(dirname "$0")"'", "'"$0"'"]'""")
    order = Order(identifier="python3.15", interpreter=str(tmp_path / "python3.15"), packages=tmp_path / "none")
    assert "No matching distribution found for awslambdaric" in refused(order, tmp_path / "state")
    assert list((tmp_path / "state/runtimes").iterdir()) == []
