"""``pollerd logs`` on a state folder that no daemon writes to."""

from __future__ import annotations

import argparse
import contextlib
import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from poller import cli
from poller.cli.logs.since import moment
from poller.observe.log_store import Writer
from tests.unit.observe.log_store.told import NOON, PLENTY, at

CONFIG = """
state: ./state
http: {listen: '127.0.0.1:0'}
functions:
  orders: {code: ./code, runtime: provided.al2023, handler: h}
  shared: {code: ./code, runtime: provided.al2023, handler: h, logging: {log_group: /team/shared}}
"""
Show = Callable[..., tuple[int, list[str], str]]


@pytest.fixture
def show(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Show:
    """Run the verb: exit code, lines, standard error."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "bootstrap").write_text("")
    (tmp_path / "pollerd.yaml").write_text(CONFIG)

    def run(*arguments: str) -> tuple[int, list[str], str]:
        with pytest.raises(SystemExit) as end:
            cli.main(["logs", *arguments, "--config", str(tmp_path / "pollerd.yaml")])
        out, err = capsys.readouterr()
        return int(end.value.code or 0), out.splitlines(), err

    return run


@pytest.fixture
def written(tmp_path: Path) -> None:
    with contextlib.closing(Writer(tmp_path / "state", PLENTY)) as writer:
        writer.append(
            [at(0, "old"), at(60_000, "START"), at(60_001, '{"level": "ERROR"}'), at(60_002, "two\nlines", stream="t")]
        )
        writer.append([at(60_003, "mine", group="/team/shared")])


SINCE = "2025-11-25T12:00:30Z"


@pytest.mark.usefixtures("written")
def test_events_are_shown_with_their_time_from_a_moment_on(show: Show) -> None:
    assert show("orders", "--since", SINCE) == (
        0,
        [
            "2025-11-25T12:01:00.000Z START",
            '2025-11-25T12:01:00.001Z {"level": "ERROR"}',
            "2025-11-25T12:01:00.002Z two",
            "lines",
        ],
        "",
    )


@pytest.mark.usefixtures("written")
def test_filters_groups_and_json(show: Show) -> None:
    code, [line], _ = show("orders", "--since", SINCE, "--filter", "{ $.level = ERROR }", "--json")
    event = json.loads(line)
    assert code == 0
    assert {name: event[name] for name in ("timestamp", "log_stream", "message")} == {
        "timestamp": "2025-11-25T12:01:00.001Z",
        "log_stream": "s",
        "message": '{"level": "ERROR"}\n',
    }
    assert len(event["event_id"]) == 56
    assert show("shared", "--since", "2025-11-25")[1] == ["2025-11-25T12:01:00.003Z mine"]
    assert show("/team/shared", "--since", "2025-11-25")[1] == ["2025-11-25T12:01:00.003Z mine"]


@pytest.mark.usefixtures("written")
def test_what_cannot_be_shown_is_said(show: Show) -> None:
    assert show("nobody")[::2] == (2, "nobody: The specified log group does not exist.\n")
    code, _, said = show("orders", "--filter", "%regex%")
    assert (code, "regular expressions" in said) == (2, True)
    code, _, said = show("orders", "--since", "yesterday")
    assert (code, "neither a span like 10m nor a time" in said) == (2, True)


def test_without_logs_there_is_nothing(show: Show) -> None:
    assert show("orders")[0] == 2


def test_a_daemon_that_is_named_and_does_not_answer_is_said(show: Show) -> None:
    code, _, said = show("orders", "--url", "http://127.0.0.1:9")
    assert (code, said.startswith("no daemon answers at 127.0.0.1:9")) == (1, True)


def test_how_far_back_is_read_as_people_write_it() -> None:
    now = time.time() * 1000
    for text, seconds in (("90s", 90), ("10m", 600), ("2h", 7200), ("3d", 259_200), ("1w", 604_800)):
        assert abs(now - seconds * 1000 - moment(text)) < 60_000
    assert moment("2025-11-25T12:00:00Z") == NOON
    assert moment("2025-11-25T13:00:00+01:00") == NOON
    for text in ("", "10", "m", "10y", "9" * 400 + "d", "²m"):
        with pytest.raises(argparse.ArgumentTypeError):
            moment(text)
