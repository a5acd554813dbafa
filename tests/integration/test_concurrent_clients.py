"""AWS's runtime clients, each unmodified in a process of its own, with several invocations at once."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import orjson
import pytest

from poller.execution.concurrent.api import ConcurrentRuntimeApi, Outstanding
from poller.execution.contract import Invocation
from poller.execution.runtime_api import Answer
from tests import clients
from tests.cache import CACHE
from tests.servers import Unavailable
from tests.stage import ARN, SECONDS, Stage

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(900)]

PYTHON = """
import os, time
def handler(event, context):
    if event["do"] == "wait":
        while not os.path.exists(event["gate"]): time.sleep(0.01)
    return {"event": event, "id": context.aws_request_id}
"""
NODE = """
const fs = require("fs");
exports.handler = async (event, context) => {
  while (event.do === "wait" && !fs.existsSync(event.gate)) await new Promise((done) => setTimeout(done, 10));
  return {event, id: context.awsRequestId};
};
"""
CLIENTS: dict[str, Callable[[Path], list[str]]] = {
    "awslambdaric": clients.python,
    "aws-lambda-go": lambda _code: clients.go(CACHE),
    "aws-lambda-ric 4": lambda _code: clients.node(CACHE, "4.0.2"),
}
JSON = {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_MAX_CONCURRENCY": "4", "AWS_LAMBDA_NODEJS_WORKER_COUNT": "2"}


class Several(Stage):
    """A runtime that runs up to four at once."""

    api: ConcurrentRuntimeApi

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, ConcurrentRuntimeApi)

    def hand(self, name: str, **event: str) -> Outstanding:
        invocation = Invocation(request_id=name, payload=orjson.dumps(event), function_arn=ARN)
        return self.api.hand(invocation, int((time.time() + SECONDS) * 1000))

    async def taken(self, *ones: Outstanding) -> None:
        async with asyncio.timeout(SECONDS):
            while not all(one.taken for one in ones):
                await asyncio.sleep(0.01)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Several]:
    (tmp_path / "app.py").write_text(PYTHON)
    (tmp_path / "app.js").write_text(NODE)
    stage = Several(tmp_path)
    await stage.api.open()
    yield stage
    await stage.close()


async def start(stage: Several, name: str) -> None:
    try:
        command = CLIENTS[name](stage.folder)
    except Unavailable as reason:
        pytest.skip(f"{name}: {reason}")
    await stage.start(command, **JSON)
    await stage.ready()


async def answer(one: Outstanding) -> Answer:
    async with asyncio.timeout(SECONDS):
        found = await one.answer
    assert found is not None
    return found


@pytest.mark.parametrize("name", CLIENTS)
async def test_four_run_at_once_and_each_has_its_own_answer(stage: Several, name: str) -> None:
    """All four are taken before any could be answered."""
    await start(stage, name)
    gate = stage.folder / "gate"
    ones = [stage.hand(f"id-{n}", do="wait", gate=str(gate), n=str(n)) for n in range(4)]
    await stage.taken(*ones)
    assert not any(one.answer.done() for one in ones)
    gate.touch()
    for n, one in enumerate(ones):
        found = json.loads((await answer(one)).body)
        assert (found["event"]["n"], found["id"]) == (str(n), f"id-{n}")
    for n in range(20):
        assert not (await answer(stage.hand(f"again-{n}", do="echo"))).error


@pytest.mark.parametrize("name", CLIENTS)
async def test_a_late_answer_is_refused_and_the_others_have_theirs(stage: Several, name: str) -> None:
    await start(stage, name)
    late_gate, gate = stage.folder / "late", stage.folder / "gate"
    late = stage.hand("late", do="wait", gate=str(late_gate))
    neighbour = stage.hand("neighbour", do="wait", gate=str(gate))
    await stage.taken(late, neighbour)
    stage.api.expire(late)
    late_gate.touch()
    async with asyncio.timeout(SECONDS):
        while stage.api.overdue:
            await asyncio.sleep(0.01)
    gate.touch()
    assert not (await answer(neighbour)).error
    if name == "aws-lambda-go":  # an answer that is not accepted ends it, once its other invocations are answered
        assert await stage.programs[0].end() == 1


@pytest.mark.parametrize("name", ["awslambdaric", "aws-lambda-ric 4"])
async def test_a_late_answer_does_not_end_the_runtime(stage: Several, name: str) -> None:
    await start(stage, name)
    gate = stage.folder / "late"
    late = stage.hand("late", do="wait", gate=str(gate))
    await stage.taken(late)
    stage.api.expire(late)
    gate.touch()
    for n in range(8):
        assert not (await answer(stage.hand(f"again-{n}", do="echo"))).error
