"""Work that a stop may overtake."""

from __future__ import annotations

import asyncio

import pytest

from poller.aio.stop import Stop


async def soon(seconds: float, value: int = 1) -> int:
    await asyncio.sleep(seconds)
    return value


async def test_work_that_is_done_first_counts() -> None:
    assert await Stop().or_stop(soon(1)) == 1


async def test_a_stop_cancels_what_is_under_way_and_begins_nothing() -> None:
    stop = Stop()
    waiting = asyncio.create_task(stop.or_stop(soon(1000)))
    await asyncio.sleep(1)
    stop.begin("test")
    assert await waiting is None
    assert await stop.or_stop(soon(0)) is None


async def test_a_result_that_comes_with_the_stop_is_not_thrown_away() -> None:
    stop = Stop()
    asyncio.get_running_loop().call_later(1, stop.begin, "test")
    assert await stop.or_stop(soon(1)) == 1


async def test_a_result_that_comes_with_a_cancellation_goes_to_whoever_takes_care_of_lost_ones() -> None:
    done = asyncio.Event()
    lost: list[int | None] = []

    async def work() -> int:
        await done.wait()
        return 7

    waiting = asyncio.create_task(Stop().or_stop(work(), lost=lost.append))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    done.set()
    await asyncio.sleep(0)  # the work ends in this turn, and its waiter has not heard of it
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert lost == [7]


async def test_work_that_is_cut_is_not_lost() -> None:
    lost: list[int | None] = []
    waiting = asyncio.create_task(Stop().or_stop(soon(10), lost=lost.append))
    await asyncio.sleep(1)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert lost == []
