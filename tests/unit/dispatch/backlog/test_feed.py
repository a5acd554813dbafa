"""A line's window: order is kept, nothing comes twice, and memory is bounded whatever waits."""

from __future__ import annotations

import math
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from poller.dispatch.backlog.event import Event
from poller.dispatch.backlog.feed import MOST, MOST_BYTES, Feed


def event(number: int, due: float = 0.0, size: int = 0) -> Event:
    return Event(
        number=number,
        request_id=str(number),
        function="f",
        qualifier="",
        payload=b"x" * size,
        trace_id="",
        accepted=0.0,
        due=due,
    )


def numbers(feed: Feed[Event]) -> list[int]:
    return [feed.take().number for _ in range(feed.ready)]


def test_what_is_offered_to_a_line_that_keeps_up_is_ready_at_once() -> None:
    feed: Feed[Event] = Feed()
    for number in (1, 2, 3):
        feed.offer(event(number))
    assert feed.room(0.0) == (0, 0)
    assert numbers(feed) == [1, 2, 3]


def test_beyond_the_window_it_stays_on_the_disk_and_so_does_all_that_comes_after() -> None:
    feed: Feed[Event] = Feed()
    for number in range(1, MOST + 11):
        feed.offer(event(number, due=1.0))
    assert feed.ready == MOST
    feed.take()
    feed.offer(event(MOST + 11, due=2.0))
    assert feed.ready == MOST - 1
    assert feed.due == 1.0


def test_big_ones_are_few_and_the_biggest_alone() -> None:
    feed: Feed[Event] = Feed()
    for number in (1, 2, 3):
        feed.offer(event(number, size=MOST_BYTES))
    assert feed.ready == 1
    feed = Feed()
    for number in range(10):
        feed.offer(event(number, size=MOST_BYTES // 4))
    assert feed.ready == 3


def test_what_comes_while_a_page_is_read_is_looked_for_again() -> None:
    feed: Feed[Event] = Feed()
    feed.due = 0.0
    assert feed.room(0.0) == (MOST, MOST_BYTES)
    feed.begin()
    assert feed.room(0.0) == (0, 0)
    feed.offer(event(2, due=5.0))
    feed.loaded([event(1)], math.inf)
    assert feed.due == 5.0
    assert numbers(feed) == [1]


def test_nobody_is_taken_twice() -> None:
    feed: Feed[Event] = Feed()
    feed.offer(event(1))
    feed.take()
    feed.due = 0.0
    feed.begin()
    feed.loaded([event(1), event(2)], math.inf)
    feed.offer(event(2))
    assert numbers(feed) == [2]


def test_what_is_to_be_dealt_with_again_is_known_by_its_time() -> None:
    feed: Feed[Event] = Feed()
    feed.offer(event(1))
    feed.take()
    feed.done(1, 60.0)
    assert feed.due == 60.0
    assert feed.room(59.0) == (0, 0)
    assert feed.room(60.0) == (MOST, MOST_BYTES)
    assert not feed.idle


class Disk:
    """A model: what waits, by number; and the window in front of it."""

    def __init__(self) -> None:
        self.waiting: dict[int, Event] = {}
        self.feed: Feed[Event] = Feed()
        self.number = 0
        self.seen: list[int] = []
        self.taken: list[Event] = []

    def accept(self) -> None:
        self.number += 1
        self.waiting[self.number] = event(self.number, due=float(self.number), size=self.number % 5 * 20_000)
        self.feed.offer(self.waiting[self.number])

    def read(self, accepted_meanwhile: int) -> None:
        count, size = self.feed.room(math.inf)
        if not count:
            return
        held = set(self.feed.held)
        self.feed.begin()
        items: list[Event] = []
        due = math.inf
        for item in sorted(self.waiting.values(), key=lambda item: item.due):
            if item.number in held:
                continue
            if len(items) == count or (items and item.size > size):
                due = item.due
                break
            items.append(item)
            size -= item.size
        for _ in range(accepted_meanwhile):
            self.accept()
        self.feed.loaded(items, due)

    def take(self) -> None:
        if self.feed.ready:
            self.taken.append(self.feed.take())
            self.seen.append(self.taken[-1].number)

    def finish(self) -> None:
        if self.taken:
            item = self.taken.pop()
            del self.waiting[item.number]
            self.feed.done(item.number, None)


@given(st.lists(st.sampled_from(["accept", "accept", "take", "finish", "read", "read after"]), max_size=400))
def test_all_come_once_in_order_and_few_are_in_memory(steps: list[str]) -> None:
    disk = Disk()
    steps_of_disk: dict[str, Callable[[], None]] = {
        "accept": disk.accept,
        "take": disk.take,
        "finish": disk.finish,
        "read": lambda: disk.read(0),
        "read after": lambda: disk.read(3),
    }
    for step in steps:
        steps_of_disk[step]()
        assert disk.feed.ready <= MOST
    for _ in range(len(steps) * 5 + 10):
        disk.take()
        disk.finish()
        disk.read(0)
    assert disk.seen == list(range(1, disk.number + 1))
    assert disk.feed.idle
    assert not disk.waiting
