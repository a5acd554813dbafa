"""Failure records while their destination is away: who waits, and what is told of it."""

from __future__ import annotations

from connectors.contract import Refused, Unreachable
from poller.execution.contract import Status
from poller.observe.events import DestinationFailedError, DestinationRecovered
from tests.fakes.stream_scene import Call, StreamScene


async def fail(call: Call) -> Status:
    return Status.ERROR


async def test_an_outage_of_the_destination_is_told_once_by_all_lanes_and_anew_when_its_reason_changes() -> None:
    async with StreamScene(fail, partitions=3, destination=True, maximum_retry_attempts=0) as scene:
        assert scene.destination is not None
        scene.destination.faults = [Refused("no")] * 4 + [Unreachable("away")] * 2
        for partition in range(3):
            scene.send(1, partition=partition)
        await scene.quiet(0.2)
        assert scene.mapping.discards.waiting == 3
        await scene.quiet()
        facts = scene.facts_of(DestinationFailedError)
        assert [(fact.kind, fact.known) for fact in facts if not fact.known] == [
            ("Refused", False),
            ("Unreachable", False),
        ]
        assert len(facts) == 6
        scene.destination.faults = [Refused("no")]
        scene.send(1, partition=0)
        await scene.quiet()
        assert not scene.facts_of(DestinationFailedError)[-1].known
    assert len(scene.facts_of(DestinationRecovered)) == 2


async def test_what_waits_for_the_destination_waits_no_more_when_its_partition_goes() -> None:
    async with StreamScene(fail, destination=True, maximum_retry_attempts=0) as scene:
        assert scene.destination is not None
        scene.destination.faults = [Refused("no")] * 99
        scene.send(1)
        await scene.quiet(0.2)
        assert scene.mapping.discards.trouble
        await scene.source.give_up(scene.stream.partitions[0])
        assert (scene.mapping.discards.trouble, scene.mapping.discards.waiting) == ("", 0)
