"""One mapping from fetch to settle, in virtual time: a fake source, functions in the test's own words."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from itertools import chain
from typing import Self

from connectors.contract import Outcome, Unreachable
from poller.aio.stop import Stop
from poller.dispatch.slots import Slots
from poller.envelope import envelope
from poller.execution.contract import Result, Status
from poller.observe.events import BatchCut, Fact, LeaseFoundShort
from poller.pipeline.filter import compile_criteria
from poller.pipeline.mapping import Mapping
from poller.pipeline.plan import QueuePlan
from tests.fakes.source import FakeSource
from tests.fakes.virtual_time import LoopClock

Handler = Callable[[list[str]], Awaitable[bytes | Status]]


class Functions:
    """The front door: runs the handler on the ids of each event, counts how many run at once."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self.batches: list[list[str]] = []
        self.at_once = 0
        self.most_at_once = 0

    async def invoke(self, name: str, payload: bytes, *, request_id: str = "") -> Result:
        ids = [record["messageId"] for record in json.loads(payload)["Records"]]
        self.batches.append(ids)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            answer = await self._handler(ids)
        finally:
            self.at_once -= 1
        failed = isinstance(answer, Status)
        status = answer if isinstance(answer, Status) else Status.SUCCESS
        return Result(request_id="r", status=status, payload=b"" if failed else bytes(answer))  # type: ignore[arg-type]  # values of several types


class Scene:
    """A mapping that runs in the background until the scene is left."""

    def __init__(self, source: FakeSource, handler: Handler, **options: object) -> None:
        self.source = source
        self.functions = Functions(handler)
        self.facts: list[Fact] = []
        self.stop = Stop()
        self.slots = Slots(int(str(options.pop("concurrency", 10))), {})
        limit = self.slots.limit("f")
        plan = {"batch_size": 10, "window": 0.0, "timeout": 3.0, "criteria": None, "item_failures": False} | options
        self.mapping = Mapping(
            QueuePlan(
                name="m",
                function="f",
                envelope=lambda identity: envelope("sqs", identity, window=False),
                **plan,  # type: ignore[arg-type]  # as the test says
            ),
            source,
            claim=self.slots.claim("f", "m"),
            ceiling=limit,
            invoker=self.functions,
            clock=LoopClock(),
            emit=self.facts.append,
        )

    async def __aenter__(self) -> Self:
        self.task = asyncio.create_task(self.mapping.run(self.stop))
        return self

    async def __aexit__(self, *_: object) -> None:
        self.stop.begin("test")
        await asyncio.wait({self.task}, timeout=3600)
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        assert self.slots.in_use() == {"": 0}
        assert not self.source.is_open

    async def quiet(self, seconds: float = 100.0) -> None:
        await asyncio.sleep(seconds)


def names(count: int) -> list[str]:
    return [f"{n:04}" for n in range(count)]


async def succeed(ids: list[str]) -> bytes:
    await asyncio.sleep(0.1)
    return b"null"


async def test_every_message_is_delivered_once_and_deleted() -> None:
    source = FakeSource()
    source.send(*names(1000))
    async with Scene(source, succeed) as scene:
        await scene.quiet()
    assert Counter(chain.from_iterable(scene.functions.batches)) == Counter(names(1000))
    assert source.outcomes() == dict.fromkeys(names(1000), Outcome.DELIVERED)
    assert len(scene.mapping.leases) == 0


async def test_no_more_run_at_once_than_there_are_slots_and_backlog_uses_them_all() -> None:
    source = FakeSource()
    source.send(*names(500))
    async with Scene(source, succeed, concurrency=4) as scene:
        await scene.quiet()
    assert scene.functions.most_at_once == 4


async def test_nothing_is_fetched_while_no_slot_is_free() -> None:
    source = FakeSource()
    source.send(*names(100))

    async def hang(ids: list[str]) -> bytes:
        await asyncio.sleep(1000)
        return b""

    async with Scene(source, hang, concurrency=1) as scene:
        await scene.quiet(500)
        assert len(source.fetches) == 1
        assert len(source.waiting) == 90


