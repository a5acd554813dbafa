"""Many invocations over eight environments that crash, hang and answer too much: every answer is its own request's, and nothing is left.

SOAK_INVOCATIONS sets how many; ``SOAK_INVOCATIONS=100000 pytest -s tests/faults/test_soak.py`` takes some minutes and prints its figures.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from poller.aio.clock import SystemClock
from poller.dispatch.invoker import new_request_id
from poller.execution.contract import FunctionSpec, Invocation, Result
from poller.execution.pool import Pool
from poller.execution.process import ProcessDriver
from poller.execution.runtimes import own
from poller.execution.sandbox.isolation import Bubblewrap, unavailable
from poller.observe.events import DefectFoundError, EnvironmentStarted, Fact

SIZE = int(os.environ.get("SOAK_INVOCATIONS", "3000"))
ENVIRONMENTS = 8
RECYCLE_SECONDS = 2.0
"""Environments are replaced all the time, so that what one leaves behind adds up."""
GROWTH = 12 * 1024 * 1024
"""Bytes that the daemon may have more at the end than after a quarter: two oversized answers on their way, as the allocator keeps them."""
MORE = 3 * ENVIRONMENTS
"""Descriptors more than before: fewer environments may have been alive then. In a long run ten times as many have come and gone."""
SHARES = {"raise": 0.01, "exit": 0.001, "kill": 0.001, "big": 0.0005, "hang": 0.0002}
"""Of all invocations; at least one each. The rest succeeds."""
ENDS = {
    "echo": "",
    "raise": "ValueError",
    "exit": "Runtime.ExitError",
    "kill": "Runtime.ExitError",
    "big": "Function.ResponseSizeTooLarge",
    "hang": "Sandbox.Timedout",
}
CODE = """
import os, signal, time
def handler(event, context):
    do, note = event["do"], event["note"]
    if do == "raise": raise ValueError(note)
    if do == "exit": os._exit(3)
    if do == "kill": os.kill(os.getpid(), signal.SIGKILL)
    if do == "big": return "x" * (7 * 1024 * 1024)
    if do == "hang": time.sleep(600)
    return [note, context.aws_request_id]
