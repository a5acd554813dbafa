from __future__ import annotations

from typing import Any

import pytest

from connectors.contract import Identity, Missing, OptionsError, Outcome, Reader, Settlement, Unreachable
from connectors.dynamodb_streams import DynamodbStreamsOptions, DynamodbStreamsSource, StreamName, parse_stream
from connectors.testing import MemoryCheckpoints
from tests.fakes.aws import FakeAws, at

ARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/orders/stream/2026-05-11T21:21:33.291"
NEWER = ARN.replace("05-11", "06-11")


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> FakeAws:
    fake = FakeAws(monkeypatch)
    fake.answers["describe_table"] = {"Table": {"LatestStreamArn": ARN}}
    fake.answers["describe_stream"] = described({"ShardId": "s1"})
    fake.answers["get_shard_iterator"] = {"ShardIterator": "first"}
    fake.answers["get_records"] = {"Records": [], "NextShardIterator": "next"}
    return fake


def described(*shards: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"StreamDescription": {"Shards": list(shards), **more}}


def record(number: int, key: Any = None, moment: float = 1733418659.0) -> dict[str, Any]:
    return {
        "eventID": f"event {number}",
        "eventName": "INSERT",
        "dynamodb": {
            "ApproximateCreationDateTime": at(moment),
            "Keys": key or {"id": {"S": "1"}},
            "SequenceNumber": str(number),
        },
    }


def dynamodb(
    checkpoints: MemoryCheckpoints | None = None, start: str = "TRIM_HORIZON", **options: Any
) -> DynamodbStreamsSource:
    async def revoke(_partitions: object) -> None:
        raise AssertionError("nothing is revoked")

    named = options or {"table": "orders"}
    source = DynamodbStreamsSource(DynamodbStreamsOptions(endpoint_url="http://127.0.0.1:4566", **named))
    source.read_as(Reader("reader", start, None, checkpoints or MemoryCheckpoints(), revoke))
    return source


@pytest.mark.parametrize(
    ("options", "stream"),
    [({"table": "orders"}, StreamName("orders")), ({"stream": ARN}, StreamName("orders", ARN, "eu-west-1"))],
)
def test_a_stream_is_called_by_its_table_or_by_arn(options: dict[str, Any], stream: StreamName) -> None:
    assert parse_stream(DynamodbStreamsOptions(**options)) == stream


@pytest.mark.parametrize(
    ("options", "field", "message"),
    [
        ({}, "table", "name the table, or its stream by ARN"),
        ({"table": "orders", "stream": ARN}, "stream", "the table is named already: leave one of the two out"),
        ({"table": "no spaces"}, "table", "'no spaces' cannot be the name of a table: 3 to 255 letters, digits"),
        ({"stream": "orders"}, "stream", "'orders' is not the ARN of a table's stream: arn:aws:dynamodb:REGION:ACC"),
        ({"stream": ARN.partition("/stream")[0]}, "stream", "is not the ARN of a table's stream: arn:aws:dynamodb:"),
        ({"stream": "arn:aws:kinesis:eu-west-1:123456789012:stream/x"}, "stream", "something else (kinesis), not of a"),
    ],
)
def test_what_can_never_be_a_stream_is_refused(options: dict[str, Any], field: str, message: str) -> None:
    with pytest.raises(OptionsError) as raised:
        parse_stream(DynamodbStreamsOptions(**options))
    assert raised.value.field == field
    assert message in str(raised.value)


@pytest.mark.parametrize("options", [{"table": "orders"}, {"stream": ARN}])
def test_real_aws_is_not_contacted_unless_told_to(options: dict[str, Any]) -> None:
    with pytest.raises(OptionsError, match=r"of real AWS.*allow_aws: true"):
        DynamodbStreamsSource(DynamodbStreamsOptions(**options))
    DynamodbStreamsSource(DynamodbStreamsOptions(**options, allow_aws=True))


async def test_a_table_leads_to_its_latest_stream(aws: FakeAws) -> None:
    source = dynamodb()
    assert await source.open() == Identity(
        arn=ARN,
        region="eu-west-1",
        label="account 123456789012, region eu-west-1, stream of table orders, at http://127.0.0.1:4566",
    )
    assert aws.of("describe_table") == [{"TableName": "orders"}]
    assert aws.of("describe_stream") == [{"StreamArn": ARN}]
    await source.close()
    assert aws.users == 0


async def test_a_stream_named_by_arn_needs_no_table(aws: FakeAws) -> None:
    source = dynamodb(stream=ARN)
    assert (await source.open()).arn == ARN
    assert aws.of("describe_table") == []
    await source.close()
    assert aws.users == 0


async def test_a_table_without_a_stream_says_how_to_get_one(aws: FakeAws) -> None:
    aws.answers["describe_table"] = {"Table": {}}
    with pytest.raises(Missing, match=r"table orders has no stream: switch it on \(StreamSpecification"):
        await dynamodb().open()
    assert aws.users == 0


async def test_shards_are_listed_to_the_last_page(aws: FakeAws) -> None:
    pages = [described({"ShardId": "s1"}, LastEvaluatedShardId="s1"), described({"ShardId": "s2"})]
    aws.answers["describe_stream"] = lambda _request: pages.pop(0)
    source = dynamodb()
    await source.open()
    await source.fetch(10, 0)
    assert aws.of("describe_stream")[1] == {"StreamArn": ARN, "ExclusiveStartShardId": "s1"}
    assert {request["ShardId"] for request in aws.of("get_shard_iterator")} == {"s1", "s2"}
    await source.close()


