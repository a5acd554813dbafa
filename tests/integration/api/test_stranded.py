"""A function is deleted and its mappings are not: as on AWS they stay, and go on when there is a function of that name again."""

from __future__ import annotations

import asyncio
import base64
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connectors.memory.queue import queue
from connectors.memory.stream import stream
from poller.control.export import export
from poller.execution.contract import Invocation
from poller.execution.scripted import Act, Script, ScriptedDriver
from poller.settings.load import load
from tests.integration.api.served import ACCOUNT, ARN, REGION, Served, basic, served
from tests.integration.api.test_command_line import run

QUEUE = f"arn:pollerd:memory:{REGION}:{ACCOUNT}:queue="
STREAM = f"arn:pollerd:memory-stream:{REGION}:{ACCOUNT}:stream="
NOWHERE = "there is no function 'orders'"


class Told(ScriptedDriver):
    """Knows the bodies of all records that functions were given. seconds: what an invocation takes."""

    def __init__(self, seconds: float = 0.0) -> None:
        super().__init__(Script(act=self._act))
        self.bodies: list[str] = []
        self._seconds = seconds

    def _act(self, invocation: Invocation) -> Act:
        self.bodies += [_body(record) for record in json.loads(invocation.payload)["Records"]]
        return Act(payload=b"null", seconds=self._seconds)


def _body(record: dict[str, Any]) -> str:
    return record["body"] if "body" in record else base64.b64decode(record["kinesis"]["data"]).decode()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.005)


async def mapped(lambda_: Served, source: str, **more: Any) -> str:
    """UUID of a mapping from there to orders, which is made, too."""
    await lambda_.ask("create_function", **basic())
    made = await lambda_.ask("create_event_source_mapping", EventSourceArn=source, FunctionName="orders", **more)
    return str(made["UUID"])


async def test_a_mapping_outlives_its_function_and_goes_on_with_the_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    messages, driver = queue("outlives"), Told()
    async with served(tmp_path, driver=lambda _: driver) as lambda_:
        name = await mapped(lambda_, f"{QUEUE}outlives")
        messages.send("one")
        await until(lambda: driver.bodies == ["one"] and not len(messages))
        await lambda_.ask("delete_function", FunctionName="orders")
        left = await lambda_.ask("get_event_source_mapping", UUID=name)
        assert (left["State"], left["StateTransitionReason"]) == ("Enabled", NOWHERE)
        assert left["FunctionArn"] == f"{ARN}orders"
        assert (await lambda_.ask("list_event_source_mappings", FunctionName="orders"))["EventSourceMappings"] == [left]
        assert name not in lambda_.daemon.desired.fleet.mappings
        config = ("--config", str(tmp_path / "pollerd.json"), "--url", lambda_.url)
        assert await run("mappings", "ls", *config) == 0
        assert f"{name}: {NOWHERE}" in capsys.readouterr().err
        assert await run("mappings", "ls", "--json", *config) == 0
        [view] = json.loads(capsys.readouterr().out)
        assert (view["state"], view["function"], view["ready"]) == ("stranded", "orders", False)
        for command in (("mappings", "explain", name), ("ps",), ("top", "--once")):
            assert await run(*command, *config) == 0
            assert name[:8] in capsys.readouterr().out
        messages.send("two")
        await lambda_.ask("create_function", **basic())
        await until(lambda: driver.bodies == ["one", "two"] and not len(messages))
        again = await lambda_.ask("get_event_source_mapping", UUID=name)
        assert again["StateTransitionReason"] == "USER_INITIATED"


async def test_what_a_mapping_has_begun_is_finished_before_its_function_goes(tmp_path: Path) -> None:
    messages, driver = queue("begun"), Told(seconds=0.2)
    async with served(tmp_path, driver=lambda _: driver) as lambda_:
        await mapped(lambda_, f"{QUEUE}begun")
        messages.send("one")
        await until(lambda: driver.bodies == ["one"])
        await lambda_.ask("delete_function", FunctionName="orders")
        assert not len(messages)
        assert "orders" not in lambda_.daemon.desired.fleet.pools


