"""A pool over the scripted driver."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from typing import Any

import pytest

from poller.execution.contract import CONCURRENT, ON_DEMAND, FunctionSpec, Invocation, Result
from poller.execution.pool import Pool
from poller.execution.scripted import Script, ScriptedDriver
from poller.observe.events import EnvironmentStopped, Fact
from tests.fakes.virtual_time import LoopClock

SPEC = FunctionSpec(
    name="f", version="$LATEST", arn="arn:aws:lambda:us-east-1:000000000000:function:f", task_root="/code",
    runtime="python3.11", handler="app.handler", timeout_seconds=5.0, memory_mb=128,
)  # fmt: skip


class Stage:
    """Pools that share a driver and its script."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []
        self.script = Script()
        self.driver = ScriptedDriver(self.script)
        self.pools: list[Pool] = []

    def pool(self, *, idle: float = 300.0, each: int = 1, **options: Any) -> Pool:
        spec = dataclasses.replace(
            SPEC, max_concurrency=each, initialization_type=CONCURRENT if each > 1 else ON_DEMAND
        )
        pool = Pool(spec, self.driver, self.facts.append, LoopClock(), idle, **options)
        self.pools.append(pool)
        return pool

    def invoke(self, pool: Pool, name: str) -> asyncio.Task[Result]:
        invocation = Invocation(request_id=name, payload=name.encode(), function_arn=SPEC.arn)
        return asyncio.create_task(pool.invoke(invocation), name=name)

    @property
    def living(self) -> int:
        return sum(environment.alive for environment in self.driver.environments)

    def stops(self) -> list[str]:
        return [fact.reason for fact in self.facts if isinstance(fact, EnvironmentStopped)]


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    yield stage
    for pool in stage.pools:
        await pool.close()
    assert stage.living == 0