async def test_an_idle_queue_has_one_long_poll() -> None:
    source = FakeSource()
    async with Scene(source, succeed) as scene:
        await scene.quiet(2000)
        assert scene.mapping.running == 1
    assert 95 <= len(source.fetches) <= 105
    assert {wait for _, wait in source.fetches} == {20.0}


async def test_pollers_shrink_when_the_queue_is_drained() -> None:
    source = FakeSource()
    source.send(*names(500))
    async with Scene(source, succeed) as scene:
        await scene.quiet(2)
        assert scene.mapping.running > 1
        await scene.quiet(400)
        assert scene.mapping.running == 1


async def test_a_server_at_its_limit_is_not_asked_more_at_once() -> None:
    source = FakeSource()
    source.send(*names(300))
    source.faults["fetch"] = [2.0] * 1000  # every receive takes two seconds, and is full
    async with Scene(source, succeed) as scene:
        await scene.quiet(30)
        assert scene.mapping.running == 1
        await scene.quiet(200)
    assert source.outcomes() == dict.fromkeys(names(300), Outcome.DELIVERED)


async def test_several_receives_make_one_large_batch() -> None:
    source = FakeSource()
    source.send(*names(1000))
    async with Scene(source, succeed, batch_size=1000, window=5.0) as scene:
        await scene.quiet(3)
    assert [len(batch) for batch in scene.functions.batches] == [1000]
    assert [fact.reason for fact in scene.facts if isinstance(fact, BatchCut)] == ["size"]


async def test_a_queue_that_runs_dry_does_not_hold_a_batch_past_its_window() -> None:
    source = FakeSource()
    source.send(*names(1045))
    async with Scene(source, succeed, batch_size=1000, window=1.0, concurrency=1) as scene:
        await scene.quiet(3)
        assert sum(map(len, scene.functions.batches)) == 1045


async def test_the_window_collects_for_as_long_as_it_says() -> None:
    source = FakeSource()
    async with Scene(source, succeed, batch_size=100, window=1.0) as scene:
        for name in names(5):
            source.send(name)
            await asyncio.sleep(0.15)
        await scene.quiet(10)
    assert scene.functions.batches == [names(5)]


async def test_a_failed_batch_is_left_to_the_sources_own_redelivery() -> None:
    source = FakeSource()
    source.send("a", "b")

    async def fail(ids: list[str]) -> Status:
        return Status.ERROR

    async with Scene(source, fail) as scene:
        await scene.quiet()
    assert source.outcomes() == {"a": Outcome.RETRY, "b": Outcome.RETRY}
    assert source.extended == [], "a failed message is hidden no longer than its visibility timeout"
    assert len(scene.mapping.leases) == 0


async def test_only_named_records_come_again() -> None:
    source = FakeSource()
    source.send("a", "b", "c")

    async def partly(ids: list[str]) -> bytes:
        return b'{"batchItemFailures":[{"itemIdentifier":"b"}]}'

    async with Scene(source, partly, item_failures=True) as scene:
        await scene.quiet()
    assert source.outcomes() == {"a": Outcome.DELIVERED, "b": Outcome.RETRY, "c": Outcome.DELIVERED}


async def test_filtered_messages_are_deleted_and_never_seen() -> None:
    source = FakeSource()
    source.send("yes", body='{"kind":"a"}')
    source.send("no", "text", body='{"kind":"b"}')
    source.send("plain", body="kind a")
    async with Scene(source, succeed, criteria=compile_criteria([{"body": {"kind": ["a"]}}])) as scene:
        await scene.quiet()
    assert scene.functions.batches == [["yes"]]
    outcomes = source.outcomes()
    assert outcomes.pop("yes") is Outcome.DELIVERED
    assert outcomes == dict.fromkeys(["no", "text", "plain"], Outcome.FILTERED)


