"""An alias sends each invocation to the version that is drawn for it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from poller.dispatch.routing import Router, Split
from poller.execution.contract import Invocation, Result, Status

INVOCATION = Invocation(request_id="r", payload=b"{}", function_arn="arn:aws:lambda:us-east-1:0:function:f:live")


class Echo:
    """Answers with its own name, and keeps what it was asked."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.asked: list[Invocation] = []

    async def invoke(self, invocation: Invocation) -> Result:
        await asyncio.sleep(0)
        self.asked.append(invocation)
        return Result(request_id=invocation.request_id, status=Status.SUCCESS, payload=self.name.encode())


@pytest.mark.parametrize(("share", "draw", "version"), [
    (0.1, 0.0, "4"), (0.1, 0.0999, "4"), (0.1, 0.1, "3"), (0.1, 0.9999, "3"),
    (0.0, 0.0, "3"), (1.0, 0.9999, "4"),
])  # fmt: skip
def test_the_second_version_has_its_share(share: float, draw: float, version: str) -> None:
    assert Split("3", "4", share).pick(draw) == version


def test_without_a_second_version_there_is_nothing_to_draw() -> None:
    assert Split("3").pick(0.0) == "3"


async def test_every_invocation_is_drawn_for_anew_also_the_same_one_again() -> None:
    draws: Iterator[float] = iter([0.05, 0.5, 0.05])
    runners = {"3": Echo("3"), "4": Echo("4")}
    router = Router(Split("3", "4", 0.1), runners, lambda: next(draws))
    results = [await router.invoke(INVOCATION) for _ in range(3)]
    assert [(result.payload, result.executed_version) for result in results] == [(b"4", "4"), (b"3", "3"), (b"4", "4")]
    assert runners["3"].asked == [INVOCATION]


async def test_a_failure_tells_its_version_too() -> None:
    class Failing(Echo):
        async def invoke(self, invocation: Invocation) -> Result:
            return Result(request_id="r", status=Status.TIMEOUT, payload=b"", error_type="Sandbox.Timedout")

    result = await Router(Split("3"), {"3": Failing("3")}, lambda: 0.0).invoke(INVOCATION)
    assert (result.executed_version, result.status) == ("3", Status.TIMEOUT)
