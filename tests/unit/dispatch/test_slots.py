"""Slots: never more than the limit, work before polls, idle reservations give way."""

from __future__ import annotations

import asyncio

import pytest

from poller.dispatch.slots import Permit, Slots


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_reserved_function_has_its_own_slots() -> None:
    slots = Slots(10, {"orders": 1})
    orders, other = slots.claim("orders", "a"), slots.claim("mail", "b")
    assert orders.try_acquire()
    assert orders.try_acquire() is None
    assert sum(other.try_acquire() is not None for _ in range(20)) == 9


async def test_a_function_with_reserved_concurrency_zero_never_runs_nor_polls() -> None:
    claim = Slots(10, {"off": 0}).claim("off", "a")
    assert claim.try_acquire() is None
    assert claim.try_reserve() is None
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1000):
            await claim.reserve()


async def test_a_released_slot_goes_to_the_one_who_waits_longest() -> None:
    claim = Slots(1, {}).claim("f", "a")
    first = await claim.acquire()
    order: list[int] = []

    async def run(n: int) -> None:
        permit = await claim.acquire()
        order.append(n)
        permit.release()

    tasks = [asyncio.create_task(run(n)) for n in range(3)]
    await settle()
    assert order == []
    first.release()
    await asyncio.gather(*tasks)
    assert order == [0, 1, 2]


async def test_releasing_twice_frees_one_slot_only() -> None:
    slots = Slots(1, {})
    permit = await slots.claim("f", "a").acquire()
    permit.release()
    permit.release()
    assert slots.in_use() == {"": 0}


async def test_who_has_work_goes_before_who_wants_to_poll() -> None:
    slots = Slots(1, {})
    claim = slots.claim("f", "a")
    running = await claim.acquire()
    poll = asyncio.create_task(claim.reserve())
    await settle()
    work = asyncio.create_task(claim.acquire())
    await settle()
    running.release()
    await settle()
    assert work.done()
    assert not poll.done()
    work.result().release()
    (await poll).release()


async def test_pollers_of_different_mappings_take_turns() -> None:
    slots = Slots(1, {})
    greedy, modest = slots.claim("f", "greedy"), slots.claim("f", "modest")
    running = await greedy.acquire()
    order: list[str] = []

    async def poll(name: str, claim: object) -> None:
        permit: Permit = await claim.reserve()  # type: ignore[attr-defined]  # a Claim
        await permit.use()
        order.append(name)
        permit.release()

    tasks = [asyncio.create_task(poll(f"greedy{n}", greedy)) for n in range(3)]
    await settle()
    tasks.append(asyncio.create_task(poll("modest", modest)))
    await settle()
    running.release()
    await asyncio.gather(*tasks)
    assert order.index("modest") == 1


async def test_an_invocation_takes_the_slot_of_an_idle_poll() -> None:
    slots = Slots(1, {})
    idle = await slots.claim("f", "mapping").reserve()
    permit = slots.claim("f", "api").try_acquire()
    assert permit
    assert slots.in_use() == {"": 1}
    use = asyncio.create_task(idle.use())  # the poll brought records after all
    await settle()
    assert not use.done()
    permit.release()
    await use
    assert slots.in_use() == {"": 1}
    idle.release()
    assert slots.in_use() == {"": 0}


async def test_a_poll_that_brought_records_cannot_lose_its_slot() -> None:
    slots = Slots(1, {})
    permit = await slots.claim("f", "mapping").reserve()
    await permit.use()
    assert slots.claim("f", "api").try_acquire() is None


async def test_a_mapping_with_nothing_outstanding_takes_over_another_mappings_idle_poll() -> None:
    slots = Slots(1, {})
    a, b = slots.claim("f", "a"), slots.claim("f", "b")
    first = await a.reserve()
    second = await b.reserve()
    assert slots.in_use() == {"": 1}
    assert a.try_reserve() is None, "its revoked poll is still under way"
    first.release()
    third = a.try_reserve()
    assert third, "nothing outstanding: b's idle poll gives way in turn"
    second.release()
    third.release()
    assert slots.in_use() == {"": 0}


async def test_a_mapping_never_takes_over_its_own_poll() -> None:
    slots = Slots(2, {})
    a = slots.claim("f", "a")
    await a.reserve()
    await a.reserve()
    assert a.try_reserve() is None


async def test_a_claims_own_limit_holds_and_does_not_block_those_behind() -> None:
    slots = Slots(3, {})
    narrow, wide = slots.claim("f", "narrow", 1), slots.claim("f", "wide")
    one = await narrow.acquire()
    blocked = asyncio.create_task(narrow.acquire())
    others = [await wide.acquire(), await wide.acquire()]
    waiting = asyncio.create_task(wide.acquire())
    await settle()
    others[0].release()
    await settle()
    assert waiting.done()
    assert not blocked.done()
    one.release()
    (await blocked).release()


async def test_a_cancelled_waiter_leaves_no_slot_behind() -> None:
    slots = Slots(1, {})
    claim = slots.claim("f", "a")
    for wait in (claim.acquire, claim.reserve):
        running = await claim.acquire()
        task = asyncio.create_task(wait())
        await settle()
        running.release()  # granted in the same turn of the loop in which it is cancelled
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert slots.in_use() == {"": 0}
        assert slots.waiting() == {"": 0}


async def test_a_cancelled_use_of_a_revoked_permit_leaves_no_slot_behind() -> None:
    slots = Slots(1, {})
    claim = slots.claim("f", "a")
    idle = await claim.reserve()
    running = slots.claim("f", "api").try_acquire()
    assert running
    task = asyncio.create_task(idle.use())
    await settle()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    idle.release()
    running.release()
    assert slots.in_use() == {"": 0}
    assert claim.outstanding == 0
