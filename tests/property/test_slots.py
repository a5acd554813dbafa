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


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(3, 6), st.integers(1, 15))
def test_functions_share_a_pool_each_in_order_and_what_is_set_aside_is_there(
    seed: int, limit: int, actors: int
) -> None:
    """Callers of three functions, one of which has slots set aside: no more run than may, and those of a function run as they came."""
    chance = random.Random(seed)
    floor = chance.randrange(limit - 1)
    slots = Slots(limit, {}, {"warm": floor} if floor else {})
    claims = {name: slots.claim(name, name) for name in ("warm", "a", "b")}
    arrived: dict[str, list[int]] = {name: [] for name in claims}
    ran: dict[str, list[int]] = {name: [] for name in claims}
    running = Counter[str]()

    def check() -> None:
        assert sum(running.values()) <= limit
        assert all(running[name] <= slots.limit(name) for name in claims)
        if claims["warm"].held < floor:
            permit = claims["warm"].try_acquire()
            assert permit, "a slot that is set aside is there at once"
            permit.release()

    async def actor(n: int, name: str) -> None:
        await asyncio.sleep(chance.random())
        arrived[name].append(n)
        poll = await claims[name].reserve() if chance.random() < 0.3 else None
        if poll:
            arrived[name].remove(n)  # it arrives with its work, when the receive is over
            await asyncio.sleep(chance.random())
            poll.release()
            arrived[name].append(n)
        permit = await claims[name].acquire()
        ran[name].append(n)
        running[name] += 1
        check()
        await asyncio.sleep(chance.random())
        running[name] -= 1
        permit.release()
        check()

    async def play() -> None:
        async with asyncio.timeout(1000), asyncio.TaskGroup() as group:
            for n in range(actors):
                group.create_task(actor(n, chance.choice(list(claims))))
        assert ran == arrived
        assert slots.in_use() == {"": 0}
        assert slots.waiting() == {"": 0}

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(play())


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 12))
def test_limits_may_change_at_any_time(seed: int, actors: int) -> None:
    """Reservations come, go and change while calls run and wait: everybody is served in the end, and nothing is left over."""
    chance = random.Random(seed)
    slots = Slots(3, {})
    claims = [slots.claim(name, name) for name in ("a", "b")]

    async def actor(claim: Claim) -> None:
        for _ in range(4):
            permit = await (claim.reserve() if chance.random() < 0.5 else claim.acquire())
            try:
                await asyncio.sleep(chance.random())
                if chance.random() < 0.7:
                    await permit.use()
                    await asyncio.sleep(chance.random())
            finally:
                permit.release()

    async def play() -> None:
        tasks = [asyncio.create_task(actor(chance.choice(claims))) for _ in range(actors)]
        victims = [task for task in tasks if chance.random() < 0.2]
        for _ in range(5):
            await asyncio.sleep(chance.random())
            reserved = {name: chance.randrange(3) for name in ("a", "b") if chance.random() < 0.5}
            slots.limit_to(5, reserved, {name: 1 for name in ("a", "b") if chance.random() < 0.3})
        for task in victims:
            task.cancel()
        slots.limit_to(4, {"a": 1, "b": 1})
        async with asyncio.timeout(1000):
            await asyncio.gather(*tasks, return_exceptions=True)
        assert slots.in_use() == {"": 0, "a": 0, "b": 0}
        assert slots.waiting() == {"": 0, "a": 0, "b": 0}
        assert all(claim.outstanding == 0 for claim in claims)
        held = [claims[0].try_acquire(), claims[0].try_acquire()]
        assert [permit is not None for permit in held] == [True, False]

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(play())
