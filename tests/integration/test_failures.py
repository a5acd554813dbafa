"""``pollerd failures`` on a state file, and beside a running daemon."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from poller import cli
from poller.control import events as rows
from poller.control import store
from poller.dispatch.backlog.event import DESTINATION, Failure, Outcome
from tests.integration.test_asynchronous import Scene

OUTCOME = Outcome(
    request_id="r-1",
    function="orders",
    qualifier="live",
    function_arn="arn:live",
    condition="RetriesExhausted",
    invoke_count=3,
    moment=1_700_000_000.0,
    executed_version="3",
    error_code=200,
    error_message="no stock\nsecond line",
    trace_id="Root=1",
    payload=b'{"order":  7}',
    response=b'{"errorMessage": "no stock"}',
)
QUEUE = "arn:aws:sqs:us-east-1:000000000000:q"


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as end:
        cli.main(["failures", *arguments])
    return int(end.value.code or 0)


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    monkeypatch.chdir(tmp_path)
    found = Scene(tmp_path)
    found.function("orders")
    found.function("other")
    (tmp_path / "pollerd.json").write_text(json.dumps(found.settings))
    return found


def keep(state: Path) -> None:
    """1: an event of orders that nobody was told of; 2: the record of a success; 3: an event of another function."""
    with contextlib.closing(store.connect(state)) as connection:
        rows.fail(connection, Failure(moment=1_700_000_000.0, outcome=OUTCOME), 10)
        success = {"condition": "Success", "error_message": "", "request_id": "r-2"}
        told = Failure(
            kind=DESTINATION, target=QUEUE, why="nobody there", moment=1_700_000_001.0, outcome=_with(success)
        )
        rows.fail(connection, told, 10)
        other = _with({"function": "other", "qualifier": "", "request_id": "r-3", "response": None})
        rows.fail(connection, Failure(moment=1_700_000_002.0, outcome=other), 10)


def _with(changes: Mapping[str, object]) -> Outcome:
    return dataclasses.replace(OUTCOME, **changes)  # type: ignore[arg-type]  # keywords of its fields


def test_where_nothing_failed_nothing_is_listed_and_no_file_is_made(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("ls", "--json", "--config", "pollerd.json") == 0
    assert json.loads(capsys.readouterr().out) == []
    assert run("redrive", "--all", "--config", "pollerd.json") == 0
    assert run("show", "1", "--config", "pollerd.json") == 1
    assert "there is no failure 1" in capsys.readouterr().err
    assert not (scene.folder / "state").exists()


def test_failures_are_listed_and_shown(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    keep(scene.folder / "state")
    assert run("ls", "--config", "pollerd.json") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:4] for line in lines if "2023-11-14" in line] == [
        ["1", "2023-11-14T22:13:20.000Z", "orders:live", "RetriesExhausted"],
        ["2", "2023-11-14T22:13:21.000Z", "orders:live", "Success"],
        ["3", "2023-11-14T22:13:22.000Z", "other", "RetriesExhausted"],
    ]
    assert "no stock" in lines[3]
    assert f"{QUEUE}: nobody there" in "\n".join(lines)
    assert run("ls", "--function", "other", "--json", "--config", "pollerd.json") == 0
    [shown] = json.loads(capsys.readouterr().out)
    assert (shown["number"], shown["request_id"], shown["runs"]) == (3, "r-3", 3)
    assert run("show", "1", "--config", "pollerd.json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["event"], shown["answer"]) == ('{"order":  7}', '{"errorMessage": "no stock"}')


def test_what_is_to_be_tried_again_has_to_be_said(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    keep(scene.folder / "state")
    assert run("redrive", "--config", "pollerd.json") == 2
    assert "required" in capsys.readouterr().err
    assert run("redrive", "9", "3", "--config", "pollerd.json") == 1
    captured = capsys.readouterr()
    assert captured.out.startswith("3: other: accepted as ")
    assert "there is no failure 9" in captured.err
    assert len(scene.failures()) == 2


async def test_a_running_daemon_runs_what_is_tried_again(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    keep(scene.folder / "state")
    async with scene.daemon() as daemon:
        await asyncio.to_thread(run, "redrive", "--function", "other", "--config", "pollerd.json")
        await scene.until(lambda: len(scene.notes("other")) == 1)
        await scene.until(lambda: daemon.backlog.waiting() == {})
    [(event, request_id, *_)] = scene.notes("other")
    assert event == {"order": 7}
    assert f"accepted as {request_id}" in capsys.readouterr().out
    assert len(scene.failures()) == 2
