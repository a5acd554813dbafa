"""Who is looked at, and what is told of it."""

from __future__ import annotations

import asyncio

import pytest

from poller.execution.environment.memory import LOOK_SECONDS, WATCH_SECONDS, HighWater, MemoryWatch

MB = 1024 * 1024


class Worker:
    """Counts the looks at it."""

    def __init__(self) -> None:
        self.busy = True
        self.looks = 0

    def check_memory(self) -> None:
        self.looks += 1


async def test_busy_ones_are_looked_at_and_idle_ones_are_not() -> None:
    watch, worker, idle = MemoryWatch(), Worker(), Worker()
    watch.watch(worker)
    watch.watch(idle)
    idle.busy = False
    await asyncio.sleep(WATCH_SECONDS * 3.5)
    assert (worker.looks, idle.looks) == (3, 0)
    await watch.close()


async def test_nobody_looks_while_all_are_idle_and_whoever_begins_again_is_seen_again() -> None:
    watch, worker = MemoryWatch(), Worker()
    watch.watch(worker)
    worker.busy = False
    await asyncio.sleep(WATCH_SECONDS * 1.5)
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "memory watch"]
    worker.busy = True
    watch.watch(worker)
    await asyncio.sleep(WATCH_SECONDS * 1.5)
    assert worker.looks == 1
    await watch.close()


def test_the_most_there_was_is_rounded_up_and_never_past_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    now, used = 0.0, 10 * MB + 1
    monkeypatch.setattr("poller.execution.environment.memory.time.monotonic", lambda: now)
    water = HighWater(lambda: used, 100 * MB)
    assert water.megabytes() == 11
    used = 200 * MB
    assert water.megabytes() == 11  # nobody has looked
    now += LOOK_SECONDS * 1.1
    assert water.megabytes() == 100
    used = 5 * MB
    water.begin()
    assert water.megabytes() == 5
