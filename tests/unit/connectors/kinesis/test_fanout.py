"""Enhanced fan-out against a client that says what no local server can be brought to say: taking over, trimming, ends, errors midway."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from botocore.exceptions import EventStreamError

from connectors.aws import client as aws_client
from connectors.contract import Record, SourceError, Throttled, Unreachable
from connectors.kinesis import fanout
from connectors.kinesis.source import KinesisOptions, KinesisSource
from connectors.shards.positions import END
from connectors.testing import MemoryCheckpoints, StreamRig
from connectors.testing.steps import settled
from tests.fakes.aws import FakeAws, at

ARN = "arn:aws:kinesis:us-east-1:000000000000:stream/clicks"
CONSUMER = f"{ARN}/consumer/mine:1700000000"
SHARD = {"ShardId": "shard-1", "SequenceNumberRange": {"StartingSequenceNumber": "0"}}


class Events:
    """What the client gives for one subscription: these events, or errors, then its end; with ``open`` it never ends by itself."""

    def __init__(self, *events: dict[str, Any] | Exception, open: bool = False) -> None:  # noqa: A002 - the name of what it stands for
        self.left = list(events)
        self.open = open
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[dict[str, Any]]:
        while self.left:
            event = self.left.pop(0)
            if isinstance(event, Exception):
                raise event
            yield {"SubscribeToShardEvent": event}
        if self.open and not self.closed:
            await asyncio.sleep(1000)

    def close(self) -> None:
        self.closed = True


class Rig(StreamRig):
    """One consumer of one stream."""

    def stream(self) -> KinesisSource:
        return KinesisSource(KinesisOptions(stream="clicks", consumer="mine", endpoint_url="http://127.0.0.1:1"))

    async def send(self, messages: Sequence[object]) -> None:
        raise AssertionError("nobody sends")


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> FakeAws:
    aws = FakeAws(monkeypatch)
    aws.answers = {
        "describe_stream_summary": {"StreamDescriptionSummary": {"StreamARN": ARN, "StreamStatus": "ACTIVE"}},
        "describe_stream_consumer": {"ConsumerDescription": {"ConsumerARN": CONSUMER, "ConsumerStatus": "ACTIVE"}},
        "list_shards": {"Shards": [SHARD]},
    }
    return aws


def subscriptions(aws: FakeAws, *answers: Events | Exception) -> None:
    """What one call after the other is answered with."""
    left = list(answers)

    def subscribe(_request: dict[str, Any]) -> dict[str, Any]:
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return {"EventStream": answer}

    aws.answers["subscribe_to_shard"] = subscribe


def event(*numbers: int, behind: str | None = None, **more: Any) -> dict[str, Any]:
    records = [
        {"SequenceNumber": str(n), "PartitionKey": "key", "Data": b"data", "ApproximateArrivalTimestamp": at(n)}
        for n in numbers
    ]
    return {"Records": records, "ContinuationSequenceNumber": behind, "MillisBehindLatest": 0, **more}


def failure(code: str) -> EventStreamError:
    """What the client raises when an error comes as an event."""
    return EventStreamError({"Error": {"Code": code, "Message": "words"}}, "SubscribeToShard")


async def opened(aws: FakeAws, checkpoints: MemoryCheckpoints | None = None) -> KinesisSource:
    rig = Rig()
    rig.checkpoints = checkpoints or rig.checkpoints
    source = rig.stream()
    source.read_as(rig.reader())
    await source.open()
    return source


def places(aws: FakeAws) -> list[dict[str, Any]]:
    return [request["StartingPosition"] for request in aws.of("subscribe_to_shard")]


def positions(records: Sequence[Record]) -> list[str]:
    return [record.position for record in records]


async def test_the_next_subscription_goes_on_behind_what_the_last_event_said(aws: FakeAws) -> None:
    """Further than the last record, for there may have been none for days."""
    subscriptions(aws, Events(event(1, 2, behind="2"), event(behind="7")), Events(event(8, behind="8"), open=True))
    source = await opened(aws)
    assert positions(await source.fetch(10, 1)) == ["1", "2"]
    assert positions(await source.fetch(10, 1)) == ["8"]
    assert places(aws) == [{"Type": "TRIM_HORIZON"}, {"Type": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": "7"}]
    assert {request["ConsumerARN"] for request in aws.of("subscribe_to_shard")} == {CONSUMER}
    await source.close()


async def test_an_event_without_anything_to_be_continued_at_is_the_last_of_its_shard(aws: FakeAws) -> None:
    last = Events(event(1, 2, ChildShards=[{"ShardId": "shard-2"}]), open=True)
    subscriptions(aws, last)
    checkpoints = MemoryCheckpoints()
    source = await opened(aws, checkpoints)
    records = await source.fetch(10, 1)
    assert last.closed
    child = {**SHARD, "ShardId": "shard-2", "ParentShardId": "shard-1"}
    aws.answers["list_shards"] = {"Shards": [SHARD, child]}
    subscriptions(aws, Events(event(3, behind="3"), open=True))
    assert await source.fetch(10, 0.05) == []
    await source.settle(settled(records))
    assert checkpoints.kept == {"shard-1": END}
    (record,) = await source.fetch(10, 1)
    assert (record.partition, record.position) == ("shard-2", "3")
    await source.close()


async def test_a_subscription_that_somebody_else_has_is_taken_over_five_seconds_later(aws: FakeAws) -> None:
    subscriptions(aws, failure("ResourceInUseException"), Events(event(1, behind="1"), open=True))
    source = await opened(aws)
    with pytest.raises(Throttled, match="somebody else reads shard-1 as consumer mine, it seems, or did so") as raised:
        await source.fetch(10, 30)
    assert raised.value.retry_after == pytest.approx(5, abs=0.1)
    assert len(places(aws)) == 1
    await asyncio.sleep(5)
    assert positions(await source.fetch(10, 30)) == ["1"]
    await source.close()


async def test_a_subscription_that_is_taken_away_is_told(aws: FakeAws) -> None:
    taken = Events(event(1, behind="1"), failure("ResourceInUseException"))
    subscriptions(aws, taken, Events(event(2, behind="2"), open=True))
    source = await opened(aws)
    assert positions(await source.fetch(10, 1)) == ["1"]
    with pytest.raises(Throttled, match="somebody else reads shard-1"):
        await source.fetch(10, 30)
    assert taken.closed
    await asyncio.sleep(5)
    assert positions(await source.fetch(10, 30)) == ["2"]
    await source.close()


async def test_what_fails_midway_goes_on_where_it_was(aws: FakeAws) -> None:
    subscriptions(aws, Events(event(1, behind="4"), failure("InternalFailureException")), Events(event(5, behind="5")))
    source = await opened(aws)
    assert positions(await source.fetch(10, 1)) == ["1"]
    with pytest.raises(SourceError, match="answered InternalFailureException: words"):
        await source.fetch(10, 1)
    assert positions(await source.fetch(10, 1)) == ["5"]
    assert places(aws)[1] == {"Type": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": "4"}
    await source.close()


async def test_a_server_that_ends_subscriptions_at_once_is_not_asked_without_end(aws: FakeAws) -> None:
    subscriptions(aws, *(Events() for _ in range(10)))
    source = await opened(aws)
    with pytest.raises(SourceError, match="has ended the subscription of shard-1"):
        await source.fetch(10, 30)
    assert len(places(aws)) == 1
    await source.close()


async def test_records_behind_a_checkpoint_that_are_gone_are_told(aws: FakeAws) -> None:
    checkpoints = MemoryCheckpoints()
    await checkpoints.save({"shard-1": "17"})
    subscriptions(aws, failure("InvalidArgumentException"), Events(event(99, behind="99"), open=True))
    source = await opened(aws, checkpoints)
    assert positions(await source.fetch(10, 1)) == ["99"]
    assert [moved[:2] for moved in checkpoints.moves] == [("shard-1", "TRIM_HORIZON")]
    await source.close()


async def test_latest_is_subscribed_to_before_opening_is_over(aws: FakeAws) -> None:
    events = Events(event(1, behind="1"), open=True)
    subscriptions(aws, events)
    rig = Rig()
    source = rig.stream()
    source.read_as(rig.reader("LATEST"))
    await source.open()
    assert places(aws) == [{"Type": "LATEST"}]
    assert positions(await source.fetch(10, 1)) == ["1"]
    assert len(places(aws)) == 1
    await source.close()
    assert events.closed
    assert aws.users == 0


async def test_silence_for_longer_than_the_server_allows_itself_is_an_outage(aws: FakeAws) -> None:
    subscriptions(aws, Events(event(1, behind="1"), open=True))
    source = await opened(aws)
    assert positions(await source.fetch(10, 1)) == ["1"]
    began = asyncio.get_running_loop().time()
    with pytest.raises(Unreachable, match="did not answer in time"):
        await source.fetch(10, 60)
    assert asyncio.get_running_loop().time() - began == pytest.approx(30, abs=0.1)
    await source.close()


async def test_a_consumer_that_is_still_being_made_is_missing(aws: FakeAws) -> None:
    found = {"ConsumerARN": CONSUMER, "ConsumerStatus": "CREATING"}
    aws.answers["describe_stream_consumer"] = {"ConsumerDescription": found}
    with pytest.raises(SourceError, match="is still making consumer mine"):
        await opened(aws)
    assert aws.users == 0


async def test_a_shard_that_is_gone_is_looked_for_and_the_others_go_on(aws: FakeAws) -> None:
    other = {**SHARD, "ShardId": "shard-2"}
    aws.answers["list_shards"] = {"Shards": [SHARD, other]}

    def subscribe(request: dict[str, Any]) -> dict[str, Any]:
        if request["ShardId"] == "shard-1":
            aws.answers["list_shards"] = {"Shards": [other]}
            raise failure("ResourceNotFoundException")
        return {"EventStream": Events(event(1, behind="1"), open=True)}

    aws.answers["subscribe_to_shard"] = subscribe
    source = await opened(aws)
    (record,) = await source.fetch(10, 5)
    assert record.partition == "shard-2"
    assert await source.fetch(10, 5) == []
    assert len([request for request in aws.of("subscribe_to_shard") if request["ShardId"] == "shard-1"]) == 1
    await source.close()


def test_patience_of_a_connection_is_not_shorter_than_that_of_an_event() -> None:
    """The client's own limit counts from byte to byte, and would come first."""
    assert aws_client.LONGEST_POLL + aws_client.ANSWER_SECONDS >= fanout.SILENCE
