"""The runtime clients of AWS, each unmodified in a process of its own, against our Runtime API."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from poller.execution.contract import Opening
from poller.execution.extensions.states import ExtensionState
from poller.execution.runtime_api.answers import Answer
from tests import clients
from tests.cache import CACHE
from tests.servers import Unavailable
from tests.stage import ARN, Stage

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(900)]

PYTHON = """
def handler(event, context):
    if event["do"] == "fail": raise ValueError("no")
    if event["do"] == "big": return "x" * (6291556 - 2)
    if event["do"] == "too big": return "x" * (6291556 - 1)
    return {"event": event, "id": context.aws_request_id, "arn": context.invoked_function_arn}
"""
NODE = """
const plain = async (event, context) => {
  if (event.do === "fail") throw new TypeError("no");
  return {event, id: context.awsRequestId, arn: context.invokedFunctionArn};
};
const streamed = awslambda.streamifyResponse(async (event, out, context) => {
  out.setContentType("text/plain");
  for (let n = 0; n < 3; n++) { out.write(`piece ${n};`); await new Promise((done) => setTimeout(done, 50)); }
  if (event.do === "break") throw new Error("broken in the middle");
  out.end();
});
exports.handler = process.env.STREAM ? streamed : plain;
"""

CLIENTS: dict[str, Callable[[Path], list[str]]] = {
    "awslambdaric": clients.python,
    "aws-lambda-go": lambda _code: clients.go(CACHE),
    "lambda_runtime": lambda _code: clients.rust(CACHE, "function"),
    "aws-lambda-ric 3": lambda _code: clients.node(CACHE, "3.3.0"),
    "aws-lambda-ric 4": lambda _code: clients.node(CACHE, "4.0.2"),
}


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    (tmp_path / "app.py").write_text(PYTHON)
    (tmp_path / "app.js").write_text(NODE)
    stage = Stage(tmp_path)
    await stage.api.open()
    yield stage
    await stage.close()


def command(name: str, stage: Stage) -> list[str]:
    try:
        return CLIENTS[name](stage.folder)
    except Unavailable as reason:
        pytest.skip(f"{name}: {reason}")


def body(answer: Answer) -> Any:
    return json.loads(answer.body)


async def streamed(stage: Stage, do: str) -> tuple[Answer, list[bytes]]:
    """An answer and its pieces, read as they came."""
    opening: asyncio.Future[Opening] = asyncio.get_running_loop().create_future()
    asking = asyncio.create_task(stage.invoke({"do": do}, opening.set_result))
    pieces = [piece async for piece in (await opening).pieces]
    return await asking, pieces


@pytest.mark.parametrize("name", CLIENTS)
async def test_events_and_errors_come_and_go(stage: Stage, name: str) -> None:
    await stage.start(command(name, stage))
    await stage.ready()
    for n in range(3):
        answer = await stage.invoke({"do": "echo", "n": str(n)})
        assert not answer.error
        assert body(answer)["event"] == {"do": "echo", "n": str(n)}
        assert body(answer)["arn"] == ARN
    failed = await stage.invoke({"do": "fail"})
    assert failed.error
    assert body(failed)["errorMessage"] == "no"
    assert failed.error_type in {"Runtime.Unknown", "Function.Unknown"}
    assert not (await stage.invoke({"do": "echo"})).error


async def test_the_limit_is_the_services(stage: Stage) -> None:
    program = await stage.start(command("awslambdaric", stage))
    await stage.ready()
    assert len((await stage.invoke({"do": "big"})).body) == 6291556
    assert (await stage.invoke({"do": "too big"})).oversized
    assert await program.end()  # the client gives up when it is refused


@pytest.mark.parametrize("name", ["aws-lambda-go", "lambda_runtime", "aws-lambda-ric 3", "aws-lambda-ric 4"])
async def test_a_streamed_answer_comes_in_pieces(stage: Stage, name: str) -> None:
    await stage.start(command(name, stage), STREAM="1")
    await stage.ready()
    answer, pieces = await streamed(stage, "stream")
    assert b"".join(pieces).endswith(b"piece 0;piece 1;piece 2;")
    assert len(pieces) >= 3
    assert (answer.error, answer.body, answer.streamed) == (False, b"", len(b"".join(pieces)))
    whole = await stage.invoke({"do": "stream"})
    assert whole.body == b"".join(pieces)


@pytest.mark.parametrize("name", ["aws-lambda-go", "aws-lambda-ric 3", "aws-lambda-ric 4"])
async def test_an_error_in_the_middle_of_a_stream_is_told_in_trailers(stage: Stage, name: str) -> None:
    await stage.start(command(name, stage), STREAM="1")
    await stage.ready()
    answer, pieces = await streamed(stage, "break")
    assert b"".join(pieces) == b"piece 0;piece 1;piece 2;"
    assert answer.error_type
    assert body(answer)["errorMessage"] == "broken in the middle"
    whole = await stage.invoke({"do": "break"})
    assert whole.error
    assert body(whole)["errorMessage"] == "broken in the middle"


@pytest.mark.parametrize("name", ["aws-lambda-go", "lambda_runtime"])
async def test_an_extension_inside_the_runtime_gets_it_sigterm(stage: Stage, name: str) -> None:
    program = await stage.start(command(name, stage), GRACEFUL="1")
    await stage.ready()
    assert [(one.external, one.events, one.state) for one in stage.extensions.extensions] == [
        (False, (), ExtensionState.READY)
    ]
    assert not (await stage.invoke({"do": "echo"})).error
    program.signal(signal.SIGTERM)
    await program.line("graceful")
