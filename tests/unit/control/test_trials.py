"""What a configuration leads to, tried: sources that are there, away, or never answer, and functions whose INIT fails."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from connectors import registry
from connectors.contract import Capabilities, Identity, Missing
from poller import cli
from poller.aio.clock import SystemClock
from poller.control import trials as module
from poller.control.trials import Trial, trials
from poller.execution.scripted import Act, Ending, Script, ScriptedDriver
from poller.settings.load import load


@dataclass(frozen=True)
class NamedOptions:
    name: str


class There:
    """Tried by ``open``, and closed again."""

    Options = NamedOptions
    capabilities = Capabilities(envelope="sqs")
    opened: list[str] = []  # noqa: RUF012  # of the test that cleared it

    def __init__(self, options: NamedOptions) -> None:
        self.name = options.name

    async def open(self) -> Identity:
        self.opened.append(self.name)
        return Identity(arn="", region="", label=f"queue {self.name}")

    async def close(self) -> None:
        self.opened.remove(self.name)


class Away(There):
    async def open(self) -> Identity:
        await super().open()
        raise Missing("there is no such queue")


class Probed(There):
    """A source that must not be opened."""

    async def open(self) -> Identity:
        raise AssertionError

    async def probe(self) -> Identity:
        return await There.open(self)


class Silent(There):
    async def open(self) -> Identity:
        await super().open()
        raise TimeoutError


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    kinds = (There, Away, Probed, Silent)
    monkeypatch.setattr(registry, "BUILT_IN", {kind.__name__.lower(): f"{__name__}:{kind.__name__}" for kind in kinds})
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app.py").write_text("def handler(event, context):\n    return event\n")
    There.opened.clear()
    return tmp_path


def written(*kinds: str, **changes: Any) -> Path:
    functions = {"f": {"code": ".", "runtime": "python3.11", "handler": "app.handler", "timeout_seconds": 30}}
    mappings: dict[str, Any] = {kind: {"source": {"type": kind, "name": kind}, "function": "f"} for kind in kinds}
    mappings.get("silent", {})["enabled"] = False
    Path("pollerd.json").write_text(
        json.dumps({"sandbox": "none", "functions": functions, "event_source_mappings": mappings} | changes)
    )
    return Path("pollerd.json")


async def tried(path: Path, driver: ScriptedDriver) -> list[Trial]:
    found: list[Trial] = []
    await trials(load(path), lambda _: driver, lambda _: None, SystemClock(), found.append)
    return found


async def test_every_source_and_every_function_is_tried_and_left_closed() -> None:
    driver = ScriptedDriver()
    found = await tried(written("there", "away", "probed", "silent"), driver)
    assert {(trial.kind, trial.name, trial.ok, trial.text) for trial in found} == {
        ("mapping", "there", True, "queue there"),
        ("mapping", "away", False, "there is no such queue"),
        ("mapping", "probed", True, "queue probed"),
        ("function", "f", True, "INIT went well"),
    }
    assert There.opened == []
    assert len(driver.environments) == 1
    assert not driver.environments[0].alive


async def test_a_source_that_never_answers_is_given_up() -> None:
    path = written("silent")
    path.write_text(path.read_text().replace('"enabled": false', '"enabled": true'))
    found = await tried(path, ScriptedDriver())
    assert found[0].text == f"no answer within {module.PATIENCE:g} seconds"
    assert There.opened == []


async def test_a_function_whose_init_fails_does_not_work() -> None:
    [found] = await tried(written(), ScriptedDriver(Script(init=lambda: Act(Ending.RAISED))))
    assert (found.ok, found.text) == (False, "INIT failed")


async def test_functions_that_run_elsewhere_are_not_asked() -> None:
    driver = ScriptedDriver()
    functions = {"f": {"remote": {"endpoint_url": "http://127.0.0.1:1"}}}
    assert await tried(written(functions=functions), driver) == []
    assert driver.environments == []


def checked(*arguments: str) -> Any:
    with pytest.raises(SystemExit) as ended:
        cli.main(["check", "pollerd.json", *arguments])
    return ended.value.code


def test_check_connect_tells_a_line_each_and_fails_with_any(capsys: pytest.CaptureFixture[str]) -> None:
    written("there", "away")
    assert checked("--connect", "--json") == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {(line["name"], line["ok"]) for line in lines} == {("there", True), ("away", False), ("f", True)}
    written("there")
    assert checked("--connect") == 0
    assert "mapping there: works after " in capsys.readouterr().out


def test_a_function_that_cannot_be_imported_is_told_with_its_error(capsys: pytest.CaptureFixture[str]) -> None:
    written()
    Path("app.py").write_text("import no_such_module\n")
    assert checked("--connect") == 1
    assert "INIT failed: Runtime.ImportModuleError" in capsys.readouterr().out


def test_options_that_do_not_go_together_are_refused() -> None:
    written()
    assert checked("--json") == 2
    assert checked("--connect", "--all-profiles") == 2


def test_all_profiles_are_checked_and_each_is_told_of(capsys: pytest.CaptureFixture[str]) -> None:
    written(profiles={"good": {"concurrency": 5}, "bad": {"concurrency": 0}})
    assert checked() == 0
    assert checked("--profile", "bad") == 78
    assert checked("--profile", "good") == 0
    capsys.readouterr()
    assert checked("--all-profiles") == 78
    told = capsys.readouterr()
    assert [line for line in told.out.splitlines() if "profile" in line] == [
        "no profile:",
        "profile good:",
        "profile bad:",
    ]
    assert "concurrency: 0 is out of range: 1 or more" in told.err


def test_a_secret_that_all_can_read_is_a_warning(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(http={"token": "x" * 20})
    assert checked() == 0
    open_to_all = all(parent.stat().st_mode & 1 for parent in folder.resolve().parents) and folder.stat().st_mode & 1
    assert ("warning: pollerd.json:" in capsys.readouterr().err) == bool(open_to_all)
