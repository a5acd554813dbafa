"""Commands that talk to a running daemon: ps and invoke, by the configuration and by a URL."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from poller import cli
from poller.cli.daemon import URL_VARIABLE
from tests.integration.api.served import HANDLER, REGION, basic, served
from tests.servers import free_port

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
FILED = {"functions": {"filed": {"code": "./filed", "runtime": "python3.11", "handler": "app.handler"}}}


async def run(*arguments: str) -> int:
    """The exit code of a command."""

    def ended() -> int:
        with pytest.raises(SystemExit) as end:
            cli.main(arguments)
        assert isinstance(end.value.code, int)
        return end.value.code

    return await asyncio.to_thread(ended)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where nothing but the test says which daemon is meant."""
    (tmp_path / "filed").mkdir()
    (tmp_path / "filed" / "app.py").write_text(HANDLER)
    for name in (URL_VARIABLE, "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _json(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


async def test_ps_shows_what_runs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with served(folder, FILED) as api:
        await api.ask("create_function", **basic("made", Publish=True))
        await api.ask("invoke", FunctionName="made:1", Payload=b"{}")
        assert await run("ps", "--url", api.url, "--json") == 0
        told = _json(capsys)
        assert [each["function"] for each in told["functions"]] == ["filed", "made"]
        assert told["daemon"]["url"] == api.url
        assert await run("ps", "--url", api.url) == 0
        shown = capsys.readouterr().out
        assert f"at {api.url}: running" in shown
        assert [line.split()[:2] for line in shown.splitlines() if line.strip().startswith("filed")] == [
            ["filed", "file"]
        ]
        [row] = [line for line in shown.splitlines() if line.strip().startswith("made:1")]
        assert "success" in row


async def test_nobody_there_is_one_sentence(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert await run("ps", "--url", "http://127.0.0.1:1") == 1
    assert capsys.readouterr().err.startswith("no daemon answers at 127.0.0.1:1: ")


async def test_invoke_goes_to_the_daemon(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with served(folder, FILED) as api:
        await api.ask("create_function", **basic("made"))
        asked = ("--url", api.url)
        assert await run("invoke", "made", '{"a": 1}', *asked) == 0
        assert json.loads(capsys.readouterr().out) == {"a": 1}
        arn = f"arn:aws:lambda:{REGION}:123456789012:function:made:$LATEST"
        assert await run("invoke", arn, '{"a": 2}', "--json", *asked) == 0
        told = _json(capsys)
        assert (told["status_code"], told["payload"], told["function_error"]) == (200, {"a": 2}, None)
        assert await run("invoke", "made", "--dry-run", "--json", *asked) == 0
        assert (_json(capsys))["status_code"] == 204
        assert await run("invoke", "made", "--async", "--json", *asked) == 0
        told = _json(capsys)
        assert told["status_code"] == 202
        assert told["request_id"]
        assert await run("invoke", "made:9", *asked) == 2
        assert "made:9" in capsys.readouterr().err


async def test_the_daemon_is_found_by_its_configuration_and_asked_with_its_key(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = {"admin": {"secret_access_key": SECRET}}
    http = {"listen": f"127.0.0.1:{free_port()}", "keys": keys}
    async with served(folder, {**FILED, "http": http}):
        config = ("--config", str(folder / "pollerd.json"))
        assert await run("invoke", "filed", '{"b": 1}', "--json", *config) == 0
        assert _json(capsys)["payload"] == {"b": 1}
        other = folder / "other.json"
        other.write_text(json.dumps({**FILED, "state": "./elsewhere", "http": http}))
        assert await run("invoke", "filed", "--async", "--config", str(other)) == 1
        assert "is not that of this configuration" in capsys.readouterr().err


async def test_a_wrong_key_is_the_daemons_sentence(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with served(
        folder, {**FILED, "http": {"listen": "127.0.0.1:0", "keys": {"admin": {"secret_access_key": SECRET}}}}
    ) as api:
        monkeypatch.setenv("AWS_REGION", REGION)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "admin")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x" * 20)
        assert await run("invoke", "filed", "--url", api.url) == 1
        assert "signature" in capsys.readouterr().err


async def test_mappings_are_set_and_deleted(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    filed = {"orders": {"source": {"type": "memory", "queue": "set-a"}, "function": "filed"}}
    async with served(folder, {**FILED, "event_source_mappings": filed}) as api:
        source = f"arn:pollerd:memory:{REGION}:123456789012:queue=set-b"
        made = (await api.ask("create_event_source_mapping", EventSourceArn=source, FunctionName="filed"))["UUID"]
        asked = ("--url", api.url)
        assert await run("mappings", "set", made, "batch_size=7", "enabled=false", "--json", *asked) == 0
        assert (_json(capsys)["BatchSize"]) == 7
        found = await api.ask("get_event_source_mapping", UUID=made)
        assert (found["BatchSize"], found["State"]) == (7, "Disabled")
        assert await run("mappings", "set", "orders", "batch_size=7", *asked) == 1
        assert f"the mapping orders stands in {folder / 'pollerd.json'}" in capsys.readouterr().err
        assert await run("mappings", "set", "ordres", "batch_size=7", *asked) == 2
        assert "there is no mapping 'ordres'" in capsys.readouterr().err
        assert await run("mappings", "delete", made, *asked) == 0
        assert "Deleting" in capsys.readouterr().out
        assert [each["UUID"] for each in (await api.ask("list_event_source_mappings"))["EventSourceMappings"]] != [made]


async def test_publish_is_in_force_at_once_and_knows_what_calls_made(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with served(folder, {**FILED, "http": {"listen": f"127.0.0.1:{free_port()}"}}) as api:
        await api.ask("create_function", **basic("made"))
        config = ("--config", str(folder / "pollerd.json"))
        assert await run("publish", "made", "--json", *config) == 0
        told = _json(capsys)
        assert (told["version"], told["new"]) == ("1", True)
        assert await run("publish", "made", *config) == 0
        assert "nothing has changed since version 1 of made" in capsys.readouterr().err
        assert (await api.ask("invoke", FunctionName="made:1", Payload=b"{}"))["ExecutedVersion"] == "1"
        assert await run("versions", "made", "--json", *config) == 0
        assert [each["version"] for each in _json(capsys)] == ["$LATEST", "1"]


async def test_a_daemon_elsewhere_tells_of_its_mappings_without_a_configuration(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filed = {"orders": {"source": {"type": "memory", "queue": "elsewhere"}, "function": "filed"}}
    async with served(folder, {**FILED, "event_source_mappings": filed}) as api:
        assert await run("mappings", "ls", "--json", "--url", api.url) == 0
        assert [each["mapping"] for each in _json(capsys)] == ["orders"]
