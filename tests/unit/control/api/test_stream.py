"""What InvokeWithResponseStream says of an invocation, event by event."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncGenerator, AsyncIterator

import pytest

from poller.aio.clock import SystemClock
from poller.control.api.stream import Event, response_stream
from poller.dispatch.invoker import Function, Invoker
from poller.dispatch.stream import answering
from poller.execution.contract import FunctionSpec, Opening, Result
from poller.execution.pool import Pool
from poller.execution.scripted import Act, Ending, Script, ScriptedDriver

SPEC = FunctionSpec(
    name="f", version="$LATEST", arn="arn", task_root="", runtime="", handler="", timeout_seconds=5, memory_mb=128
)


class Stage:
    def __init__(self) -> None:
        self.act = Act()
        self.pool = Pool(SPEC, ScriptedDriver(Script(act=lambda _: self.act)), lambda _: None, SystemClock(), 300)
        self._invoker = Invoker({"f": Function("f", "arn", self.pool)}, lambda _: None)

    async def respond(self, act: Act, *, tail: bool = False) -> tuple[Opening | Result, AsyncGenerator[Event, None]]:
        self.act = act
        invocation = answering(lambda told: self._invoker.invoke("f", b"{}", on_opening=told, tail=tail))
        return await response_stream(invocation, tail=tail)


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    yield stage
    await stage.pool.close()


async def test_each_piece_is_an_event_and_the_last_says_that_it_is_complete(stage: Stage) -> None:
    head, events = await stage.respond(Act(pieces=(b"one", b"two"), seconds=1))
    assert isinstance(head, Opening)
    assert (head.executed_version, head.content_type) == ("$LATEST", "application/octet-stream")
    assert [event async for event in events] == [
        {"PayloadChunk": {"Payload": b"one"}},
        {"PayloadChunk": {"Payload": b"two"}},
        {"InvokeComplete": {}},
    ]


async def test_a_function_that_does_not_stream_says_it_in_one(stage: Stage) -> None:
    _, events = await stage.respond(Act(payload=b'"whole"'))
    assert [event async for event in events] == [
        {"PayloadChunk": {"Payload": b'"whole"'}},
        {"InvokeComplete": {}},
    ]


@pytest.mark.parametrize("pieces", [(), (b"half", b"")])
async def test_an_error_is_told_at_the_end(stage: Stage, pieces: tuple[bytes, ...]) -> None:
    head, events = await stage.respond(Act(Ending.RAISED, pieces=pieces))
    assert isinstance(head, Opening if pieces else Result)
    *chunks, last = [event async for event in events]
    assert [chunk["PayloadChunk"]["Payload"] for chunk in chunks] == [piece for piece in pieces if piece]
    complete = last["InvokeComplete"]
    assert complete["ErrorCode"] == "Error"
    assert json.loads(complete["ErrorDetails"])["errorType"] == "Error"


async def test_the_end_of_the_log_is_told_where_it_was_asked_for(stage: Stage) -> None:
    _, events = await stage.respond(Act(payload=b"1"), tail=True)
    last = [event async for event in events][-1]
    assert base64.b64decode(last["InvokeComplete"]["LogResult"]) == b""


async def test_a_client_that_leaves_does_not_stop_the_function(stage: Stage) -> None:
    began = asyncio.get_running_loop().time()
    _, events = await stage.respond(Act(pieces=(b"one", b"two"), seconds=2))
    async for _ in events:
        break
    await events.aclose()
    assert asyncio.get_running_loop().time() - began == pytest.approx(2)
    assert stage.pool.counts()["idle"] == 1