"""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(90 + SIZE // 50)]


@dataclass(frozen=True, slots=True)
class Traces:
    """What could be left. memory: resident bytes of the daemon, here the test. spawner: of its helper."""

    memory: int
    descriptors: int
    spawner: int
    spawner_descriptors: int

    @classmethod
    def now(cls, others: Collection[psutil.Process]) -> Traces:
        gc.collect()
        daemon = psutil.Process()
        [spawner] = set(daemon.children()).difference(others)
        return cls(
            memory=daemon.memory_info().rss,
            descriptors=daemon.num_fds(),
            spawner=spawner.memory_info().rss,
            spawner_descriptors=spawner.num_fds(),
        )


@dataclass(slots=True)
class Soak:
    """descriptors, others: of this process, and its children (servers that tests share), before there was a driver."""

    pool: Pool
    driver: ProcessDriver
    facts: Counter[type[Fact]]
    state: Path
    descriptors: int
    others: Collection[psutil.Process]

    async def settled(self) -> None:
        """Wait until environments that were replaced are gone: what is left of them adds up, what is still on its way does not."""
        isolation = self.driver.isolation
        assert isinstance(isolation, Bubblewrap)
        async with asyncio.timeout(30):
            while len(isolation._users) > ENVIRONMENTS + 1:  # a spare
                await asyncio.sleep(0.01)

    def left(self) -> list[psutil.Process]:
        """Processes that are there now and were not before, dead or alive, with all below them."""
        new = set(psutil.Process().children()).difference(self.others)
        return [process for one in new for process in (one, *one.children(recursive=True))]

    async def run(self, plan: Iterator[str]) -> Counter[str]:
        """All of the plan, ENVIRONMENTS at once. Returns how the invocations ended."""
        ended: Counter[str] = Counter()

        async def caller() -> None:
            for do in plan:
                ended[await self.one(do)] += 1

        async with asyncio.TaskGroup() as callers:
            for _ in range(ENVIRONMENTS):
                callers.create_task(caller())
        return ended

    async def one(self, do: str) -> str:
        request_id = new_request_id()
        event = json.dumps({"do": do, "note": f"note of {request_id}"}).encode()
        result = await self.pool.invoke(
            Invocation(request_id=request_id, payload=event, function_arn=self.pool.spec.arn)
        )
        assert (result.request_id, result.error_type) == (request_id, ENDS[do])
        check_payload(do, result)
        return result.error_type


def check_payload(do: str, result: Result) -> None:
    """It tells of its own request."""
    answer = json.loads(result.payload)
    note = f"note of {result.request_id}"
    if do == "echo":
        assert answer == [note, result.request_id]
    elif do == "raise":
        assert answer["errorMessage"] == note
    elif do != "big":
        assert result.request_id in answer["errorMessage"]


def planned(size: int) -> list[str]:
    """What each invocation does; the same at every run."""
    failing = [do for do, share in SHARES.items() for _ in range(max(1, round(size * share)))]
    plan = failing + ["echo"] * (size - len(failing))
    random.Random(20261125).shuffle(plan)
    return plan


@pytest.fixture
async def soak(tmp_path: Path) -> AsyncIterator[Soak]:
    if reason := unavailable():
        pytest.skip(reason)
    facts: Counter[type[Fact]] = Counter()
    descriptors, others = psutil.Process().num_fds(), psutil.Process().children()
    code = tmp_path / "code"
    code.mkdir()
    (code / "app.py").write_text(CODE)
    driver = ProcessDriver(tmp_path / "state", lambda fact: facts.update([type(fact)]), "bubblewrap")
    spec = FunctionSpec(
        name="f", version="$LATEST", arn="arn:aws:lambda:us-east-1:000000000000:function:f", task_root=str(code), prefork=1,
        runtime=own.IDENTIFIER, handler="app.handler", timeout_seconds=10.0, memory_mb=256, network="none",
    )  # fmt: skip
    pool = Pool(
        spec, driver, lambda fact: facts.update([type(fact)]), SystemClock(), 300.0, recycle_after_seconds=RECYCLE_SECONDS
    )  # fmt: skip
    soak = Soak(pool, driver, facts, tmp_path / "state", descriptors, others)
    yield soak
    await pool.close()
    await driver.close()
    assert soak.left() == [], "a process is left"


async def test_every_answer_is_its_own_requests_and_nothing_is_left(soak: Soak) -> None:
    plan = planned(SIZE)
    began = time.monotonic()
    ended = await soak.run(iter(plan[: SIZE // 4]))
    await soak.settled()
    before = Traces.now(soak.others)
    ended += await soak.run(iter(plan[SIZE // 4 :]))
    took = time.monotonic() - began
    assert ended == Counter(ENDS[do] for do in plan)
    assert soak.facts[DefectFoundError] == 0
    await soak.settled()
    after = Traces.now(soak.others)
    print(
        f"\n{SIZE:,} invocations in {took:.0f} s, {soak.facts[EnvironmentStarted]} environments; {ended}\n{before}\n{after}"
    )

    assert after.memory - before.memory < GROWTH
    assert after.spawner - before.spawner < GROWTH
    assert after.spawner_descriptors <= before.spawner_descriptors + MORE
    assert after.descriptors <= before.descriptors + MORE
    numbers = len(list((soak.state / "sandbox").glob("names-*")))
    assert numbers <= 4 * (ENVIRONMENTS + 1), "user numbers are not used again"  # some are still being stopped
    assert str(soak.state) not in Path("/proc/self/mountinfo").read_text(), "the daemon sees a sandbox's mounts"

    await soak.pool.close()
    assert [process for process in soak.left() if process.status() == psutil.STATUS_ZOMBIE] == []
    await soak.driver.close()
    assert psutil.Process().num_fds() <= soak.descriptors + 1, "descriptors are left"
    assert list((soak.state / "tmp").glob("*")) == []
