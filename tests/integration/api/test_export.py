"""What calls made, exported and run from the export: Get and List answer alike."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml

from connectors.memory.queue import queue
from tests.integration.api.served import ACCOUNT, CODE, OTHER_CODE, REGION, Served, basic, served
from tests.integration.api.test_command_line import folder, run

__all__ = ["folder"]

OTHERWISE = {
    "CreationTime",
    "LastModified",
    "LastModifiedTime",
    "LastUpdateStatus",
    "Location",
    "RevisionId",
    "Role",
    "UUID",
}
"""What is another one, or is said to be left out."""
SOURCE = f"arn:pollerd:memory:{REGION}:{ACCOUNT}:queue=exported"


async def _fill(api: Served) -> None:
    layer = await api.ask("publish_layer_version", LayerName="tools", Content={"ZipFile": OTHER_CODE})
    variables = {"SECRET": "on", "NUMBER": "1e3", "LINES": "a\nb: #c", "ACCENT": "ä'\""}
    made = basic(
        "made", Timeout=7, MemorySize=256, Environment={"Variables": variables}, Layers=[layer["LayerVersionArn"]]
    )
    await api.ask("create_function", **made)
    await api.ask("publish_version", FunctionName="made", Description="the first")
    await api.ask("update_function_code", FunctionName="made", ZipFile=OTHER_CODE)
    await api.ask("update_function_configuration", FunctionName="made", Handler="more.handler")
    await api.ask("update_function_code", FunctionName="made", ZipFile=CODE)
    await api.ask("update_function_configuration", FunctionName="made", Handler="app.handler", Timeout=8)
    await api.ask("publish_version", FunctionName="made")
    weights = {"AdditionalVersionWeights": {"2": 0.25}}
    await api.ask("create_alias", FunctionName="made", Name="live", FunctionVersion="1", RoutingConfig=weights)
    await api.ask("put_function_concurrency", FunctionName="made", ReservedConcurrentExecutions=3)
    await api.ask("put_function_event_invoke_config", FunctionName="made", MaximumRetryAttempts=1)
    await api.ask(
        "put_function_event_invoke_config", FunctionName="made", Qualifier="live", MaximumEventAgeInSeconds=60
    )
    await api.ask("create_function_url_config", FunctionName="made", AuthType="NONE")
    await api.ask("create_event_source_mapping", EventSourceArn=SOURCE, FunctionName="made:live", BatchSize=3)


def _comparable(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _comparable(each) for name, each in value.items() if name not in OTHERWISE}
    return [_comparable(each) for each in value] if isinstance(value, list) else value


async def _answers(api: Served) -> dict[str, Any]:
    made = {"FunctionName": "made"}
    asked: list[tuple[str, dict[str, Any]]] = [
        ("get_function_configuration", made),
        ("get_function", {**made, "Qualifier": "1"}),
        ("list_versions_by_function", made),
        ("list_aliases", made),
        ("list_functions", {}),
        ("list_function_event_invoke_configs", made),
        ("get_function_concurrency", made),
        ("list_function_url_configs", made),
        ("list_layers", {}),
        ("get_layer_version", {"LayerName": "tools", "VersionNumber": 1}),
        ("list_event_source_mappings", {}),
    ]
    found = {verb: _comparable(await api.ask(verb, **given)) for verb, given in asked}
    for each in found["list_event_source_mappings"]["EventSourceMappings"]:
        del each["EventSourceMappingArn"]  # ends in the UUID
    for each in found["list_function_url_configs"]["FunctionUrlConfigs"]:
        each["FunctionUrl"] = each["FunctionUrl"].rpartition(":")[0]  # a free port
    return found


async def test_an_export_is_checked_and_answers_alike(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    queue("exported")
    async with served(folder) as api:
        await _fill(api)
        before = await _answers(api)
        output = folder / "out"
        config = ("--config", str(folder / "pollerd.json"))
        assert await run("export", "--output", str(output), *config) == 0
        told = capsys.readouterr()
        assert "1 functions, 1 mappings, 2 versions, 1 layers" in told.out
        assert "not in the file: function made: Role" in told.err
        assert await run("export", "--output", str(output), *config) == 1
        assert "is not empty" in capsys.readouterr().err
    assert stat.S_IMODE((output / "pollerd.yaml").stat().st_mode) == 0o600
    assert await run("check", str(output / "pollerd.yaml")) == 0
    document = yaml.safe_load((output / "pollerd.yaml").read_text())
    document["functions"]["made"]["layers"] = [str(output / layer) for layer in document["functions"]["made"]["layers"]]
    document["functions"]["made"]["code"] = str(output / "code" / "made.zip")
    document["state"] = str(output / "state")
    async with served(folder, document) as api:
        after = await _answers(api)
    assert "function made: Layers, by their ARNs" in told.err
    assert before["get_function_configuration"].pop("Layers")
    for each in (before["list_functions"]["Functions"][0], before["list_versions_by_function"]["Versions"][0]):
        each.pop("Layers")
    assert after == before


async def test_a_damaged_package_is_not_exported(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with served(folder) as api:
        await api.ask("create_function", **basic("made"))
    [package] = (folder / "state" / "code").glob("*.zip")
    package.write_bytes(package.read_bytes() + b"x")
    assert await run("export", "--output", "out", "--config", str(folder / "pollerd.json")) == 1
    assert "is damaged" in capsys.readouterr().err


async def test_what_a_file_has_is_not_exported(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    filed = {"functions": {"filed": {"code": "./filed", "runtime": "python3.11", "handler": "app.handler"}}}
    async with served(folder, filed) as api:
        await api.ask("create_function", **basic("made"))
    assert await run("export", "--output", "out", "--json", "--config", str(folder / "pollerd.json")) == 0
    assert json.loads(capsys.readouterr().out)["functions"] == 1
    assert list(yaml.safe_load((folder / "out" / "pollerd.yaml").read_text())["functions"]) == ["made"]
