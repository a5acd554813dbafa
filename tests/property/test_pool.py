"""Random arrivals, failures and cancellations: every invocation is answered in its turn, and nothing is left over.

That no environment does more at once than it may, or anything after its stop, is the scripted driver's to say.
"""

from __future__ import annotations

import asyncio
import dataclasses
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from poller.execution.contract import FunctionSpec, Invocation, Result
from poller.execution.pool import Pool, Starts
from poller.execution.scripted import Act, DefectError, Ending, Script, ScriptedDriver
from poller.observe.events import EnvironmentAwaited, Fact
from tests.fakes.virtual_time import LoopClock, VirtualLoop

SPEC = FunctionSpec(
    name="f", version="$LATEST", arn="arn", task_root="/", runtime="r", handler="h", timeout_seconds=3.0, memory_mb=128
)
ENDINGS = [Ending.WELL] * 6 + [Ending.RAISED, Ending.EXITED, Ending.HUNG]


class World:
    """Some pools on one host, and all that happens to them, from one seed. each: invocations that an environment runs at once."""

    def __init__(self, seed: int, at_once: int, each: int = 1) -> None:
        self.spec = dataclasses.replace(SPEC, max_concurrency=each)
        self.chance = random.Random(seed)
        self.starts = Starts(at_once)
        self.driver = ScriptedDriver(Script(init=self.init, act=self.act))
        self.facts: list[Fact] = []
        self.pools = [self.pool() for _ in range(self.chance.choice([1, 2]))]

    def pool(self) -> Pool:
        return Pool(
            self.spec,
            self.driver,
            self.facts.append,
            LoopClock(),
            idle_timeout_seconds=self.chance.choice([0.5, 300.0]),
            recycle_after_seconds=self.chance.choice([2.0, 3600.0]),
            provisioned=self.chance.choice([0, 0, 2, 2 * self.spec.max_concurrency - 1]),
            starts=self.starts,
        )

    def init(self) -> Act:
        endings = [*ENDINGS, Ending.DEFECT] if self.chance.random() < 0.3 else [Ending.WELL]
        return Act(self.chance.choice(endings), self.moments())

    def act(self, invocation: Invocation) -> Act:
        return Act(self.chance.choice(ENDINGS), self.moments())

    def moments(self) -> float:
        """Seconds, in steps, so that many things happen in the same moment."""
        return self.chance.choice([0.0, 0.25, 0.5, 1.0])

    def invoke(self, name: str) -> asyncio.Task[Result]:
        invocation = Invocation(request_id=name, payload=name.encode(), function_arn="arn")
        return asyncio.create_task(self.chance.choice(self.pools).invoke(invocation))

    async def play(self) -> None:
        tasks: list[asyncio.Task[Result]] = []
        for pool in self.pools:
            if pool.allocation.requested:
                pool.provision()
        for n in range(self.chance.randrange(1, 40)):
            tasks.append(self.invoke(str(n)))
            if self.chance.random() < 0.3:
                asyncio.get_running_loop().call_later(self.moments(), self.chance.choice(tasks).cancel)
            if self.chance.random() < 0.5:
                await asyncio.sleep(self.moments())
        async with asyncio.timeout(1000):
            results = await asyncio.gather(*tasks, return_exceptions=True)
        for n, result in enumerate(results):
            if isinstance(result, Result):
                assert result.request_id == str(n)
                assert not result.ok or result.payload == str(n).encode()
            else:
                assert isinstance(result, asyncio.CancelledError) or self.scripted(result), repr(result)
        self.driver.script.init = Act
        await asyncio.sleep(200.03)  # an INIT ahead of traffic hangs for 130 s; and a moment in which nothing begins
        self.check_rest()
        await asyncio.gather(*(pool.close() for pool in self.pools))
        assert all(environment.stopped for environment in self.driver.environments)
        assert self.starts.young == 0

    def scripted(self, error: BaseException) -> bool:
        return isinstance(error, DefectError) and str(error) == "as the script has it"

    def check_rest(self) -> None:
        """All is at rest: whoever lives is idle and known to its pool."""
        living = sum(environment.alive for environment in self.driver.environments)
        counts = [pool.counts() for pool in self.pools]
        assert sum(sum(count.values()) for count in counts) == living, counts
        assert all(count["busy"] == 0 for count in counts)
        assert all(pool.waiting == 0 for pool in self.pools)
        assert all(pool.allocation.available == pool.allocation.requested for pool in self.pools)
        assert all(fact.seconds >= 0 for fact in self.facts if isinstance(fact, EnvironmentAwaited))


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 4), st.sampled_from([1, 1, 2, 3, 8]))
def test_every_invocation_is_answered_and_nothing_leaks(seed: int, at_once: int, each: int) -> None:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(World(seed, at_once, each).play())


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 4), st.integers(1, 30), st.sampled_from([1, 1, 2, 5]))
def test_those_who_wait_run_in_the_order_of_arrival(seed: int, at_once: int, callers: int, each: int) -> None:
    """Callers that are cancelled while they wait leave the order of the others as it was; none is passed over."""
    chance = random.Random(seed)
    began: list[int] = []

    def act(invocation: Invocation) -> Act:
        began.append(int(invocation.request_id))
        return Act(seconds=chance.random())

    async def play() -> None:
        driver = ScriptedDriver(Script(init=lambda: Act(seconds=0.01 + chance.random()), act=act))
        spec = dataclasses.replace(SPEC, max_concurrency=each)
        pool = Pool(spec, driver, lambda _: None, LoopClock(), 300.0, starts=Starts(at_once))
        tasks = []
        for n in range(callers):
            invocation = Invocation(request_id=str(n), payload=b"", function_arn="arn")
            tasks.append(asyncio.create_task(pool.invoke(invocation)))
            await asyncio.sleep(0.02 * chance.random())
        victims = {n for n in range(callers) if n not in began and chance.random() < 0.2}
        for n in victims:
            tasks[n].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert began == [n for n in range(callers) if n not in victims]
        assert len(driver.environments) <= callers
        await pool.close()

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(play())
