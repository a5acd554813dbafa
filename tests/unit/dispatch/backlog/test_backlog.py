"""Asynchronous invocations from acceptance to the end, in virtual time."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import json

import pytest

from connectors.contract import TooLarge, Unreachable
from poller.aio.stop import Stop
from poller.dispatch.backlog import EventInvokeConfig
from poller.dispatch.backlog.event import Event
from poller.dispatch.backlog.feed import MOST
from poller.dispatch.backlog.ledger import LedgerError
from poller.observe.events import (
    DefectFoundError,
    DeliveryFailedError,
    DeliveryPostponedError,
    EventAccepted,
    EventDropped,
    EventRetried,
    EventStarted,
    LedgerFailedError,
)
from tests.unit.dispatch.backlog.scene import ARN, Run, Scene, answered, away, failed

DEFAULTS = EventInvokeConfig(function_arn="", arn="")
QUEUE, DEAD = "arn:aws:sqs:us-east-1:000000000000:q", "arn:aws:sqs:us-east-1:000000000000:dead"


def configured(**keys: object) -> EventInvokeConfig:
    return dataclasses.replace(DEFAULTS, **keys)  # type: ignore[arg-type]  # keywords of its fields


async def test_an_event_runs_once_and_is_gone() -> None:
    scene = Scene()
    async with scene.running() as backlog:
        request_id = await backlog.accept("f", b'{"a":  1}', qualifier="live", trace_id="Root=1-a-b")
        assert backlog.waiting() == {"f": 1}
        await scene.until(scene.done)
        assert backlog.waiting() == {}
    [run] = scene.functions.runs
    assert (run.target, run.payload, run.request_id) == ("f:live", b'{"a":  1}', request_id)
    assert run.trace_id.startswith("Root=1-a-b;Lineage=")
    assert scene.facts == [EventAccepted(function="f"), *scene.of(EventStarted)]
    assert scene.ledger.failures() == []


async def test_a_trace_is_made_where_there_is_none_and_kept_over_all_attempts() -> None:
    scene = Scene()
    scene.functions.answer = lambda _: failed()
    async with scene.running() as backlog:
        request_id = await backlog.accept("f", b"{}")
        await scene.until(scene.done)
    assert scene.functions.times == pytest.approx([0.0, 60.0, 180.0], abs=0.1)
    assert {run.request_id for run in scene.functions.runs} == {request_id}
    assert len({run.trace_id for run in scene.functions.runs}) == 1
    assert scene.functions.runs[0].trace_id.startswith("Root=1-")
    retried = scene.of(EventRetried)
    assert [(fact.attempts, fact.counted, fact.why) for fact in retried if isinstance(fact, EventRetried)] == [
        (1, True, "no"),
        (2, True, "no"),
    ]
    assert len(scene.of(EventStarted)) == 1


async def test_one_that_fails_for_good_is_kept_where_nobody_else_keeps_it() -> None:
    scene = Scene()
    scene.functions.answer = lambda _: failed("out of stock")
    scene.configs["f"] = configured(maximum_retry_attempts=0)
    async with scene.running() as backlog:
        request_id = await backlog.accept("f", b'{"order": 7}')
        await scene.until(scene.done)
    [failure] = scene.ledger.failures()
    assert (failure.kind, failure.target) == ("", "")
    outcome = failure.outcome
    assert (outcome.request_id, outcome.payload, outcome.condition) == (request_id, b'{"order": 7}', "RetriesExhausted")
    assert (outcome.invoke_count, outcome.error_message) == (1, "out of stock")
    [dropped] = scene.of(EventDropped)
    assert isinstance(dropped, EventDropped)
    assert (dropped.condition, dropped.destinations, dropped.why) == ("RetriesExhausted", 0, "out of stock")


async def test_success_and_failure_are_told_to_their_destinations() -> None:
    scene = Scene()
    scene.functions.answer = lambda run: failed() if b"bad" in run.payload else answered(b'{"ok": true}')
    scene.configs["f"] = configured(maximum_retry_attempts=0, on_success="file:won", on_failure=QUEUE)
    async with scene.running() as backlog:
        good = await backlog.accept("f", b'"good"')
        bad = await backlog.accept("f", b'"bad"')
        await scene.until(scene.done)
    [won], [lost] = scene.told("file:won").records, scene.told(QUEUE).records
    assert (won.request_id, won.succeeded, lost.request_id, lost.succeeded) == (good, True, bad, False)
    written = json.loads(won.whole)
    assert written["requestContext"]["functionArn"] == f"{ARN}:f:$LATEST"
    assert written["responsePayload"] == {"ok": True}
    assert json.loads(lost.whole)["requestContext"]["condition"] == "RetriesExhausted"
    assert scene.ledger.failures() == []
    assert scene.told(QUEUE).closed == 1


async def test_a_dead_letter_target_gets_the_event_beside_the_record() -> None:
    scene = Scene()
    scene.functions.answer = lambda _: failed("no stock")
    scene.configs["f"] = configured(maximum_retry_attempts=0, on_failure=QUEUE, dead_letter=DEAD)
    async with scene.running() as backlog:
        request_id = await backlog.accept("f", b'{"n":  1}')
        await scene.until(scene.done)
    [letter] = scene.told(DEAD).letters
    assert (letter.event, letter.request_id) == (b'{"n":  1}', request_id)
    assert (letter.error_code, letter.error_message) == (200, "no stock")
    assert len(scene.told(QUEUE).records) == 1
    assert scene.ledger.failures() == []


async def test_a_function_of_ours_as_a_destination_is_invoked_asynchronously() -> None:
    scene = Scene()
    scene.configs["f"] = configured(on_success=f"{ARN}:g:live")
    async with scene.running() as backlog:
        request_id = await backlog.accept("f", b'{"n": 1}')
        await scene.until(scene.done)
    first, second = scene.functions.runs
    assert (first.target, second.target) == ("f", "g:live")
    assert second.request_id != request_id
    assert json.loads(second.payload)["requestContext"]["requestId"] == request_id
    assert first.trace_id.split(";")[0] == second.trace_id.split(";")[0]
    assert [fact.function for fact in scene.of(EventAccepted) if isinstance(fact, EventAccepted)] == ["f", "g"]


async def test_too_big_a_record_goes_to_a_function_without_its_payloads() -> None:
    scene = Scene()
    scene.configs["f"] = configured(on_success=f"{ARN}:g")
    scene.functions.answer = lambda _: answered(b'"' + b"x" * 1024 * 1024 + b'"')
    async with scene.running() as backlog:
        await backlog.accept("f", b"{}")
        await scene.until(scene.done)
    record = json.loads(scene.functions.runs[1].payload)
    assert "responsePayload" not in record
    assert record["requestContext"]["condition"] == "Success"


async def test_without_concurrency_an_event_goes_straight_to_the_failures() -> None:
    scene = Scene(reserved={"f": 0})
    scene.configs["f"] = configured(runs=False, on_failure=QUEUE, dead_letter=DEAD)
    async with scene.running() as backlog:
        await backlog.accept("f", b"{}")
        await scene.until(scene.done, seconds=1)
    assert scene.functions.runs == []
    record = json.loads(scene.told(QUEUE).records[0].whole)
    assert record["requestContext"]["condition"] == "ZeroReservedConcurrency"
    assert record["requestContext"]["approximateInvokeCount"] == 0
    assert "responseContext" not in record
    assert "responsePayload" not in record
    assert scene.told(DEAD).letters[0].error_code == 429


async def test_a_busy_function_lets_events_wait_in_order_and_burns_no_attempts() -> None:
    scene = Scene(reserved={"f": 1})
    scene.functions.seconds = 100.0
    async with scene.running() as backlog:
        for number in range(5):
            await backlog.accept("f", b"%d" % number)
        await scene.until(scene.done)
    assert [run.payload for run in scene.functions.runs] == [b"0", b"1", b"2", b"3", b"4"]
    assert scene.functions.times == pytest.approx([0, 100, 200, 300, 400], abs=0.1)
    assert scene.of(EventRetried) == scene.of(EventDropped) == []


async def test_slots_in_use_elsewhere_are_waited_for() -> None:
    scene = Scene(reserved={"f": 1})
    taken = scene.slots.claim("f", "somebody").try_acquire()
    assert taken is not None
    async with scene.running() as backlog:
        await backlog.accept("f", b"{}")
        await asyncio.sleep(500)
        assert scene.functions.runs == []
        taken.release()
        await scene.until(scene.done)
    assert scene.functions.times == pytest.approx([500], abs=0.1)


async def test_what_waited_too_long_for_its_slot_is_given_up_unrun() -> None:
    scene = Scene(reserved={"f": 1})
    scene.configs["f"] = configured(maximum_event_age_seconds=60)
    scene.functions.seconds = 100.0
    async with scene.running() as backlog:
        await backlog.accept("f", b"1")
        await backlog.accept("f", b"2")
        await scene.until(scene.done)
    assert len(scene.functions.runs) == 1
    [failure] = scene.ledger.failures()
    assert (failure.outcome.condition, failure.outcome.invoke_count) == ("EventAgeExceeded", 0)


async def test_a_flood_on_one_function_leaves_others_their_turn() -> None:
    scene = Scene(concurrency=2)
    scene.functions.seconds = 1.0
    async with scene.running() as backlog:
        for number in range(1000):
            await backlog.accept("flood", b"%d" % number)
        await asyncio.sleep(10)
        began = scene.now
        await backlog.accept("quiet", b"{}")
        await scene.until(lambda: any(run.target == "quiet" for run in scene.functions.runs))
        assert scene.now - began < 3
        await scene.until(scene.done)


async def test_a_million_would_do_memory_holds_a_window() -> None:
    scene = Scene(concurrency=4)
    for number in range(5000):
        event = Event(
            request_id=str(number), function="f", qualifier="", payload=b"%d" % number, trace_id="", accepted=0, due=0
        )
        await scene.ledger.append(event, lambda _: None)
    scene.configs["f"] = configured(maximum_event_age_seconds=10**9)
    scene.functions.seconds = 1.0
    most = 0

    def look() -> bool:
        nonlocal most
        most = max([most, *(len(feed.held) for feed in scene.backlog._events._feeds.values())])
        return scene.done()

    async with scene.running() as backlog:
        assert backlog.waiting() == {"f": 5000}
        await scene.until(look)
    assert [run.payload for run in scene.functions.runs] == [b"%d" % number for number in range(5000)]
    assert most <= MOST + 4
    assert max(page.count for page in scene.ledger.pages) == MOST
    assert scene.functions.most == 4
    assert scene.now == pytest.approx(5000 / 4, abs=2), "reading from the disk holds up nothing"


async def test_a_line_on_the_disk_is_read_as_fast_as_it_is_run() -> None:
    scene = Scene()
    for number in range(1000):
        event = Event(
            request_id=str(number), function="f", qualifier="", payload=b"{}", trace_id="", accepted=scene.began, due=0
        )
        await scene.ledger.append(event, lambda _: None)
    async with scene.running():
        await scene.until(scene.done)
        assert scene.now < 1


async def test_what_was_accepted_before_a_stop_runs_after_the_next_start() -> None:
    scene = Scene()
    await scene.backlog.accept("f", b"before")
    scene.functions.answer = lambda _: failed()
    async with scene.running():
        await scene.until(lambda: scene.of(EventRetried) != [])
    again = Scene(ledger=scene.ledger)
    async with again.running():
        await again.until(again.done)
    assert [run.payload for run in again.functions.runs] == [b"before"]
    assert again.functions.times == pytest.approx([60], abs=0.2)
    assert again.functions.runs[0].request_id == scene.functions.runs[0].request_id


async def test_a_stop_finishes_what_runs_and_begins_nothing_more() -> None:
    scene = Scene(reserved={"f": 2})
    scene.functions.seconds = 10.0
    async with scene.running() as backlog:
        for number in range(5):
            await backlog.accept("f", b"%d" % number)
        await asyncio.sleep(1)
    assert scene.now == pytest.approx(10, abs=0.1)
    assert len(scene.functions.runs) == 2
    assert scene.ledger.rows("async_events") == 3


async def test_what_is_cut_comes_again_and_was_no_attempt() -> None:
    scene = Scene()
    scene.functions.seconds = 1000.0
    running = asyncio.create_task(scene.backlog.run(Stop()))
    await asyncio.sleep(1)
    await scene.backlog.accept("f", b"{}")
    await scene.until(lambda: scene.functions.running == 1)
    assert scene.backlog.running == 1
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert scene.functions.running == scene.backlog.running == 0
    again = Scene(ledger=scene.ledger)
    again.functions.answer = lambda _: failed()
    async with again.running():
        await again.until(again.done)
    assert len(again.functions.runs) == 3


@pytest.mark.parametrize("trouble", [LookupError("there is no function 'f'"), away()])
async def test_what_nobody_can_run_waits_and_is_no_attempt(trouble: Exception) -> None:
    scene = Scene()
    scene.functions.answer = lambda _: trouble if len(scene.functions.runs) < 8 else answered()
    async with scene.running() as backlog:
        await backlog.accept("f", b"{}")
        await scene.until(scene.done)
    times = scene.functions.times
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert all(0.75 * 2**n <= gap <= 2**n + 0.1 for n, gap in enumerate(gaps))
    assert [fact.counted for fact in scene.of(EventRetried) if isinstance(fact, EventRetried)] == [False] * 7
    assert scene.of(EventDropped) == []


async def test_a_chain_of_a_functions_own_is_ended_after_sixteen() -> None:
    scene = Scene()
    scene.configs["f"] = configured(on_failure=QUEUE)
    await _chain(scene)
    assert len(scene.functions.runs) == 16
    [record] = scene.told(QUEUE).records
    assert json.loads(record.whole)["requestContext"]["condition"] == "RecursiveInvocationDetected"
    [dropped] = scene.of(EventDropped)
    assert isinstance(dropped, EventDropped)
    assert (dropped.condition, dropped.invoke_count) == ("RecursiveInvocationDetected", 0)


async def test_a_chain_goes_on_where_it_is_allowed() -> None:
    scene = Scene()
    scene.configs["f"] = configured(terminate=False)
    await _chain(scene)
    assert len(scene.functions.runs) == 30
    assert scene.of(EventDropped) == []


async def test_two_functions_that_invoke_each_other_are_a_chain_too() -> None:
    scene = Scene()
    await _chain(scene, {"f": "g", "g": "f"})
    assert len(scene.functions.runs) == 30
    scene = Scene()
    await _chain(scene, {"f": "g", "g": "f"}, 40)
    assert len(scene.functions.runs) == 32


async def _chain(scene: Scene, following: dict[str, str] | None = None, most: int = 30) -> None:
    """Functions that invoke the next with the trace that they were given, as SDKs do."""
    accepting: set[asyncio.Task[str]] = set()

    def follow(run: Run) -> object:
        if len(scene.functions.runs) < most:
            following_one = (following or {"f": "f"})[run.target]
            accepting.add(asyncio.ensure_future(scene.backlog.accept(following_one, b"{}", trace_id=run.trace_id)))
        return answered()

    scene.functions.answer = follow  # type: ignore[assignment]  # it answers
    async with scene.running() as backlog:
        await backlog.accept("f", b"{}")
        await asyncio.sleep(10)
        await scene.until(scene.done)
        await asyncio.gather(*accepting)


async def test_a_destination_that_is_away_is_told_again_and_holds_up_no_function() -> None:
    scene = Scene()
    scene.configs["f"] = configured(on_success=QUEUE)
    scene.told(QUEUE).faults = [Unreachable("nobody there") for _ in range(5)]
    async with scene.running() as backlog:
        await backlog.accept("f", b"1")
        await asyncio.sleep(0.5)
        assert backlog.untold() == {f"destination {QUEUE}": 1}
        await backlog.accept("f", b"2")
        await scene.until(lambda: len(scene.functions.runs) == 2, seconds=1)
        await scene.until(scene.done)
        assert backlog.untold() == {}
    assert len(scene.told(QUEUE).records) == 2
    assert len(scene.of(DeliveryPostponedError)) == 5
    assert 10 < scene.now < 33  # 1, 2, 4, 8, 16 s, up to a quarter less, and two records share them
    assert len(scene.functions.runs) == 2


async def test_a_destination_that_stays_away_is_given_up_and_nothing_is_lost() -> None:
    scene = Scene()
    scene.configs["f"] = configured(maximum_retry_attempts=0, on_failure=QUEUE, dead_letter=DEAD)
    scene.functions.answer = lambda _: failed()
    for target in (QUEUE, DEAD):
        scene.told(target).faults = [Unreachable("nobody there") for _ in range(1000)]
    async with scene.running() as backlog:
        await backlog.accept("f", b'"lost"')
        await scene.until(scene.done)
    assert 3500 < scene.now < 3700
    kept = scene.ledger.failures()
    assert sorted((failure.kind, failure.target) for failure in kept) == [
        ("dead-letter", DEAD),
        ("destination", QUEUE),
    ]
    assert {failure.outcome.payload for failure in kept} == {b'"lost"'}
    given_up = [fact for fact in scene.of(DeliveryFailedError) if isinstance(fact, DeliveryFailedError)]
    assert sorted(fact.dead_letter for fact in given_up) == [False, True]


async def test_what_no_target_ever_takes_is_not_told_again() -> None:
    scene = Scene()
    scene.configs["f"] = configured(maximum_retry_attempts=0, dead_letter=DEAD)
    scene.functions.answer = lambda _: failed()
    scene.told(DEAD).faults = [TooLarge("an event of 300000 bytes; a topic takes 262144")]
    async with scene.running() as backlog:
        await backlog.accept("f", b"{}")
        await scene.until(scene.done, seconds=1)
        assert len(scene.told(DEAD).tries) == 1
    [failure] = scene.ledger.failures()
    assert (failure.kind, failure.why) == ("dead-letter", "an event of 300000 bytes; a topic takes 262144")


async def test_many_records_of_a_target_that_is_away_ask_it_seldom() -> None:
    scene = Scene()
    scene.configs["f"] = configured(on_success=QUEUE)
    scene.told(QUEUE).faults = [Unreachable("nobody there") for _ in range(60)]
    async with scene.running() as backlog:
        for number in range(200):
            await backlog.accept("f", b"%d" % number)
        await scene.until(scene.done)
    assert len(scene.told(QUEUE).records) == 200
    first = [at - scene.began for at in scene.told(QUEUE).tries[:60]]
    assert sum(at < 60 for at in first) < 60


async def test_what_the_ledger_refuses_is_not_accepted() -> None:
    scene = Scene()
    async with scene.running() as backlog:
        scene.ledger.faults = 1
        with pytest.raises(LedgerError, match="the disk is full"):
            await backlog.accept("f", b"{}")
        await backlog.accept("f", b"{}")
        await scene.until(scene.done)
    assert len(scene.functions.runs) == 1


@pytest.mark.parametrize("faults", range(1, 12))
async def test_a_ledger_that_fails_for_a_while_costs_time_and_no_run(faults: int) -> None:
    scene = Scene()
    scene.configs["f"] = configured(maximum_retry_attempts=1, on_failure=QUEUE)
    scene.functions.answer = lambda _: failed()
    async with scene.running() as backlog:
        await backlog.accept("f", b"{}")
        scene.ledger.faults = faults
        await scene.until(lambda: scene.ledger.faults == 0 and scene.done())
    assert len(scene.functions.runs) == 2
    assert len(scene.told(QUEUE).records) == 1
    assert len(scene.of(LedgerFailedError)) == faults


async def test_what_somebody_else_put_there_is_found() -> None:
    scene = Scene()
    async with scene.running():
        await asyncio.sleep(30)
        event = Event(request_id="r", function="f", qualifier="", payload=b"{}", trace_id="", accepted=0, due=0)
        scene.configs["f"] = configured(maximum_event_age_seconds=10**9)
        await scene.ledger.append(event, lambda _: None)
        await scene.until(scene.done, seconds=6)
    assert [run.request_id for run in scene.functions.runs] == ["r"]


async def test_a_defect_of_ours_is_told_and_the_event_comes_again() -> None:
    scene = Scene()
    broken = True
    configured_before = scene.config

    def config(function: str, qualifier: str) -> EventInvokeConfig:
        if broken:
            raise KeyError(function)
        return configured_before(function, qualifier)

    scene.backlog._events._work._configured = config  # type: ignore[attr-defined]  # a part of its own
    async with scene.running() as backlog:
        await backlog.accept("f", b"{}")
        await asyncio.sleep(30)
        assert len(scene.of(DefectFoundError)) == 1
        broken = False
        await scene.until(scene.done)
    assert scene.functions.times == pytest.approx([60], abs=0.2)


async def test_settings_that_change_count_from_then_on() -> None:
    scene = Scene()
    scene.functions.answer = lambda _: failed()
    async with scene.running() as backlog:
        await backlog.accept("f", b"{}")
        await asyncio.sleep(1)
        scene.configs["f"] = configured(maximum_retry_attempts=1, on_failure=QUEUE)
        await scene.until(scene.done)
    assert len(scene.functions.runs) == 2
    assert len(scene.told(QUEUE).records) == 1
