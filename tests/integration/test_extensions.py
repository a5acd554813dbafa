"""Extensions as real processes: their order, their events, their ends, and what they cost an invocation."""

from __future__ import annotations

import asyncio
import json
import stat
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from poller.execution.contract import Result, Status
from poller.execution.pool import Pool
from poller.observe.events import FunctionLogged
from tests.integration.scene import MAIN, Scene, error, invoke, opened

HANDLER = """
import os, sys, time
print("function: init", flush=True)
def handler(event, context):
    print("function: event", flush=True)
    if event.get("do") == "hang": time.sleep(600)
    if event.get("do") == "exit": os._exit(3)
    return "ok"
"""

EXTENSION = """#!/usr/bin/python3
import json, os, sys, time, urllib.request
API = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2020-01-01/extension"
NAME = os.path.basename(sys.argv[0])
def call(path, headers, body=None):
    request = urllib.request.Request(API + path, data=body, headers=headers)
    with urllib.request.urlopen(request) as answer:
        return answer.headers, json.loads(answer.read() or b"null")
def say(*words):
    print(NAME + ":", *words, flush=True)
say("start")
time.sleep({early})
headers, about = call("/register", {{"Lambda-Extension-Name": NAME}}, json.dumps({{"events": {events}}}).encode())
say("registered", about["functionName"])
me = {{"Lambda-Extension-Identifier": headers["Lambda-Extension-Identifier"]}}
while True:
    _, event = call("/event/next", me)
    say(event["eventType"], event.get("shutdownReason", ""))
    if event["eventType"] == "SHUTDOWN":
        say("bye"); sys.exit(0)
    {work}
    say("done")
"""


def layer(folder: Path, **extensions: str) -> str:
    """A layer with these external extensions."""
    place = folder / "layer" / "extensions"
    place.mkdir(parents=True)
    for name, text in extensions.items():
        file = place / name
        file.write_text(text)
        file.chmod(file.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    return str(folder / "layer")


def extension(*, events: str = '["INVOKE", "SHUTDOWN"]', early: float = 0, work: str = "pass") -> str:
    return EXTENSION.format(events=events, early=early, work=work)


@pytest.fixture(params=MAIN)
async def scene(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Scene]:
    async with opened(tmp_path, request.param) as scene:
        yield scene


def said(scene: Scene) -> list[str]:
    return [fact.line for fact in scene.facts if isinstance(fact, FunctionLogged) and not fact.platform]


async def until_said(scene: Scene, line: str) -> None:
    async with asyncio.timeout(20):
        while line not in said(scene):
            await asyncio.sleep(0.01)


async def test_the_runtime_starts_when_all_have_registered_and_shutdown_is_told(scene: Scene) -> None:
    layers = layer(scene.folder, one=extension(early=0.5), two=extension(events='["INVOKE"]'))
    pool = scene.pool(HANDLER, layers_root=layers)
    assert (await invoke(pool)).ok
    await pool.close()
    lines = said(scene)
    for name in ("one", "two"):
        assert lines.index(f"{name}: start") < lines.index(f"{name}: registered f") < lines.index("function: init")
        assert f"{name}: INVOKE " in lines
    assert lines[-2:] == ["one: SHUTDOWN spindown", "one: bye"]  # the other one did not want to know


async def test_an_answer_does_not_wait_for_extensions_but_the_next_event_does(scene: Scene) -> None:
    pool = scene.pool(HANDLER, layers_root=layer(scene.folder, slow=extension(work="time.sleep(1.5)")))
    await invoke_plain(pool)
    await until_said(scene, "slow: done")
    began = time.monotonic()
    assert (await invoke_plain(pool)).ok
    answered = time.monotonic() - began
    assert (await invoke_plain(pool)).ok
    assert answered < 1.0 < time.monotonic() - began


async def test_an_extension_that_ends_takes_the_environment_with_it(scene: Scene) -> None:
    text = extension(work="os._exit(7)")
    pool = scene.pool(HANDLER, layers_root=layer(scene.folder, fragile=text))
    result = await invoke(pool, "hang")
    assert (result.status, result.error_type) == (Status.FAILURE, "Extension.Crash")
    assert error(result) == {
        "errorType": "Extension.Crash",
        "errorMessage": f"RequestId: {result.request_id} Error: exit code 7",
    }


async def test_extensions_hear_of_a_timeout_and_start_again_with_the_next_event(scene: Scene) -> None:
    pool = scene.pool(HANDLER, layers_root=layer(scene.folder, watch=extension()), timeout_seconds=2.0)
    assert (await invoke(pool, "hang")).status is Status.TIMEOUT
    assert "watch: SHUTDOWN timeout" in said(scene)
    assert (await invoke(pool)).ok
    assert said(scene).count("watch: start") == 2


async def test_a_crash_of_the_runtime_is_told_as_a_failure(scene: Scene) -> None:
    pool = scene.pool(HANDLER, layers_root=layer(scene.folder, watch=extension()))
    assert (await invoke(pool, "exit")).error_type == "Runtime.ExitError"
    await until_said(scene, "watch: SHUTDOWN failure")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("#!/nowhere/python\n", "Extension.LaunchError"),
        ("#!/bin/sh\nexit 4\n", "Extension.Crash"),
    ],
)
async def test_one_that_does_not_come_up_fails_init(scene: Scene, text: str, kind: str) -> None:
    pool = scene.pool(HANDLER, layers_root=layer(scene.folder, broken=text))
    result = await invoke(pool)
    assert (result.status, result.error_type) == (Status.FAILURE, kind)
    assert "function: init" not in said(scene)


async def test_it_does_not_see_what_describes_the_runtime(scene: Scene) -> None:
    text = extension(early=0).replace("time.sleep(0)", "say(json.dumps(sorted(os.environ)))")
    pool = scene.pool(HANDLER, layers_root=layer(scene.folder, nosy=text), environment={"TABLE": "t"})
    assert (await invoke(pool)).ok
    (names,) = [json.loads(line.partition(": ")[2]) for line in said(scene) if line.startswith("nosy: [")]
    assert {"TABLE", "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_RUNTIME_API"} <= set(names)
    assert {"AWS_LAMBDA_METADATA_API", "AWS_LAMBDA_METADATA_TOKEN"} <= set(names)
    assert not {"_HANDLER", "LAMBDA_TASK_ROOT", "AWS_EXECUTION_ENV", "AWS_LAMBDA_LOG_STREAM_NAME"} & set(names)


async def invoke_plain(pool: Pool, **event: Any) -> Result:
    """Without asking for the log, which would wait for the extensions."""
    return await invoke(pool, tail=False, **event)