async def test_a_slow_handler_keeps_its_lease() -> None:
    source = FakeSource(lease_seconds=30)
    source.send("a")

    async def slow(ids: list[str]) -> bytes:
        await asyncio.sleep(290)
        return b""

    async with Scene(source, slow) as scene:
        await scene.quiet(400)
    times = [time for time, _ in source.extended]
    assert len(times) >= 19
    assert source.outcomes() == {"a": Outcome.DELIVERED}


async def test_groups_run_side_by_side_in_batches_of_their_own_and_a_failed_one_holds_nobody_back() -> None:
    source = FakeSource(ordered=True)
    source.send("a1", lane="A")
    source.send("b1", lane="B")
    source.send("a2", lane="A")

    async def a_fails(ids: list[str]) -> bytes | Status:
        await asyncio.sleep(1)
        return Status.ERROR if ids[0].startswith("a") else b""

    async with Scene(source, a_fails) as scene:
        await scene.quiet()
    assert sorted(scene.functions.batches) == [["a1", "a2"], ["b1"]]
    assert scene.functions.most_at_once == 2
    assert source.outcomes() == {"a1": Outcome.RETRY, "a2": Outcome.RETRY, "b1": Outcome.DELIVERED}


async def test_a_stop_finishes_what_runs_and_hands_back_what_does_not() -> None:
    source = FakeSource()
    source.send(*names(25))

    async with Scene(source, succeed, batch_size=100, window=60.0, concurrency=1) as scene:
        await scene.quiet(2)
        assert scene.functions.batches == []
    assert source.outcomes() == dict.fromkeys(names(25), Outcome.RELEASED)


async def test_a_stop_ends_an_idle_long_poll_at_once() -> None:
    source = FakeSource()
    scene = Scene(source, succeed)
    async with scene:
        await scene.quiet(5)
        began = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - began < 0.01


async def test_what_is_cut_is_handed_back() -> None:
    source = FakeSource()
    source.send("a")

    async def hang(ids: list[str]) -> bytes:
        await asyncio.sleep(1e6)
        return b""

    scene = Scene(source, hang)
    async with scene:
        await scene.quiet(5)
        scene.task.cancel()
        await asyncio.gather(scene.task, return_exceptions=True)
    assert source.outcomes() == {"a": Outcome.RELEASED}


async def test_an_outage_in_the_middle_loses_nothing() -> None:
    source = FakeSource()
    source.send(*names(100))
    async with Scene(source, succeed) as scene:
        await scene.quiet(0.05)
        source.faults["settle"] = [Unreachable("gone")] * 3
        source.faults["fetch"] = [Unreachable("gone")] * 2
        await scene.quiet()
    assert source.outcomes() == dict.fromkeys(names(100), Outcome.DELIVERED)


async def test_an_event_past_six_megabytes_never_runs_and_goes_the_redrive_way() -> None:
    source = FakeSource()
    source.send("huge", body="x" * (6 * 1024 * 1024))
    source.send("small")
    async with Scene(source, succeed) as scene:
        await scene.quiet()
    assert scene.functions.batches == [["small"]]
    assert source.outcomes() == {"huge": Outcome.RETRY, "small": Outcome.DELIVERED}


async def test_a_lease_shorter_than_a_batch_may_take_is_told_once() -> None:
    async with Scene(FakeSource(), succeed, timeout=31.0) as scene:
        await scene.quiet()
        assert scene.mapping.warning
    [told] = [fact for fact in scene.facts if isinstance(fact, LeaseFoundShort)]
    assert (told.lease_seconds, told.why) == (30.0, scene.mapping.warning)


async def test_a_lease_that_is_long_enough_is_not_worth_a_word() -> None:
    async with Scene(FakeSource(), succeed, timeout=30.0) as scene:
        await scene.quiet()
        assert not scene.mapping.warning
    assert not [fact for fact in scene.facts if isinstance(fact, LeaseFoundShort)]
