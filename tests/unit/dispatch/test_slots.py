"""Slots: never more than the limit, work before polls, idle reservations give way."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine

import pytest

from poller.dispatch.slots import Claim, Permit, Slots


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


async def test_pollers_take_turns_also_when_their_mappings_run_something() -> None:
    slots = Slots(3, {})
    greedy, modest = slots.claim("f", "greedy"), slots.claim("f", "modest")
    held = [await greedy.acquire(), await modest.acquire(), await greedy.acquire()]
    order: list[str] = []

    async def poll(claim: Claim) -> None:
        permit = await claim.reserve()
        await permit.use()
        order.append(claim.name)
        permit.release()

    tasks = [asyncio.create_task(poll(claim)) for claim in (greedy, greedy, greedy, modest)]
    await settle()
    held[0].release()
    await asyncio.gather(*tasks)
    assert order == ["greedy", "modest", "greedy", "greedy"]
    for permit in held:
        permit.release()


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


async def test_a_flood_on_one_function_leaves_others_their_turns() -> None:
    slots = Slots(1, {})
    flood, modest = slots.claim("busy", "api"), slots.claim("quiet", "api")
    running = await flood.acquire()
    order: list[str] = []
    tasks = [asyncio.create_task(run(flood, f"flood{n}", order)) for n in range(100)]
    await settle()
    tasks += [asyncio.create_task(run(modest, f"modest{n}", order)) for n in range(3)]
    await settle()
    running.release()
    await asyncio.gather(*tasks)
    assert [name for name in order[:6] if name.startswith("modest")] == ["modest0", "modest1", "modest2"]
    assert [name for name in order if name.startswith("flood")] == [f"flood{n}" for n in range(100)]


async def test_who_waits_for_one_function_is_served_in_the_order_of_arrival_whoever_it_is() -> None:
    slots = Slots(1, {})
    claims = [slots.claim("f", name) for name in ("a", "b", "c")]
    running = await claims[0].acquire()
    order: list[str] = []
    tasks = []
    for n in range(9):
        tasks.append(asyncio.create_task(run(claims[n % 3], str(n), order)))
        await settle()
    running.release()
    await asyncio.gather(*tasks)
    assert order == [str(n) for n in range(9)]


async def work_on(claim: Claim, ran: Counter[str]) -> None:
    """A caller that has always more to do, for a second each time."""
    while True:
        permit = await claim.acquire()
        try:
            await asyncio.sleep(1)
            ran[claim.name] += 1
        finally:
            permit.release()


async def poll_and_work(claim: Claim, ran: Counter[str]) -> None:
    """A poller whose queue is never empty; a receive takes as long as the work on it."""
    while True:
        permit = await claim.reserve()
        try:
            await asyncio.sleep(1)
            await permit.use()
            await asyncio.sleep(1)
            ran[claim.name] += 1
        finally:
            permit.release()


async def play(seconds: float, *actors: Coroutine[None, None, None]) -> None:
    tasks = [asyncio.create_task(actor) for actor in actors]
    await asyncio.sleep(seconds)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize(("function", "cycle"), [("busy", 22), ("quiet", 4)])
async def test_a_flood_that_never_ends_keeps_no_mapping_from_polling(function: str, cycle: int) -> None:
    """Of its own function or another's: a mapping with nothing outstanding gets its poll, and then its slot.

    cycle: seconds of receive and work, with the line of twenty on two slots twice, or two turns of another function.
    """
    slots = Slots(2, {})
    api, mapping = slots.claim("busy", "api"), slots.claim(function, "mapping")
    ran = Counter[str]()
    await play(440, *(work_on(api, ran) for _ in range(20)), poll_and_work(mapping, ran))
    assert ran["mapping"] >= 440 / cycle - 2
    assert ran["api"] + ran["mapping"] >= 2 * 439, "no slot stood idle"
    assert slots.in_use() == {"": 0}


async def test_a_function_with_a_backlog_has_its_part_of_what_is_unreserved_beside_a_flood() -> None:
    slots = Slots(4, {})
    api, mapping = slots.claim("busy", "api"), slots.claim("quiet", "mapping")
    ran = Counter[str]()
    await play(400.5, *(work_on(api, ran) for _ in range(100)), *(poll_and_work(mapping, ran) for _ in range(8)))
    assert ran["api"] + ran["mapping"] == 1600
    assert ran["mapping"] >= 400, ran


async def test_what_is_provisioned_for_a_function_is_set_aside_for_it() -> None:
    slots = Slots(5, {}, {"warm": 2})
    others, warm = slots.claim("other", "api"), slots.claim("warm", "api")
    taken = [permit for _ in range(9) if (permit := others.try_acquire())]
    assert len(taken) == 3
    assert (slots.limit("other"), slots.limit("warm")) == (3, 5)
    first, second = warm.try_acquire(), warm.try_acquire()
    assert first
    assert second
    assert warm.try_acquire() is None
    first.release()
    assert others.try_acquire() is None, "it stays set aside"
    taken[0].release()
    third, fourth = warm.try_acquire(), warm.try_acquire()
    assert third
    assert fourth, "beyond what is provisioned there is what others leave"


async def test_an_idle_poll_on_what_is_provisioned_gives_way_to_its_own_function_only() -> None:
    slots = Slots(3, {}, {"warm": 1})
    others, warm = slots.claim("other", "api"), slots.claim("warm", "mapping")
    poll = await warm.reserve()
    assert sum(others.try_acquire() is not None for _ in range(5)) == 2
    assert slots.claim("warm", "api").try_acquire()
    assert warm.polls_revoked == 1
    poll.release()


async def run(claim: Claim, name: str, order: list[str]) -> None:
    permit = await claim.acquire()
    order.append(name)
    permit.release()


async def test_no_claim_exceeds_what_the_function_s_server_bears() -> None:
    slots = Slots(10, {"reserved": 5}, caps={"remote": 2, "reserved": 1})
    claims = [slots.claim("remote", "a"), slots.claim("remote", "b", 1), slots.claim("reserved", "c", 3)]
    assert [sum(claim.try_acquire() is not None for _ in range(5)) for claim in claims] == [2, 1, 1]
    assert [slots.limit(function) for function in ("remote", "reserved", "other")] == [2, 1, 5]


async def test_a_reservation_that_comes_takes_along_what_runs_and_who_waits() -> None:
    slots = Slots(1, {})
    claim, other = slots.claim("orders", "orders"), slots.claim("other", "other")
    held = await claim.acquire()
    waiting = asyncio.create_task(claim.acquire())
    await settle()
    slots.limit_to(3, {"orders": 2})
    await settle()
    assert waiting.done(), "there is a second slot now"
    assert slots.in_use() == {"": 0, "orders": 2}
    slots.limit_to(3, {"orders": 1})
    assert claim.try_acquire() is None
    held.release()
    assert claim.try_acquire() is None, "what is held counts against the smaller limit"
    (await waiting).release()
    assert slots.in_use() == {"": 0, "orders": 0}
    assert other.try_acquire() is not None
