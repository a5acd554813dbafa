"""A stream mapping from fetch to settle, in virtual time."""

from __future__ import annotations

import asyncio

from poller.execution.contract import Status
from tests.fakes.stream_scene import Call, StreamScene, succeed


async def test_every_record_is_delivered_once_in_order_and_the_checkpoint_is_behind_it() -> None:
    async with StreamScene(succeed) as scene:
        numbers = scene.send(95)
        await scene.quiet()
    assert [n for batch in scene.functions.batches for n in batch] == numbers
    assert max(map(len, scene.functions.batches)) == 10
    assert scene.checkpoints.saved == {scene.stream.partitions[0]: str(numbers[-1])}
    assert scene.mapping.in_hand == 0
    assert scene.mapping.last_processing_result == "OK"


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
    waits = [after.began - before.began for before, after in zip(calls[:3], calls[1:4], strict=True)]
    assert [0.375 <= waits[0] <= 0.5, 0.75 <= waits[1] <= 1.0, 1.5 <= waits[2] <= 2.0] == [True] * 3
