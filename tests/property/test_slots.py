"""Random arrivals, cancellations and releases: never more than the limit, nobody forgotten, nothing left over."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from poller.dispatch.slots import Claim, Slots
from tests.fakes.virtual_time import VirtualLoop


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 4), st.integers(1, 12))
def test_runs_never_exceed_the_limit_and_all_who_wait_are_served(seed: int, limit: int, actors: int) -> None:
    chance = random.Random(seed)
    slots = Slots(limit, {})
    claims = [slots.claim("f", str(n), chance.choice([None, 1, 2])) for n in range(3)]
    running = Counter[str]()

    async def actor(claim: Claim) -> None:
        for _ in range(4):
            poll = chance.random() < 0.6
            permit = await (claim.reserve() if poll else claim.acquire())
            try:
                await asyncio.sleep(chance.random())  # the long poll
                if poll and chance.random() < 0.4:
                    continue  # it brought nothing
                await permit.use()
                running[claim.name] += 1
                try:
                    assert sum(running.values()) <= limit
                    assert claim.limit is None or running[claim.name] <= claim.limit
                    await asyncio.sleep(chance.random())
                finally:
                    running[claim.name] -= 1
            finally:
                permit.release()

    async def play() -> None:
        tasks = [asyncio.create_task(actor(chance.choice(claims))) for _ in range(actors)]
        victims = [task for task in tasks if chance.random() < 0.2]
        await asyncio.sleep(chance.random() * 3)
        for task in victims:
            task.cancel()
        async with asyncio.timeout(1000):
            results = await asyncio.gather(*tasks, return_exceptions=True)
        for result in results:
            assert isinstance(result, asyncio.CancelledError | type(None)), repr(result)
        assert slots.in_use() == {"": 0}
        assert slots.waiting() == {"": 0}
        assert all(claim.outstanding == 0 for claim in claims)

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(play())