async def test_a_record_is_described_as_the_service_has_it(aws: FakeAws) -> None:
    found = record(17, {"sort": {"N": "1"}, "id": {"B": b"\x01\x02"}})
    aws.answers["get_records"] = {"Records": [found], "NextShardIterator": "next"}
    source = dynamodb()
    await source.open()
    (one,) = await source.fetch(10, 0)
    assert (one.id, one.position, one.partition, one.lane, one.body) == ("17", "17", "s1", "s1", b"")
    assert one.key == '{"id":{"B":"AQI="},"sort":{"N":"1"}}'
    assert one.arrived == 1733418659.0
    assert one.metadata == found
    await source.close()


async def test_from_latest_on_after_a_restart_what_came_before_the_first_opening_is_left_out(aws: FakeAws) -> None:
    checkpoints = MemoryCheckpoints()
    aws.answers["describe_stream"] |= {"ResponseMetadata": {"HTTPHeaders": {"date": "Wed, 25 Nov 2026 03:14:12 GMT"}}}
    source = dynamodb(checkpoints, "LATEST")
    await source.open()
    assert aws.of("get_shard_iterator")[0]["ShardIteratorType"] == "LATEST"
    assert checkpoints.kept == {"s1": "AT_TIMESTAMP 1795576452.0"}
    pages = [
        {"Records": [record(1, moment=1795576451), record(2, moment=1795576451)], "NextShardIterator": "next"},
        {"Records": [record(3, moment=1795576451), record(4, moment=1795576452)], "NextShardIterator": "next"},
    ]
    aws.answers["get_records"] = lambda _request: pages.pop(0)
    await source.open()
    found = await source.fetch(10, 5)
    assert [one.id for one in found] == ["4"]
    assert aws.of("get_shard_iterator")[1]["ShardIteratorType"] == "TRIM_HORIZON"
    await source.settle([Settlement(found[0], Outcome.DELIVERED)])
    assert checkpoints.kept == {"s1": "4"}
    await source.close()


async def test_shards_are_polled_four_times_a_second_or_as_told(aws: FakeAws) -> None:
    for source, reads in ((dynamodb(), 8), (dynamodb(table="orders", poll_seconds=0.95), 3)):
        await source.open()
        aws.calls.clear()
        assert await source.fetch(10, 1.94) == []
        assert len(aws.of("get_records")) == reads
        await source.close()


async def test_trimmed_records_move_the_checkpoint_and_say_so(aws: FakeAws) -> None:
    checkpoints = MemoryCheckpoints()
    checkpoints.kept["s1"] = "17"
    source = dynamodb(checkpoints)
    await source.open()
    aws.fail("get_shard_iterator", "TrimmedDataAccessException")
    refuse = aws.answers["get_shard_iterator"]
    aws.answers["get_shard_iterator"] = lambda request: (
        refuse(request) if "SequenceNumber" in request else {"ShardIterator": "first"}
    )
    await source.fetch(10, 0)
    assert [moved[:2] for moved in checkpoints.moves] == [("s1", "TRIM_HORIZON")]
    await source.close()


async def test_when_the_stream_is_read_to_its_end_the_tables_next_one_is_opened(aws: FakeAws) -> None:
    closed = {"ShardId": "s1", "SequenceNumberRange": {"StartingSequenceNumber": "1", "EndingSequenceNumber": "9"}}
    aws.answers["describe_stream"] = described(closed)
    aws.answers["get_records"] = {"Records": [record(9)]}
    source = dynamodb()
    await source.open()
    aws.answers["describe_table"] = {"Table": {"LatestStreamArn": NEWER}}
    found = await source.fetch(10, 0)
    assert await source.fetch(10, 1) == [], "not before all of the old one is settled"
    await source.settle([Settlement(one, Outcome.DELIVERED) for one in found])
    with pytest.raises(Unreachable, match="table orders has a new stream, and the old one is read to its end"):
        await source.fetch(10, 1)
    assert (await source.open()).arn == NEWER
    await source.close()


async def test_a_stream_that_is_over_without_a_next_one_is_no_error(aws: FakeAws) -> None:
    closed = {"ShardId": "s1", "SequenceNumberRange": {"StartingSequenceNumber": "1", "EndingSequenceNumber": "9"}}
    aws.answers["describe_stream"] = described(closed)
    aws.answers["get_records"] = {"Records": []}
    for source in (dynamodb(), dynamodb(stream=ARN)):
        await source.open()
        assert await source.fetch(10, 1) == []
        assert await source.fetch(10, 1) == []
        await source.close()


async def test_a_stream_that_has_gone_is_looked_for_anew_when_the_table_was_named(aws: FakeAws) -> None:
    by_table, by_arn = dynamodb(), dynamodb(stream=ARN)
    await by_table.open()
    await by_arn.open()
    for verb in ("get_records", "get_shard_iterator", "describe_stream"):
        aws.fail(verb, "ResourceNotFoundException")
    with pytest.raises(Unreachable, match="the stream of table orders has gone: looking for its latest"):
        await by_table.fetch(10, 5)
    with pytest.raises(Missing, match="has no stream of table orders in eu-west-1"):
        await by_arn.fetch(10, 5)
    await by_table.close()
    await by_arn.close()
