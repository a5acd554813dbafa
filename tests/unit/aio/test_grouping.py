"""What comes while work is under way gathers, and goes together."""

from __future__ import annotations

import asyncio

import pytest

from poller.aio.grouping import Grouped


class Work:
    """Takes a second each time. done: pieces, by group, as they were finished."""

    def __init__(self) -> None:
        self.begun: list[list[int]] = []
        self.done: list[list[int]] = []

    async def __call__(self, pieces: list[int]) -> None:
        self.begun.append(pieces)
        await asyncio.sleep(1)
        self.done.append(pieces)


async def test_the_first_goes_at_once_and_the_others_together() -> None:
    work = Work()
    grouped = Grouped(work, at_once=1, name="work")
    began = asyncio.get_running_loop().time()
    await asyncio.gather(*(grouped.add([n, -n], last_seconds=5) for n in range(1, 5)))
    assert work.done == [[1, -1], [2, -2, 3, -3, 4, -4]]
    assert asyncio.get_running_loop().time() - began == 2


async def test_as_many_run_as_may() -> None:
    work = Work()
    grouped = Grouped(work, at_once=2, name="work")
    await asyncio.gather(*(grouped.add([n], last_seconds=5) for n in range(1, 5)))
    assert work.begun == [[1], [2], [3, 4]]


async def test_work_is_finished_although_its_caller_is_cancelled() -> None:
    work = Work()
    grouped = Grouped(work, at_once=1, name="work")
    caller = asyncio.create_task(grouped.add([1], last_seconds=5))
    await asyncio.sleep(0.5)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert work.done == [[1]]


async def test_closing_gives_up_what_runs_and_what_gathers_and_leaves_nobody_waiting() -> None:
    work = Work()
    grouped = Grouped(work, at_once=1, name="work")
    callers = [asyncio.create_task(grouped.add([n], last_seconds=5)) for n in (1, 2)]
    await asyncio.sleep(0.5)
    await grouped.close()
    await asyncio.gather(*callers)
    assert work.begun == [[1]]
    assert work.done == []
