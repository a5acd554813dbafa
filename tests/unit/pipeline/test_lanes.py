"""One batch of a lane in flight; after a failure nobody overtakes."""

from __future__ import annotations

from poller.pipeline.lanes import Lanes


async def test_batches_without_a_lane_never_wait() -> None:
    lanes = Lanes()
    turns = [lanes.enter(None) for _ in range(3)]
    assert [turn.come.result() for turn in turns] == [True, True, True]
    for turn in turns:
        turn.leave(failed=True)
    assert len(lanes) == 0


async def test_lanes_run_side_by_side_and_a_lane_one_after_the_other() -> None:
    lanes = Lanes()
    first, second, other = lanes.enter("A"), lanes.enter("A"), lanes.enter("B")
    assert first.come.done()
    assert other.come.done()
    assert not second.come.done()
    first.leave(failed=False)
    assert second.come.result() is True
    second.leave(failed=False)
    other.leave(failed=False)
    assert len(lanes) == 0


async def test_after_a_failure_those_behind_are_turned_away() -> None:
    lanes = Lanes()
    turns = [lanes.enter("A") for _ in range(3)]
    turns[0].leave(failed=True)
    assert [turn.come.result() for turn in turns[1:]] == [False, False]
    for turn in turns[1:]:
        turn.leave(failed=True)
    assert lanes.enter("A").come.result() is True


async def test_who_gives_up_waiting_does_not_hold_up_the_others() -> None:
    lanes = Lanes()
    first, second, third = (lanes.enter("A") for _ in range(3))
    second.come.cancel()
    second.leave(failed=True)
    first.leave(failed=False)
    assert third.come.result() is True
