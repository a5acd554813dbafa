"""An invocation's answer is read as it comes, or not, and the function is none the worse for it."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator

import pytest

from poller.aio.clock import SystemClock
from poller.dispatch.invoker import Function, Invoker, UnknownFunctionError
from poller.dispatch.routing import Router, Split
from poller.dispatch.stream import Answering, answering
from poller.execution.contract import FunctionSpec, Opening, Status
from poller.execution.pool import Pool
from poller.execution.scripted import Act, Ending, Script, ScriptedDriver
from poller.observe.events import Fact, InvocationEnded

ARN = "arn:aws:lambda:us-east-1:000000000000:function:f"
SPEC = FunctionSpec(
    name="f", version="3", arn=ARN, task_root="", runtime="", handler="", timeout_seconds=5, memory_mb=128
)


class Stage:
    """One function behind an invoker, and what it says next."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []
        self.act = Act()
        self.driver = ScriptedDriver(Script(act=lambda _: self.act))
        self.pool = Pool(SPEC, self.driver, self.facts.append, SystemClock(), 300)
        router = Router(Split("3"), {"3": self.pool}, random.random)
        self.invoker = Invoker({"f:live": Function("f", f"{ARN}:live", router)}, self.facts.append)

    def answering(self, target: str = "f:live") -> contextlib.AbstractAsyncContextManager[Answering]:
        return answering(lambda opening: self.invoker.invoke(target, b'{"a":1}', on_opening=opening))


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    yield stage
    await stage.pool.close()


async def begun(answer: Answering) -> Opening:
    opening = await answer.opening()
    assert opening is not None
    return opening


async def test_pieces_come_before_the_result(stage: Stage) -> None:
    stage.act = Act(pieces=(b"one", b"two"), seconds=2)
    async with stage.answering() as answer:
        opening = await begun(answer)
        pieces = aiter(opening.pieces)
        assert (opening.executed_version, await anext(pieces)) == ("3", b"one")
        assert not [fact for fact in stage.facts if isinstance(fact, InvocationEnded)]
        assert [piece async for piece in pieces] == [b"two"]
        result = await answer.result()
    assert (result.status, result.payload, result.executed_version) == (Status.SUCCESS, b"", "3")


async def test_a_whole_answer_is_one_piece(stage: Stage) -> None:
    async with stage.answering() as answer:
        opening = await begun(answer)
        assert [piece async for piece in opening.pieces] == [b'{"a":1}']
        assert opening.executed_version == "3"


async def test_an_error_before_anything_is_no_beginning(stage: Stage) -> None:
    stage.act = Act(Ending.RAISED)
    async with stage.answering() as answer:
        assert await answer.opening() is None
        assert (await answer.result()).status is Status.ERROR


async def test_an_error_in_the_middle_is_the_result_s(stage: Stage) -> None:
    stage.act = Act(Ending.EXITED, pieces=(b"half", b"never"), seconds=1)
    async with stage.answering() as answer:
        opening = await begun(answer)
        assert [piece async for piece in opening.pieces] == [b"half"]
        assert (await answer.result()).error_type == "Runtime.ExitError"


@pytest.mark.parametrize("late", [False, True])
async def test_a_reader_that_leaves_lets_the_function_run_on(stage: Stage, *, late: bool) -> None:
    stage.act = Act(pieces=(b"one", b"two"), seconds=2)
    began = asyncio.get_running_loop().time()
    async with stage.answering() as answer:
        if late:
            await begun(answer)
        answer.abandon()
        result = await answer.result()
    assert result.ok
    assert asyncio.get_running_loop().time() - began == pytest.approx(2)
    assert stage.pool.counts()["idle"] == 1


async def test_leaving_early_waits_for_the_function(stage: Stage) -> None:
    stage.act = Act(seconds=2)
    async with stage.answering():
        pass
    [ended] = [fact for fact in stage.facts if isinstance(fact, InvocationEnded)]
    assert ended.status == "success"


async def test_whoever_is_cancelled_takes_the_invocation_along(stage: Stage) -> None:
    stage.act = Act(seconds=4)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1), stage.answering() as answer:
            await answer.result()
    assert stage.pool.counts()["busy"] == 0


async def test_what_the_invoker_raises_comes_out(stage: Stage) -> None:
    with pytest.raises(UnknownFunctionError):
        async with stage.answering("g") as answer:
            await answer.opening()
    with pytest.raises(UnknownFunctionError):
        async with stage.answering("g"):
            pass