async def test_a_mapping_keeps_its_place_over_a_restart_without_its_function(tmp_path: Path) -> None:
    records, driver = stream("place"), Told()
    async with served(tmp_path, driver=lambda _: driver) as lambda_:
        name = await mapped(lambda_, f"{STREAM}place", StartingPosition="TRIM_HORIZON")
        records.send("one")
        await until(lambda: driver.bodies == ["one"])
        await lambda_.ask("delete_function", FunctionName="orders")
        left = await lambda_.ask("get_event_source_mapping", UUID=name)
        assert left["LastProcessingResult"] == "PROBLEM: Function call failed"
        records.send("two")
    exported = export(load(tmp_path / "pollerd.json"), tmp_path / "exported")
    assert (exported.mappings, exported.left_out) == (0, [f"mapping {name}: {NOWHERE}"])
    async with served(tmp_path, driver=lambda _: driver) as lambda_:
        after = await lambda_.ask("get_event_source_mapping", UUID=name)
        assert after.pop("StateTransitionReason").startswith(NOWHERE)
        assert after == {member: value for member, value in left.items() if member != "StateTransitionReason"}
        await lambda_.ask("create_function", **basic())
        await until(lambda: driver.bodies == ["one", "two"])


async def test_a_mapping_without_a_function_is_led_elsewhere_or_deleted(tmp_path: Path) -> None:
    messages, driver = queue("elsewhere"), Told()
    async with served(tmp_path, driver=lambda _: driver) as lambda_:
        name = await mapped(lambda_, f"{QUEUE}elsewhere")
        other = await lambda_.ask(
            "create_event_source_mapping", EventSourceArn=f"{QUEUE}another", FunctionName="orders", Enabled=False
        )
        await lambda_.ask("delete_function", FunctionName="orders")
        assert (await lambda_.ask("get_event_source_mapping", UUID=other["UUID"]))["State"] == "Disabled"
        assert NOWHERE in (await lambda_.refused("update_event_source_mapping", UUID=name, BatchSize=5))[2]
        await lambda_.ask("create_function", **basic("other"))
        await lambda_.ask("update_event_source_mapping", UUID=name, FunctionName="other")
        messages.send("one")
        await until(lambda: driver.bodies == ["one"] and not len(messages))
        await lambda_.ask("delete_event_source_mapping", UUID=other["UUID"])
        [left] = (await lambda_.ask("list_event_source_mappings"))["EventSourceMappings"]
        assert (left["UUID"], left["FunctionArn"]) == (name, f"{ARN}other")


async def test_a_mapping_waits_for_what_it_names_of_its_function(tmp_path: Path) -> None:
    messages, driver = queue("alias"), Told()
    async with served(tmp_path, driver=lambda _: driver) as lambda_:
        await lambda_.ask("create_function", **basic(Publish=True))
        await lambda_.ask("create_alias", FunctionName="orders", Name="live", FunctionVersion="1")
        made = await lambda_.ask(
            "create_event_source_mapping", EventSourceArn=f"{QUEUE}alias", FunctionName="orders:live"
        )
        await lambda_.ask("delete_function", FunctionName="orders")
        messages.send("one")
        await lambda_.ask("create_function", **basic(Publish=True))
        assert made["UUID"] not in lambda_.daemon.desired.fleet.mappings
        await lambda_.ask("create_alias", FunctionName="orders", Name="live", FunctionVersion="2")
        await until(lambda: driver.bodies == ["one"] and not len(messages))


@pytest.mark.parametrize("source", [f"{QUEUE}refused", f"{STREAM}refused"])
async def test_a_deletion_that_fails_leaves_mappings_as_they_were(tmp_path: Path, source: str) -> None:
    driver, start = Told(), {"StartingPosition": "TRIM_HORIZON"} if source.startswith(STREAM) else {}
    async with served(tmp_path, driver=lambda _: driver) as lambda_:
        name = await mapped(lambda_, source, **start)
        with sqlite3.connect(tmp_path / "state" / "pollerd.sqlite3") as state:
            state.execute("UPDATE made SET revision = 'another' WHERE name = 'orders'")
        state.close()
        assert "another daemon" in (await lambda_.refused("delete_function", FunctionName="orders"))[2]
        found = await lambda_.ask("get_event_source_mapping", UUID=name)
        assert "no function" not in found["StateTransitionReason"]
        (stream if start else queue)("refused").send("one")
        await until(lambda: driver.bodies == ["one"])
