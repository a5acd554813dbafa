"""A stream mapping from fetch to settle, in virtual time: an in-process stream, functions in the test's own words."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import pairwise
from typing import Any
from uuid import uuid4
from zlib import crc32

import pytest

from connectors.contract import UNDECODABLE, Capabilities, Record, Refused, Throttled
from connectors.memory.stream import MemoryStreamOptions, MemoryStreamSource, stream
from poller.execution.contract import Status
from poller.observe.events import (
    BatchBisected,
    BatchCut,
    BatchJudged,
    BatchRetried,
    DestinationFailedError,
    DestinationRecovered,
    IteratorAged,
    PartitionsRevoked,
    RecordsDiscarded,
    RecordsResumed,
    SourceFailedError,
    WindowEnded,
)
from poller.pipeline.filter import compile_criteria
from poller.pipeline.stream.partitions import FEW
from tests.fakes.source import FakeSource
from tests.fakes.stream_scene import Call, Handler, StreamScene, succeed


def now() -> float:
    return asyncio.get_running_loop().time()


async def fail(call: Call) -> Status:
    return Status.ERROR


ONE, OTHER = "a", next(key for key in "bcdefgh" if crc32(key.encode()) % 2 != crc32(b"a") % 2)
"""Keys in different lanes of two."""


def numbers_of(calls: list[Call]) -> list[int]:
    return [number for call in calls for number in call.numbers]


async def test_every_record_is_delivered_once_in_order_and_the_checkpoint_is_behind_it() -> None:
    async with StreamScene(succeed) as scene:
        assert scene.mapping.last_processing_result == "No records processed"
        numbers = scene.send(95)
        await scene.quiet()
        assert scene.mapping.in_hand == 0
    assert numbers_of(scene.functions.calls) == numbers
    assert max(map(len, scene.functions.batches)) == 10
    assert scene.checkpoints.saved == {scene.stream.partitions[0]: str(numbers[-1])}
    assert scene.source.outcomes() == dict.fromkeys(numbers, "delivered")
    assert scene.mapping.last_processing_result == "OK"


async def test_partitions_run_side_by_side_and_never_share_a_batch() -> None:
    async with StreamScene(succeed, partitions=5) as scene:
        for partition in range(5):
            scene.send(10, partition=partition)
        began = now()
        while len(scene.functions.calls) < 5:
            await asyncio.sleep(0.01)
        assert now() - began < 0.05
        assert scene.mapping.running == 5
        await scene.quiet()
    for call in scene.functions.calls:
        assert {scene.source._done[call.partition] >= number for number in call.numbers} == {True}


async def test_without_a_window_a_batch_is_what_waits() -> None:
    async with StreamScene(succeed) as scene:
        first = scene.send(1)
        await asyncio.sleep(0.05)
        rest = scene.send(3)
        await scene.quiet()
    assert scene.functions.batches == [first, rest]
    assert [fact.reason for fact in scene.facts_of(BatchCut)] == ["poll", "poll"]


async def test_with_a_window_a_batch_collects_until_it_is_over() -> None:
    async with StreamScene(succeed, window=5.0) as scene:
        sent = now()
        for _ in range(4):
            scene.send(1)
            await asyncio.sleep(1)
        await scene.quiet()
    [call] = scene.functions.calls
    assert len(call.numbers) == 4
    assert call.began - sent == pytest.approx(5.0, abs=0.01)


async def test_a_full_batch_does_not_wait_for_the_window() -> None:
    async with StreamScene(succeed, window=50.0) as scene:
        sent = now()
        scene.send(10)
        await scene.quiet(20)
        assert [call.began - sent for call in scene.functions.calls] == [pytest.approx(0.0, abs=0.01)]


async def test_a_failed_batch_is_tried_again_in_place_under_the_same_request_id() -> None:
    failures = iter([True] * 3)

    async def handler(call: Call) -> Status | None:
        return Status.ERROR if next(failures, False) else None

    async with StreamScene(handler, batch_size=5) as scene:
        numbers = scene.send(10)
        await scene.quiet()
    calls = scene.functions.calls
    assert scene.functions.batches == [numbers[:5]] * 4 + [numbers[5:]]
    assert len({call.request_id for call in calls[:4]}) == 1
    assert calls[4].request_id != calls[0].request_id
    waits = [after.began - before.began for before, after in pairwise(calls[:4])]
    assert all(most * 0.75 <= wait <= most for wait, most in zip(waits, [0.5, 1.0, 2.0], strict=True))
    assert [fact.attempts for fact in scene.facts_of(BatchRetried)] == [1, 2, 3]


async def test_the_last_result_is_that_of_the_last_invocation_even_after_a_discard() -> None:
    async with StreamScene(fail, maximum_retry_attempts=0) as scene:
        scene.send(1)
        await scene.quiet()
        assert scene.mapping.last_processing_result == "PROBLEM: Function call failed"


async def test_without_a_destination_what_is_given_up_is_told_and_work_goes_on() -> None:
    async def handler(call: Call) -> Status | None:
        return Status.ERROR if 2 in call.numbers else None

    async with StreamScene(handler, batch_size=1, maximum_retry_attempts=1) as scene:
        numbers = scene.send(3)
        await scene.quiet()
    assert scene.functions.batches == [[1], [2], [2], [3]]
    [fact] = scene.facts_of(RecordsDiscarded)
    assert (fact.condition, fact.count, fact.first, fact.last, fact.stored) == (
        "RetryAttemptsExhausted",
        1,
        "2",
        "2",
        False,
    )
    judged = [judged for judged in scene.facts_of(BatchJudged) if judged.verdict == "failed"]
    assert {each.partition for each in scene.facts_of(BatchJudged)} == set(scene.stream.partitions)
    assert [(fact.request_id, fact.why)] * 2 == [(each.request_id, each.why) for each in judged]
    assert fact.why == "the function raised: Boom"
    assert scene.source.outcomes() == {1: "delivered", 2: "rejected", 3: "delivered"}
    assert scene.checkpoints.saved == {scene.stream.partitions[0]: str(numbers[-1])}


async def test_a_failure_record_is_stored_before_the_checkpoint_moves() -> None:
    async with StreamScene(fail, destination=True, maximum_retry_attempts=1, batch_size=2) as scene:
        scene.send(2)
        await scene.quiet()
        assert scene.destination is not None
        [discard] = scene.destination.discards
    context = discard.record["requestContext"]
    assert (context["condition"], context["approximateInvokeCount"]) == ("RetryAttemptsExhausted", 2)
    assert context["requestId"] == scene.functions.calls[0].request_id
    assert discard.record["responseContext"]["functionError"] == "Unhandled"
    assert discard.record["KinesisBatchInfo"]["batchSize"] == 2
    assert discard.event.count(b"sequenceNumber") == 2
    assert scene.source.outcomes() == {1: "rejected", 2: "rejected"}
    assert scene.destination.closed


async def test_a_destination_that_is_away_holds_its_lane_and_no_other() -> None:
    async def handler(call: Call) -> Status | None:
        return Status.ERROR if call.partition.endswith("0") else None

    async with StreamScene(handler, partitions=2, destination=True, maximum_retry_attempts=0) as scene:
        assert scene.destination is not None
        scene.destination.faults = [Refused("no such queue")] * 5
        [bad] = scene.send(1, partition=0)
        good = scene.send(50, partition=1)
        await scene.quiet(1.0)
        assert scene.source.outcomes() == dict.fromkeys(good, "delivered")
        discards = scene.mapping.discards
        assert "no such queue" in discards.trouble
        assert (discards.waiting, discards.failing_since) == (1, scene.functions.calls[0].began)
        await scene.quiet()
        assert (discards.trouble, discards.waiting, discards.failing_since) == ("", 0, None)
        assert scene.source.outcomes()[bad] == "rejected"
    assert [fact.known for fact in scene.facts_of(DestinationFailedError)] == [False, True, True, True, True]
    assert len(scene.facts_of(DestinationRecovered)) == 1
    assert len(scene.functions.calls) == 6, "the function is not asked again meanwhile"


async def test_bisect_finds_the_record_that_fails_and_keeps_the_order() -> None:
    done: list[int] = []

    async def handler(call: Call) -> Status | None:
        if 6 in call.numbers:
            return Status.ERROR
        done.extend(call.numbers)
        return None

    async with StreamScene(handler, bisect=True, maximum_retry_attempts=0, destination=True) as scene:
        scene.send(12)
        await scene.quiet()
        assert scene.destination is not None
        assert [record.position for d in scene.destination.discards for record in d.records] == ["6"]
    assert done == [1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12]
    batches = [[*range(1, 11)], [1, 2, 3, 4, 5], [6, 7, 8, 9, 10], [6, 7], [6], [7], [8, 9, 10], [11, 12]]
    assert scene.functions.batches == batches
    assert len({call.request_id for call in scene.functions.calls}) == len(batches)
    assert [fact.count for fact in scene.facts_of(BatchBisected)] == [10, 5, 2]


async def test_a_partial_response_moves_the_checkpoint_at_once() -> None:
    answers = iter([{"batchItemFailures": [{"itemIdentifier": "4"}, {"itemIdentifier": "3"}]}])

    async def handler(call: Call) -> Any:
        return next(answers, None)

    async with StreamScene(handler, item_failures=True) as scene:
        scene.send(5)
        await asyncio.sleep(0.1)
        assert scene.source.outcomes() == {1: "delivered", 2: "delivered"}
        await scene.quiet()
    first, again = scene.functions.calls
    assert (first.numbers, again.numbers) == ([1, 2, 3, 4, 5], [3, 4, 5])
    assert first.request_id != again.request_id


async def test_records_grow_too_old_while_their_batch_fails() -> None:
    async with StreamScene(fail, maximum_record_age=60, destination=True) as scene:
        [old] = scene.send(1)
        await asyncio.sleep(30)
        [young] = scene.send(1)
        await scene.quiet(200)
        assert scene.destination is not None
        first, second = scene.destination.discards
    assert [first.records[0].position, second.records[0].position] == [str(old), str(young)]
    assert {each.record["requestContext"]["condition"] for each in (first, second)} == {"RecordAgeExceeded"}
    assert first.record["requestContext"]["approximateInvokeCount"] in {7, 8}
    assert "responseContext" in first.record


async def test_what_is_too_old_at_first_sight_never_reaches_the_function() -> None:
    async with StreamScene(succeed, maximum_record_age=60, destination=True) as scene:
        scene.stream.send("{}", arrived=now() - 61)
        [young] = scene.send(1)
        await scene.quiet()
        assert scene.destination is not None
        [discard] = scene.destination.discards
    assert scene.functions.batches == [[young]]
    assert discard.record["requestContext"]["approximateInvokeCount"] == 1
    assert "responseContext" not in discard.record


async def test_a_record_past_six_megabytes_is_given_up_without_an_attempt() -> None:
    async with StreamScene(succeed, maximum_retry_attempts=2, destination=True) as scene:
        [small] = scene.send(1)
        scene.send(1, body="x" * 5 * 1024 * 1024)
        [last] = scene.send(1)
        await scene.quiet()
        assert scene.destination is not None
        [discard] = scene.destination.discards
    assert numbers_of(scene.functions.calls) == [small, last]
    context = discard.record["requestContext"]
    assert (context["condition"], context["approximateInvokeCount"]) == ("RetryAttemptsExhausted", 3)
    assert "responseContext" not in discard.record


class LikeKafka(MemoryStreamSource):
    @property
    def capabilities(self) -> Capabilities:
        return replace(super().capabilities, envelope="kafka")


@pytest.mark.parametrize(("destination", "attempts"), [(True, 11), (False, 15)])
async def test_kafka_with_a_destination_gives_up_after_ten_retries(destination: bool, attempts: int) -> None:
    answers = iter([Status.ERROR] * 14)

    async def handler(call: Call) -> Status | None:
        return next(answers, None)

    name = str(uuid4())
    source = LikeKafka(MemoryStreamOptions(stream=name))
    async with StreamScene(handler, source=source, destination=destination) as scene:
        stream(name).send("{}", arrived=now())
        await scene.quiet(1000)
        assert len(scene.functions.calls) == attempts


async def test_filtered_records_are_settled_in_their_place_and_never_seen() -> None:
    criteria = compile_criteria([{"kinesis": {"partitionKey": ["a"]}}])
    async with StreamScene(succeed, criteria=criteria) as scene:
        scene.send(2, key="b")
        await scene.quiet(1)
        assert scene.source.outcomes() == {1: "filtered", 2: "filtered"}
        scene.send(1, key="a")
        scene.send(1, key="b")
        await scene.quiet()
    assert scene.functions.batches == [[3]]
    assert [number for _, number, _ in scene.source.settled] == [1, 2, 3, 4]
    assert scene.checkpoints.saved == {scene.stream.partitions[0]: "4"}


async def test_a_partition_has_as_many_lanes_as_it_is_told_and_keys_keep_their_order() -> None:
    async def slow_for_a(call: Call) -> None:
        await asyncio.sleep(10 if "a" in {record["kinesis"]["partitionKey"] for record in call.event["Records"]} else 1)

    async with StreamScene(slow_for_a, parallelization_factor=4, batch_size=5) as scene:
        for _ in range(20):
            for key in "abcdefgh":
                scene.send(1, key=key)
        await asyncio.sleep(0.5)
        assert 2 <= scene.mapping.running <= 4
        await scene.quiet(300)
    by_key: dict[str, list[int]] = {}
    for call in scene.functions.calls:
        for record in call.event["Records"]:
            by_key.setdefault(record["kinesis"]["partitionKey"], []).append(int(record["kinesis"]["sequenceNumber"]))
    assert all(numbers == sorted(numbers) and len(numbers) == 20 for numbers in by_key.values())
    assert [number for _, number, _ in scene.source.settled] == [*range(1, 161)], "in order, whoever was first"
    assert scene.checkpoints.marked == {}


async def test_a_lane_that_is_stuck_neither_holds_another_nor_its_partitions_neighbours() -> None:
    async def handler(call: Call) -> Status | None:
        await asyncio.sleep(0.01)
        return Status.ERROR if call.partition.endswith("0000") else None

    async with StreamScene(handler, partitions=3, batch_size=10) as scene:
        scene.send(5000, partition=0)
        began = now()
        good = [number for partition in (1, 2) for number in scene.send(2000, partition=partition)]
        while len(scene.source.settled) < len(good):
            await asyncio.sleep(0.1)
        assert now() - began < 10
        assert scene.mapping.in_hand <= 400, "what waits is bounded"
        assert frozenset({scene.stream.partitions[0]}) in scene.source.holds
        assert set(scene.source.outcomes()) == set(good)


async def test_a_partition_that_is_stuck_delays_the_others_by_no_more_than_a_moment() -> None:
    async def handler(call: Call) -> Status | None:
        return Status.ERROR if call.partition.endswith("0000") else None

    async with StreamScene(handler, partitions=2, batch_size=1) as scene:
        scene.send(1000, partition=0)
        await scene.quiet(30)
        delays = []
        for _ in range(20):
            sent = now()
            [number] = scene.send(1, partition=1)
            while number not in scene.source.outcomes():
                await asyncio.sleep(0.001)
            delays.append(now() - sent)
            await asyncio.sleep(1.2345)
    assert max(delays) < 0.05


async def test_waiting_for_a_slot_is_no_attempt() -> None:
    async with StreamScene(succeed, concurrency=1, maximum_retry_attempts=0) as scene:
        taken = scene.slots.claim("f", "other").try_acquire()
        assert taken is not None
        scene.send(3)
        await scene.quiet()
        assert scene.functions.calls == []
        taken.release()
        await scene.quiet(1)
        assert scene.functions.batches == [[1, 2, 3]]
        assert scene.source.outcomes() == dict.fromkeys([1, 2, 3], "delivered")


async def test_a_stop_finishes_what_runs_and_leaves_the_rest_to_the_next_start() -> None:
    async with StreamScene(succeed) as scene:
        numbers = scene.send(25)
        await asyncio.sleep(0.05)
        began = now()
        scene.stop.begin("test")
        await scene.task
        assert now() - began == pytest.approx(0.05, abs=0.01)
    assert scene.source.outcomes() == dict.fromkeys(numbers[:10], "delivered")
    async with StreamScene(succeed, before=scene) as later:
        await later.quiet()
    assert numbers_of(later.functions.calls) == numbers[10:]


@pytest.mark.parametrize("waiting", ["retry", "slot", "window", "destination"])
async def test_a_stop_does_not_wait_for_what_only_waits(waiting: str) -> None:
    handler = succeed if waiting in {"slot", "window"} else fail
    options: dict[str, Any] = {"window": 300.0} if waiting == "window" else {}
    if waiting == "destination":
        options |= {"destination": True, "maximum_retry_attempts": 0}
    async with StreamScene(handler, concurrency=0 if waiting == "slot" else 1, **options) as scene:
        if scene.destination:
            scene.destination.faults = [Throttled("busy")] * 1000
        scene.send(3)
        await scene.quiet(300 - 1)
        began = now()
        scene.stop.begin("test")
        await scene.task
        assert now() - began < 0.01
    assert scene.source.settled == []


async def test_a_source_that_settles_records_by_themselves_is_given_back_the_rest() -> None:
    async with StreamScene(succeed, prefix=False, batch_size=2) as scene:
        scene.send(5)
        await asyncio.sleep(0.05)
        scene.stop.begin("test")
        await scene.task
    assert scene.source.outcomes() == {1: "delivered", 2: "delivered", 3: "released", 4: "released", 5: "released"}
    async with StreamScene(succeed, prefix=False, before=scene) as later:
        await later.quiet()
    assert numbers_of(later.functions.calls) == [3, 4, 5]


async def test_a_lane_ahead_is_settled_at_once_where_each_record_is_settled_by_itself() -> None:
    async def handler(call: Call) -> None:
        await asyncio.sleep(100 if 1 in call.numbers else 0)

    async with StreamScene(handler, prefix=False, parallelization_factor=2, batch_size=1) as scene:
        scene.send(1, key=ONE)
        scene.send(1, key=OTHER)
        await asyncio.sleep(1)
        assert scene.source.outcomes() == {2: "delivered"}
        await scene.quiet(200)
    assert scene.checkpoints.marked == {}


async def test_after_a_crash_lanes_that_were_ahead_do_not_repeat_what_they_did() -> None:
    async def handler(call: Call) -> None:
        await asyncio.sleep(1000 if 1 in call.numbers else 0.1)

    async with StreamScene(handler, parallelization_factor=2, batch_size=5) as scene:
        scene.send(1, key=ONE)
        ahead = scene.send(30, key=OTHER)
        await scene.quiet(50)
        assert scene.source.settled == []
        await scene.kill()
    assert scene.checkpoints.saved == {scene.stream.partitions[0]: "0"}
    async with StreamScene(succeed, before=scene, parallelization_factor=2, batch_size=5) as later:
        more = later.send(1, key=OTHER)
        await later.quiet()
    assert sorted(later.functions.batches) == [[1], more]
    assert sum(fact.count for fact in later.facts_of(RecordsResumed)) == len(ahead)
    assert later.checkpoints.saved == {scene.stream.partitions[0]: str(more[0])}
    assert later.checkpoints.marked == {}


async def test_a_second_crash_repeats_no_more_than_the_first() -> None:
    def hanging_at(number: int) -> Handler:
        async def handler(call: Call) -> None:
            await asyncio.sleep(1000 if number in call.numbers else 0.1)

        return handler

    options: dict[str, Any] = {"parallelization_factor": 2, "batch_size": 1}
    async with StreamScene(hanging_at(2), **options) as scene:
        scene.send(3, key=ONE)
        scene.send(30, key=OTHER)
        await scene.quiet(50)
        await scene.kill()
    async with StreamScene(hanging_at(3), before=scene, **options) as again:
        await again.quiet(50)
        assert again.functions.batches == [[2], [3]]
        await again.kill()
    async with StreamScene(succeed, before=again, **options) as later:
        await later.quiet(50)
        assert later.functions.batches == [[3]]


async def test_a_position_moved_back_has_everything_run_again() -> None:
    async def handler(call: Call) -> None:
        await asyncio.sleep(1000 if 11 in call.numbers else 0.1)

    async with StreamScene(handler, parallelization_factor=2, batch_size=5) as scene:
        scene.send(10, key=OTHER)
        await scene.quiet(5)
        scene.send(1, key=ONE)
        scene.send(10, key=OTHER)
        await scene.quiet(50)
        await scene.kill()
    assert scene.checkpoints.marked
    scene.checkpoints.saved = {scene.stream.partitions[0]: "0"}
    async with StreamScene(succeed, before=scene, parallelization_factor=2, batch_size=5) as later:
        await later.quiet()
    assert sorted(numbers_of(later.functions.calls)) == [*range(1, 22)]


async def test_a_store_that_is_busy_is_asked_again_before_the_lane_goes_on() -> None:
    async def handler(call: Call) -> None:
        await asyncio.sleep(1000 if 1 in call.numbers else 0.0)

    async with StreamScene(handler, parallelization_factor=2, batch_size=1) as scene:
        scene.send(1, key=ONE)
        await asyncio.sleep(1)
        scene.checkpoints.faults = [Throttled("database is locked", retry_after=10.0)]
        scene.send(2, key=OTHER)
        await asyncio.sleep(5)
        assert scene.functions.batches == [[1], [2]]
        await scene.quiet(20)
        assert scene.functions.batches == [[1], [2], [3]]
        assert [fact.verb for fact in scene.facts_of(SourceFailedError)] == ["mark"]


async def test_a_connection_that_breaks_repeats_nothing_that_is_in_hand() -> None:
    async with StreamScene(succeed, batch_size=1) as scene:
        numbers = scene.send(30)
        await asyncio.sleep(0.55)
        scene.stream.cut()
        await scene.quiet(10)
        scene.stream.mend()
        numbers += scene.send(10)
        await scene.quiet(100)
    assert numbers_of(scene.functions.calls) == numbers
    assert scene.source.outcomes() == dict.fromkeys(numbers, "delivered")


async def test_a_source_that_is_opened_anew_amid_sorting_repeats_nothing_and_keeps_the_order() -> None:
    async with StreamScene(succeed, batch_size=1000) as scene:
        await asyncio.sleep(1)
        numbers = scene.send(4000)
        while not scene.mapping.in_hand:
            await asyncio.sleep(0)
        assert scene.mapping.in_hand < 1000, "sorting goes on"
        await scene.mapping.link.close()
        await scene.mapping.link.open()
        await scene.quiet()
    assert numbers_of(scene.functions.calls) == numbers


@pytest.mark.parametrize("prefix", [True, False])
async def test_a_partition_that_is_given_up_finishes_what_runs_and_forgets_the_rest(prefix: bool) -> None:
    async with StreamScene(succeed, partitions=2, batch_size=3, prefix=prefix) as scene:
        gone, kept = scene.stream.partitions
        numbers = scene.send(10, partition=0)
        scene.send(10, partition=1)
        await asyncio.sleep(0.05)
        began = now()
        await scene.source.give_up(gone)
        assert now() - began == pytest.approx(0.05, abs=0.01)
        assert {number for home, number, _ in scene.source.settled if home == gone} == set(numbers[:3])
        await scene.quiet(10)
        assert {call.partition for call in scene.functions.calls[2:]} == {kept}
        assert scene.mapping.in_hand == 0
        scene.source.take_back(gone)
        await scene.quiet(20)
    assert [call.numbers for call in scene.functions.calls if call.partition == gone] == [
        numbers[:3], numbers[3:6], numbers[6:9], numbers[9:],
    ]  # fmt: skip
    [fact] = scene.facts_of(PartitionsRevoked)
    assert (fact.partitions, fact.dropped) == ((gone,), 7)


@pytest.mark.parametrize("turns", range(8))
@pytest.mark.parametrize("prefix", [True, False])
async def test_what_is_just_being_fetched_is_given_up_too(turns: int, prefix: bool) -> None:
    async with StreamScene(succeed, partitions=2, batch_size=3, prefix=prefix) as scene:
        await asyncio.sleep(1)
        numbers = scene.send(5, partition=0)
        for _ in range(turns):
            await asyncio.sleep(0)
        await scene.source.give_up(scene.stream.partitions[0])
        scene.source.take_back(scene.stream.partitions[0])
        await scene.quiet(10)
    assert numbers_of(scene.functions.calls) == numbers


async def test_a_stop_while_a_partition_is_given_up_lets_it_finish() -> None:
    async with StreamScene(succeed, partitions=2) as scene:
        numbers = scene.send(3, partition=0)
        await asyncio.sleep(0.05)
        giving_up = asyncio.create_task(scene.source.give_up(scene.stream.partitions[0]))
        await asyncio.sleep(0)
        scene.stop.begin("test")
        giving_up.cancel()
        await asyncio.gather(giving_up, return_exceptions=True)
        await scene.task
    assert scene.source.outcomes() == dict.fromkeys(numbers, "delivered")


async def test_partitions_that_have_nothing_to_do_are_forgotten_and_go_on_where_they_were() -> None:
    async with StreamScene(succeed, partitions=FEW * 3) as scene:
        for partition in range(FEW * 3):
            scene.send(1, partition=partition)
            await asyncio.sleep(1)
        assert len(scene.mapping._partitions._ours) <= FEW * 2
        assert scene.mapping._room.held == set()
        again = scene.send(1, partition=0)
        await asyncio.sleep(1)
        assert scene.functions.batches[-1] == again
    assert len(scene.functions.calls) == FEW * 3 + 1


async def test_a_tumbling_window_has_one_lane_a_partition() -> None:
    async with StreamScene(Summing(), tumbling_window=60, parallelization_factor=5, batch_size=1) as scene:
        for key in "abcdefgh":
            scene.send(1, key=key)
        await scene.quiet(1)
        assert [call.event["state"].get("n", 0) for call in scene.functions.calls] == [*range(8)]


async def test_giving_up_a_partition_whose_batch_hangs_cuts_it_when_time_is_up() -> None:
    async def hang(call: Call) -> None:
        await asyncio.sleep(1000 if call.partition.endswith("0000") and len(scene.functions.calls) == 1 else 0)

    scene = StreamScene(hang, partitions=2)
    async with scene:
        scene.send(3, partition=0)
        await asyncio.sleep(1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await scene.source.give_up(scene.stream.partitions[0])
        await asyncio.sleep(0)
        assert scene.mapping.running == 0
        assert scene.source.settled == []
        assert scene.mapping.in_hand == 0


async def test_how_old_records_are_is_told() -> None:
    async with StreamScene(succeed) as scene:
        scene.stream.send("{}", arrived=now() - 40)
        await scene.quiet(1)
    [fact] = scene.facts_of(IteratorAged)
    assert fact.seconds == pytest.approx(40.1, abs=0.01)


async def test_a_queue_is_no_stream() -> None:
    with pytest.raises(TypeError, match="FakeSource is no stream"):
        StreamScene(succeed, source=FakeSource())


class Summing:
    """A function with a tumbling window: its state counts records."""

    def __init__(self) -> None:
        self.finals: list[tuple[str, Any, bool]] = []
        self.failures: list[bool] = []

    async def __call__(self, call: Call) -> Any:
        event = call.event
        if self.failures and self.failures.pop(0):
            return {}
        if event["isFinalInvokeForWindow"]:
            self.finals.append((event["window"]["start"][11:19], event["state"], event["isWindowTerminatedEarly"]))
            assert event["Records"] == []
            return {"state": event["state"]}
        return {"state": {"n": event["state"].get("n", 0) + len(event["Records"])}}


async def test_a_tumbling_window_sums_up_and_ends_with_a_later_record() -> None:
    summing = Summing()
    async with StreamScene(summing, tumbling_window=60, batch_size=4) as scene:
        start = 60 * 17_000
        for at in (1, 2, 3, 30, 59, 59.9, 60, 61, 200):
            scene.stream.send("{}", arrived=start + at)
        await scene.quiet(1)
        assert summing.finals == [("19:20:00", {"n": 6}, False), ("19:21:00", {"n": 2}, False)]
    assert scene.functions.batches == [[1, 2, 3, 4], [5, 6], [], [7, 8], [], [9]]
    assert len(scene.facts_of(WindowEnded)) == 2


async def test_a_tumbling_window_of_an_idle_partition_ends_within_two_minutes() -> None:
    summing = Summing()
    async with StreamScene(summing, tumbling_window=60) as scene:
        await asyncio.sleep(60 - now() % 60 + 10)
        scene.send(3)
        await asyncio.sleep(50 + 59)
        assert summing.finals == []
        await asyncio.sleep(61)
        assert [state for _, state, _ in summing.finals] == [{"n": 3}]
        assert scene.checkpoints.marked == {}


async def test_a_tumbling_window_ends_with_its_partition_at_once() -> None:
    """Behind the records that still wait for their batch to fill up, and without them for company."""
    summing = Summing()
    async with StreamScene(summing, tumbling_window=900, batch_size=2, window=300.0) as scene:
        await asyncio.sleep(900 - now() % 900)
        scene.send(3)
        await asyncio.sleep(1)
        assert scene.functions.batches == [[1, 2]]
        scene.stream.split(scene.stream.partitions[0])
        await asyncio.sleep(1)
        assert scene.functions.batches == [[1, 2], [3], []]
        assert [(state, early) for _, state, early in summing.finals] == [({"n": 3}, False)]
        assert scene.checkpoints.marked == {}
        scene.send(1)
        await asyncio.sleep(301)
        assert len(summing.finals) == 1, "the child's is its own"


async def test_a_window_ends_after_a_restart_at_once_where_its_partition_has_ended_meanwhile() -> None:
    summing = Summing()
    async with StreamScene(summing, tumbling_window=900) as scene:
        await asyncio.sleep(900 - now() % 900)
        scene.send(3)
        await asyncio.sleep(1)
    scene.stream.split(scene.stream.partitions[0])
    async with StreamScene(summing, tumbling_window=900, before=scene) as later:
        await asyncio.sleep(1)
        assert [state for _, state, _ in summing.finals] == [{"n": 3}]
        assert later.checkpoints.marked == {}


async def test_an_end_that_was_told_before_the_source_was_lost_counts_when_it_is_told_anew() -> None:
    """What was fetched and not sorted by then comes again, and belongs to the window."""
    summing = Summing()
    async with StreamScene(summing, tumbling_window=900, batch_size=1) as scene:
        await asyncio.sleep(900 - now() % 900)
        scene.send(5)
        scene.stream.split(scene.stream.partitions[0])
        scene.stream.reachable = False
        await asyncio.sleep(2)
        scene.stream.reachable = True
        await asyncio.sleep(60)
        assert [state for _, state, _ in summing.finals] == [{"n": 5}]


async def test_a_window_in_progress_ends_after_a_restart_even_if_nothing_comes_any_more() -> None:
    summing = Summing()
    async with StreamScene(summing, tumbling_window=60) as scene:
        scene.send(3)
        await asyncio.sleep(1)
    assert summing.finals == []
    async with StreamScene(summing, tumbling_window=900, before=scene) as later:
        await asyncio.sleep(180)
        assert [state for _, state, _ in summing.finals] == [{"n": 3}], "at the end it began with"
        assert later.checkpoints.marked == {}
        later.send(1)
        await asyncio.sleep(1)
        window = later.functions.calls[-1].event["window"]
    assert (window["start"][14:19], window["end"][14:19]) in {("30:00", "45:00"), ("45:00", "00:00")}


async def test_a_window_is_forgotten_with_the_option() -> None:
    async with StreamScene(Summing(), tumbling_window=60) as scene:
        scene.send(3)
        await asyncio.sleep(1)
    assert scene.checkpoints.marked
    async with StreamScene(succeed, before=scene) as later:
        later.send(1)
        await later.quiet()
        assert "window" not in later.functions.calls[0].event
        assert later.checkpoints.marked == {}


async def test_an_answer_without_state_is_tried_again_and_the_last_event_too() -> None:
    summing = Summing()
    summing.failures = [True, False, True, True]
    async with StreamScene(summing, tumbling_window=60) as scene:
        scene.stream.send("{}", arrived=120)
        await asyncio.sleep(20)
        scene.stream.send("{}", arrived=180)
        await scene.quiet()
    assert scene.functions.batches[:6] == [[1], [1], [], [], [], [2]]
    assert summing.finals[0] == ("00:02:00", {"n": 1}, False)


async def test_a_last_event_that_keeps_failing_is_given_up_and_the_next_window_begins() -> None:
    summing = Summing()
    summing.failures = [False, True, True]
    async with StreamScene(summing, tumbling_window=60, maximum_retry_attempts=1, destination=True) as scene:
        scene.stream.send("{}", arrived=120)
        scene.stream.send("{}", arrived=180)
        await asyncio.sleep(20)
        assert scene.destination is not None
        [discard] = scene.destination.discards
        assert scene.functions.batches[:4] == [[1], [], [], [2]]
        assert scene.functions.calls[3].event["state"] == {}
    assert discard.records == []
    assert discard.record["requestContext"]["approximateInvokeCount"] == 2
    assert discard.record["timeWindowInfo"]["isFinalInvokeForWindow"] is True


async def test_a_state_past_one_megabyte_ends_its_window_early() -> None:
    async def hoard(call: Call) -> Any:
        final = call.event["isFinalInvokeForWindow"]
        return {"state": {} if final else {"x": call.event["state"].get("x", "") + "y" * 700_000}}

    async with StreamScene(hoard, tumbling_window=60, batch_size=1) as scene:
        for _ in range(3):
            scene.stream.send("{}", arrived=120)
        await scene.quiet(1)
    first, second, final, third, *_ = scene.functions.calls
    assert [first.numbers, second.numbers, final.numbers, third.numbers] == [[1], [2], [], [3]]
    assert (final.event["isFinalInvokeForWindow"], final.event["isWindowTerminatedEarly"]) == (True, True)
    assert len(final.event["state"]["x"]) == 1_400_000
    assert third.event["state"] == {}


@pytest.mark.parametrize("turns", range(0, 60, 3))
async def test_after_a_crash_a_window_goes_on_with_its_state_and_no_record_is_counted_twice(turns: int) -> None:
    summing = Summing()
    async with StreamScene(summing, tumbling_window=60, batch_size=1) as scene:
        scene.checkpoints.seconds = 0.01
        for _ in range(5):
            scene.stream.send("{}", arrived=120)
        for _ in range(turns):
            await asyncio.sleep(0.001)
        await scene.kill()
    answered = len([call for call in scene.functions.calls if call.ended is not None])
    async with StreamScene(summing, tumbling_window=60, batch_size=1, before=scene) as later:
        later.stream.send("{}", arrived=180)
        await later.quiet(10)
    assert summing.finals[0] == ("00:02:00", {"n": 5}, False)
    assert len(numbers_of(later.functions.calls)) <= 6 - answered + 1, "one batch at most comes again"


async def test_options_of_the_source_are_its_own() -> None:
    assert MemoryStreamSource(MemoryStreamOptions(stream="x")).capabilities.stream


@pytest.mark.parametrize("admitted", [True, False])
async def test_what_its_source_could_not_decode_goes_to_the_destination_past_function_and_filters(
    monkeypatch: pytest.MonkeyPatch, admitted: bool
) -> None:
    """Every third. A filter that lets nothing through judges only what can be read."""
    criteria = None if admitted else compile_criteria([{"kinesis": {"partitionKey": ["nobody"]}}])
    scene = StreamScene(succeed, destination=True, criteria=criteria)
    fetch = scene.source.fetch

    async def garbled(room: int, wait_seconds: float) -> list[Record]:
        records = await fetch(room, wait_seconds)
        for record in records:
            if int(record.position) % 3 == 0:
                record.metadata = {**record.metadata, UNDECODABLE: "DESERIALIZATION_ERROR"}
        return records

    monkeypatch.setattr(scene.source, "fetch", garbled)
    async with scene:
        numbers = scene.send(7)
        await scene.quiet()
    assert scene.destination is not None
    discards = scene.destination.discards
    assert [record.position for each in discards for record in each.records] == ["3", "6"]
    assert {each.record["requestContext"]["condition"] for each in discards} == {"DESERIALIZATION_ERROR"}
    assert all("responseContext" not in each.record for each in discards)
    assert scene.functions.batches == ([[1, 2], [4, 5], [7]] if admitted else [])
    settled = "delivered" if admitted else "filtered"
    assert scene.source.outcomes() == {n: "rejected" if n % 3 == 0 else settled for n in numbers}


async def test_a_record_that_is_old_by_its_producers_clock_takes_none_before_it_along_in_a_crash() -> None:
    """Kafka's timestamps need not rise: what is given up for its age may stand behind what is still to be run."""

    async def hang(call: Call) -> None:
        await asyncio.Event().wait()

    async with StreamScene(hang, maximum_record_age=60) as scene:
        numbers = scene.send(1)
        scene.stream.send("{}", arrived=now() - 61)
        numbers += scene.send(1)
        await scene.quiet(10)
        await scene.kill()
    async with StreamScene(succeed, maximum_record_age=60, before=scene) as after:
        await after.quiet(20)
    assert numbers_of(after.functions.calls) == numbers
