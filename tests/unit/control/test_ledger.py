"""Asynchronous events over the state file: in order, together, all or none, and never on the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import math
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from poller.control import events as rows
from poller.control import store
from poller.control.ledger import StoredLedger
from poller.control.writer import Writer
from poller.dispatch.backlog.event import DEAD_LETTER, DESTINATION, Delivery, Event, Failure, Outcome, Settlement
from poller.dispatch.backlog.ledger import LedgerError, Page, Wanted
from poller.observe.events import Fact, FailuresForgotten

EVENT = Event(
    request_id="r",
    function="f",
    qualifier="live",
    payload=b"\x00\xff",
    trace_id="Root=1",
    accepted=1.5,
    due=2.5,
    attempts=1,
    refusals=7,
)
OUTCOME = Outcome(
    request_id="r",
    function="f",
    qualifier="live",
    function_arn="arn:live",
    condition="RetriesExhausted",
    invoke_count=3,
    moment=9.25,
    executed_version="3",
    error_code=200,
    error_message="no \U0001f600",
    trace_id="Root=1",
    payload=b"\x00\xff",
    response=None,
)
ALL = Wanted(line="f", now=100.0, held=frozenset(), count=100, size=10**9)


@contextlib.asynccontextmanager
async def opened(
    state: Path, kept: int = 100, told: list[Fact] | None = None, patience: float = 5.0
) -> AsyncIterator[StoredLedger]:
    writer = Writer(state, patience)
    try:
        yield StoredLedger(writer, kept, (told if told is not None else []).append)
    finally:
        await writer.close()


async def accepted(ledger: StoredLedger, count: int, **changes: object) -> list[Event]:
    found: list[Event] = []
    base = dataclasses.replace(EVENT, **changes)  # type: ignore[arg-type]  # keywords of its fields
    each = (dataclasses.replace(base, request_id=str(number)) for number in range(count))
    await asyncio.gather(*(ledger.append(event, found.append) for event in each))
    return found


def failures(state: Path) -> list[Failure]:
    with contextlib.closing(store.connect(state)) as connection:
        return list(rows.failures(connection))


async def test_an_event_comes_back_as_it_went_in(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        [event] = await accepted(ledger, 1)
        assert event == dataclasses.replace(EVENT, number=1, request_id="0")
    async with opened(tmp_path) as ledger:
        assert await ledger.events.page(ALL) == Page([event], math.inf)
        assert await ledger.events.lines() == {"f": 2.5}
        assert await ledger.events.counts() == {"f": 1}


async def test_all_lines_are_found_with_what_is_due_first(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        assert await ledger.events.lines() == {}
        for function, due in (("b", 3.0), ("a", 2.0), ("b", 1.0), ("c", 9.0), ("a", 4.0)):
            await accepted(ledger, 1, function=function, due=due)
        assert await ledger.events.lines() == {"a": 2.0, "b": 1.0, "c": 9.0}
        assert await ledger.events.counts() == {"a": 2, "b": 2, "c": 1}


async def test_pages_are_in_order_and_pass_over_what_is_held(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        events = await accepted(ledger, 10)
        await ledger.reschedule(dataclasses.replace(events[0], due=3.0, attempts=2, refusals=8))
        await ledger.reschedule(dataclasses.replace(events[1], due=200.0))
        page = await ledger.events.page(dataclasses.replace(ALL, held=frozenset({3, 5}), count=4))
        assert [event.number for event in page.items] == [4, 6, 7, 8]
        assert page.due == 2.5
        page = await ledger.events.page(ALL)
        assert [event.number for event in page.items] == [3, 4, 5, 6, 7, 8, 9, 10, 1]
        assert (page.items[-1].attempts, page.items[-1].refusals, page.due) == (2, 8, 200.0)


async def test_a_page_has_so_many_bytes_and_one_event_at_least(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await accepted(ledger, 5, payload=b"x" * 10_000)
        page = await ledger.events.page(dataclasses.replace(ALL, size=25_000))
        assert [event.number for event in page.items] == [1, 2]
        page = await ledger.events.page(dataclasses.replace(ALL, size=1))
        assert [event.number for event in page.items] == [1]


async def test_what_follows_takes_the_events_place_in_one_step(tmp_path: Path) -> None:
    follower = dataclasses.replace(EVENT, function="g", qualifier="")
    deliveries = tuple(Delivery(kind=kind, target="t", outcome=OUTCOME, due=3.0) for kind in (DESTINATION, DEAD_LETTER))
    settlement = Settlement(events=(follower,), deliveries=deliveries, failure=Failure(moment=4.0, outcome=OUTCOME))
    followed: list[Settlement] = []
    async with opened(tmp_path) as ledger:
        [event] = await accepted(ledger, 1)
        await ledger.settle(event, settlement, followed.append)
        assert await ledger.events.lines() == {"g": 2.5}
        assert list(await ledger.deliveries.lines()) == ["dead-letter t", "destination t"]
        page = await ledger.deliveries.page(dataclasses.replace(ALL, line="destination t"))
    [found] = followed
    assert found.events == (dataclasses.replace(follower, number=2),)
    assert [each.number for each in found.deliveries] == [1, 2]
    assert page.items == [found.deliveries[0]]
    assert page.items[0].outcome == OUTCOME
    assert failures(tmp_path) == [Failure(number=1, moment=4.0, outcome=OUTCOME)]


async def test_deliveries_are_made_put_off_or_given_up(tmp_path: Path) -> None:
    deliveries = tuple(Delivery(kind=DESTINATION, target="t", outcome=OUTCOME, due=3.0) for _ in range(3))
    async with opened(tmp_path) as ledger:
        [event] = await accepted(ledger, 1)
        followed: list[Settlement] = []
        await ledger.settle(event, Settlement(deliveries=deliveries), followed.append)
        first, second, third = followed[0].deliveries
        await ledger.delivered(first)
        await ledger.postpone(dataclasses.replace(second, due=50.0, tries=1))
        failure = Failure(kind=DESTINATION, target="t", why="away", moment=5.0, outcome=OUTCOME)
        await ledger.give_up(third, failure)
        page = await ledger.deliveries.page(dataclasses.replace(ALL, line="destination t"))
        assert page.items == [dataclasses.replace(second, due=50.0, tries=1)]
    assert failures(tmp_path) == [dataclasses.replace(failure, number=1)]


async def test_the_newest_failures_are_kept_and_what_goes_is_told(tmp_path: Path) -> None:
    told: list[Fact] = []
    async with opened(tmp_path, kept=3, told=told) as ledger:
        for event in await accepted(ledger, 5):
            outcome = dataclasses.replace(OUTCOME, request_id=event.request_id)
            await ledger.settle(event, Settlement(failure=Failure(moment=4.0, outcome=outcome)), lambda _: None)
    assert [failure.outcome.request_id for failure in failures(tmp_path)] == ["2", "3", "4"]
    assert told == [FailuresForgotten(count=1)] * 2


async def test_a_long_answer_is_not_kept_with_a_failure(tmp_path: Path) -> None:
    outcome = dataclasses.replace(OUTCOME, response=b"x" * (rows.MOST_RESPONSE + 1))
    async with opened(tmp_path) as ledger:
        [event] = await accepted(ledger, 1)
        await ledger.settle(event, Settlement(failure=Failure(moment=4.0, outcome=outcome)), lambda _: None)
    assert failures(tmp_path)[0].outcome.response is None


async def test_a_number_is_never_given_twice(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        [event] = await accepted(ledger, 1)
        await ledger.settle(event, Settlement(), lambda _: None)
        [again] = await accepted(ledger, 1)
        assert again.number == 2


async def test_who_is_cancelled_may_have_been_accepted(tmp_path: Path) -> None:
    offered: list[Event] = []
    async with opened(tmp_path) as ledger:
        accepting = asyncio.create_task(ledger.append(EVENT, offered.append))
        await asyncio.sleep(0)
        accepting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await accepting
    async with opened(tmp_path) as ledger:
        assert (await ledger.events.page(ALL)).items == offered
    assert len(offered) == 1


async def test_a_file_that_cannot_serve_is_said_and_nothing_is_changed(tmp_path: Path) -> None:
    async with opened(tmp_path):
        pass  # the file is there
    async with opened(tmp_path, patience=0.05) as ledger:
        await accepted(ledger, 1)
        with contextlib.closing(store.connect(tmp_path)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(LedgerError, match=r"pollerd\.sqlite3 cannot be used: database is locked"):
                await ledger.append(EVENT, lambda event: pytest.fail(repr(event)))
            other.execute("ROLLBACK")
        assert len((await ledger.events.page(ALL)).items) == 1


def test_an_event_that_failed_is_accepted_anew_once(tmp_path: Path) -> None:
    with contextlib.closing(store.connect(tmp_path)) as connection:
        for kind, target in ((DESTINATION, "q"), (DEAD_LETTER, "d")):
            rows.fail(connection, Failure(kind=kind, target=target, moment=1.0, outcome=OUTCOME), 10)
        rows.fail(connection, Failure(moment=1.0, outcome=dataclasses.replace(OUTCOME, request_id="s")), 10)
        failure = rows.failure(connection, 1)
        assert failure is not None
        request_id = rows.redrive(connection, failure, 50.0)
        event = rows.event(connection, 1)
        assert event is not None
        assert (event.request_id, event.function, event.qualifier, event.payload) == (
            request_id,
            "f",
            "live",
            b"\x00\xff",
        )
        assert (event.accepted, event.due, event.attempts) == (50.0, 50.0, 0)
        assert request_id != "r"
        assert [each.number for each in rows.failures(connection)] == [3]


def test_the_record_of_a_success_is_delivered_again_and_the_event_is_not_run(tmp_path: Path) -> None:
    outcome = dataclasses.replace(OUTCOME, condition="Success")
    with contextlib.closing(store.connect(tmp_path)) as connection:
        rows.fail(connection, Failure(kind=DESTINATION, target="q", moment=1.0, outcome=outcome), 10)
        failure = rows.failure(connection, 1)
        assert failure is not None
        assert rows.redrive(connection, failure, 50.0) == ""
        delivery = rows.delivery(connection, 1)
        assert delivery is not None
        assert (delivery.target, delivery.due, delivery.outcome.moment) == ("q", 50.0, 50.0)
        assert rows.lines(connection, "async_events") == {}
        assert list(rows.failures(connection)) == []


def test_failures_of_one_function(tmp_path: Path) -> None:
    with contextlib.closing(store.connect(tmp_path)) as connection:
        for function in ("f", "g", "f"):
            outcome = dataclasses.replace(OUTCOME, function=function)
            rows.fail(connection, Failure(moment=1.0, outcome=outcome), 10)
        assert [failure.number for failure in rows.failures(connection, "f")] == [1, 3]
        assert rows.failure(connection, 4) is None
