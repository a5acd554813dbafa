"""The source is told of every outcome, in few calls, until it has answered."""

from __future__ import annotations

import asyncio

import pytest

from connectors.contract import Outcome, Record, Settlement, Unreachable, Unsettled
from poller.observe.events import Fact, RecordsSettled, RecordsUnsettledError
from poller.pipeline.lease import LeaseKeeper
from poller.pipeline.link import Link
from poller.pipeline.settle import AT_ONCE, ATTEMPTS, Settler
from tests.fakes.source import FakeSource
from tests.fakes.virtual_time import LoopClock


def settler(source: FakeSource) -> tuple[Settler, LeaseKeeper, list[Fact]]:
    facts: list[Fact] = []
    link = Link("m", source, LoopClock(), facts.append)
    leases = LeaseKeeper("m", link, LoopClock(), facts.append)
    return Settler("m", link, leases, LoopClock(), facts.append), leases, facts


def delivered(*names: str) -> list[Settlement]:
    return [Settlement(Record(id=name, body=""), Outcome.DELIVERED) for name in names]


async def test_the_source_learns_of_each_record_and_the_lease_ends_with_it() -> None:
    source = FakeSource()
    settle, leases, facts = settler(source)
    settlements = delivered("a", "b")
    leases.hold(settlement.record for settlement in settlements)
    await settle.settle(settlements)
    assert source.outcomes() == {"a": Outcome.DELIVERED, "b": Outcome.DELIVERED}
    assert len(leases) == 0
    assert [(fact.outcome, fact.count) for fact in facts if isinstance(fact, RecordsSettled)] == [("delivered", 2)]


async def test_an_unreachable_source_is_told_when_it_is_back_and_the_lease_is_kept_meanwhile() -> None:
    source = FakeSource()
    settle, leases, _ = settler(source)
    source.faults["settle"] = [Unreachable("gone")] * 4
    settlements = delivered("a")
    leases.hold([settlements[0].record])
    task = asyncio.create_task(settle.settle(settlements))
    await asyncio.sleep(0.1)
    assert len(leases) == 1
    await task
    assert source.outcomes() == {"a": Outcome.DELIVERED}


async def test_a_refusal_that_may_pass_is_tried_again_and_counted() -> None:
    source = FakeSource()
    settle, _, facts = settler(source)
    tries = iter(range(100))
    source.unsettled = lambda s: Unsettled(s, "internal error", retry=True) if next(tries) < 2 else None
    await settle.settle(delivered("a"))
    assert source.outcomes() == {"a": Outcome.DELIVERED}
    refusals = [fact for fact in facts if isinstance(fact, RecordsUnsettledError)]
    assert [fact.final for fact in refusals] == [False, False]


async def test_a_refusal_that_never_passes_ends_after_some_attempts_as_a_known_duplicate() -> None:
    source = FakeSource()
    settle, _, facts = settler(source)
    source.unsettled = lambda s: Unsettled(s, "internal error", retry=True)
    await settle.settle(delivered("a"))
    assert sum(isinstance(fact, RecordsUnsettledError) for fact in facts) == ATTEMPTS + 1
    assert facts[-1] == RecordsUnsettledError(mapping="m", count=1, reason="internal error", final=True)


async def test_an_expired_handle_is_final_at_once_and_does_not_harm_the_others() -> None:
    source = FakeSource()
    settle, _, facts = settler(source)
    source.unsettled = lambda s: Unsettled(s, "expired", retry=False) if s.record.id == "b" else None
    await settle.settle(delivered("a", "b", "c"))
    assert set(source.outcomes()) == {"a", "c"}
    assert facts[-1] == RecordsUnsettledError(mapping="m", count=1, reason="expired", final=True)


async def test_settlements_gather_while_the_source_is_busy() -> None:
    source = FakeSource()
    settle, _, _ = settler(source)
    calls = []
    tell = source.settle

    async def slow(settlements: list[Settlement]) -> list[Unsettled]:
        calls.append(len(settlements))
        await asyncio.sleep(1)
        return await tell(settlements)

    source.settle = slow  # type: ignore[method-assign,assignment]  # a slower self
    await asyncio.gather(*(settle.settle(delivered(str(n))) for n in range(100)))
    assert sum(calls) == 100
    assert len(calls) <= AT_ONCE + 1
    assert len(source.outcomes()) == 100


async def test_a_cancelled_caller_still_has_its_outcome_told() -> None:
    source = FakeSource()
    settle, _, _ = settler(source)
    source.faults["settle"] = [1.0]
    task = asyncio.create_task(settle.settle(delivered("a")))
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert source.outcomes() == {"a": Outcome.DELIVERED}


async def test_closing_gives_up_on_a_source_that_does_not_answer() -> None:
    source = FakeSource()
    settle, _, _ = settler(source)
    source.faults["settle"] = [1e9]
    task = asyncio.create_task(settle.settle(delivered("a")))
    await asyncio.sleep(0.1)
    await settle.close()
    await task
    assert source.outcomes() == {}
