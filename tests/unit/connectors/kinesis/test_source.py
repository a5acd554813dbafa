from __future__ import annotations

from typing import Any

import pytest

from connectors.contract import Identity, Missing, OptionsError, Outcome, Reader, Refused, Settlement, SourceError
from connectors.kinesis.names import StreamName, parse_stream
from connectors.kinesis.source import KinesisOptions, KinesisSource
from connectors.testing import MemoryCheckpoints
from tests.aggregates import pack
from tests.fakes.aws import FakeAws, at

ARN = "arn:aws:kinesis:eu-west-1:123456789012:stream/clicks"
HALF = 2**127


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> FakeAws:
    fake = FakeAws(monkeypatch)
    fake.answers["describe_stream_summary"] = {"StreamDescriptionSummary": {"StreamARN": ARN, "StreamStatus": "ACTIVE"}}
    fake.answers["list_shards"] = {"Shards": [shard("s1", 0, 2 * HALF - 1)]}
    fake.answers["get_shard_iterator"] = {"ShardIterator": "first"}
    fake.answers["get_records"] = {"Records": [], "NextShardIterator": "next", "MillisBehindLatest": 0}
    return fake


def shard(name: str, first: int, last: int) -> dict[str, Any]:
    keys = {"StartingHashKey": str(first), "EndingHashKey": str(last)}
    return {"ShardId": name, "HashKeyRange": keys, "SequenceNumberRange": {"StartingSequenceNumber": "1"}}


def record(number: str, data: bytes, key: str = "key") -> dict[str, Any]:
    return {
        "SequenceNumber": number,
        "ApproximateArrivalTimestamp": at(1545084650.987),
        "Data": data,
        "PartitionKey": key,
        "EncryptionType": "KMS",
    }


def page(*records: dict[str, Any]) -> dict[str, Any]:
    return {"Records": list(records), "NextShardIterator": "next", "MillisBehindLatest": 0}


def kinesis(
    stream: str = "clicks", checkpoints: MemoryCheckpoints | None = None, start: str = "TRIM_HORIZON", **options: Any
) -> KinesisSource:
    async def revoke(_partitions: object) -> None:
        raise AssertionError("nothing is revoked")

    source = KinesisSource(KinesisOptions(stream=stream, endpoint_url="http://127.0.0.1:4566", **options))
    source.read_as(Reader("reader", start, None, checkpoints or MemoryCheckpoints(), revoke))
    return source


@pytest.mark.parametrize(
    ("text", "stream"),
    [
        ("clicks", StreamName("clicks")),
        (ARN, StreamName("clicks", ARN, "eu-west-1")),
        (ARN.replace("aws:", "aws-cn:", 1), StreamName("clicks", ARN.replace("aws:", "aws-cn:", 1), "eu-west-1")),
    ],
)
def test_a_stream_is_called_by_name_or_arn(text: str, stream: StreamName) -> None:
    assert parse_stream(text) == stream


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "'' cannot be the name of a stream: 1 to 128 letters, digits, hyphens, underscores and dots"),
        ("no spaces", "'no spaces' cannot be the name of a stream"),
        ("x" * 129, "cannot be the name of a stream"),
        ("arn:aws:sqs:eu-west-1:123456789012:clicks", "is the ARN of something else (sqs), not of a Kinesis stream"),
        ("arn:aws:kinesis:eu-west-1:123456789012", "is not the ARN of a Kinesis stream: arn:aws:kinesis:REGION:ACC"),
        ("arn:aws:kinesis:eu-west-1:123456789012:table/x", "is not the ARN of a Kinesis stream: arn:aws:kinesis:REG"),
    ],
)
def test_what_can_never_be_a_stream_is_refused(text: str, message: str) -> None:
    with pytest.raises(OptionsError) as raised:
        parse_stream(text)
    assert raised.value.field == "stream"
    assert message in str(raised.value)


def test_real_aws_is_not_contacted_unless_told_to() -> None:
    with pytest.raises(OptionsError, match=r"this is kinesis of real AWS.*allow_aws: true"):
        KinesisSource(KinesisOptions(stream="clicks"))
    KinesisSource(KinesisOptions(stream="clicks", allow_aws=True))


def test_an_arn_has_the_last_word_on_the_region() -> None:
    with pytest.raises(OptionsError, match="is us-east-1, but the source lies in eu-west-1"):
        kinesis(ARN, region="us-east-1")


async def test_opening_tells_account_region_and_stream(aws: FakeAws) -> None:
    source = kinesis()
    assert await source.open() == Identity(
        arn=ARN,
        region="eu-west-1",
        label="account 123456789012, region eu-west-1, stream clicks, at http://127.0.0.1:4566",
    )
    await source.close()
    assert aws.users == 0


async def test_an_arn_is_what_requests_name(aws: FakeAws) -> None:
    source = kinesis(ARN)
    await source.open()
    await source.fetch(10, 0)
    for verb in ("describe_stream_summary", "list_shards", "get_shard_iterator", "get_records"):
        (request,) = aws.of(verb)
        assert request["StreamARN"] == ARN
        assert "StreamName" not in request
    await source.close()


async def test_a_stream_that_is_still_being_made_is_missing_for_now(aws: FakeAws) -> None:
    aws.answers["describe_stream_summary"]["StreamDescriptionSummary"]["StreamStatus"] = "CREATING"
    source = kinesis()
    with pytest.raises(Missing, match=r"127\.0\.0\.1:4566 is still making stream clicks"):
        await source.open()
    assert aws.users == 0, "a failed open leaves nothing open"


async def test_shards_are_listed_to_the_last_page(aws: FakeAws) -> None:
    pages = [{"Shards": [shard("s1", 0, HALF)], "NextToken": "more"}, {"Shards": [shard("s2", HALF, 2 * HALF - 1)]}]
    aws.answers["list_shards"] = lambda _request: pages.pop(0)
    source = kinesis()
    await source.open()
    await source.fetch(10, 0)
    assert aws.of("list_shards") == [{"StreamName": "clicks"}, {"NextToken": "more"}]
    assert {request["ShardId"] for request in aws.of("get_shard_iterator")} == {"s1", "s2"}
    await source.close()


async def test_a_record_is_described_as_the_service_has_it(aws: FakeAws) -> None:
    aws.answers["get_records"] = page(record("17", b"\x00data", "alpha"))
    source = kinesis()
    await source.open()
    (found,) = await source.fetch(10, 0)
    assert (found.id, found.position, found.partition, found.lane) == ("17", "17", "s1", "s1")
    assert (found.body, found.key, found.arrived) == (b"\x00data", "alpha", 1545084650.987)
    assert found.metadata == {
        "SequenceNumber": "17",
        "ApproximateArrivalTimestamp": at(1545084650.987),
        "PartitionKey": "alpha",
        "EncryptionType": "KMS",
    }
    await source.close()


@pytest.mark.parametrize(
    ("position", "asked"),
    [
        ("17", {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": "17"}),
        ("AT_TIMESTAMP 1700000000.5", {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": 1700000000.5}),
        ("TRIM_HORIZON", {"ShardIteratorType": "TRIM_HORIZON"}),
    ],
)
async def test_reading_goes_on_where_the_checkpoint_says(aws: FakeAws, position: str, asked: dict[str, Any]) -> None:
    checkpoints = MemoryCheckpoints()
    checkpoints.kept["s1"] = position
    source = kinesis(checkpoints=checkpoints)
    await source.open()
    await source.fetch(10, 0)
    assert aws.of("get_shard_iterator") == [{"StreamName": "clicks", "ShardId": "s1", **asked}]
    await source.close()


async def test_latest_is_the_servers_moment(aws: FakeAws) -> None:
    headers = {"HTTPHeaders": {"date": "Wed, 25 Nov 2026 03:14:12 GMT"}}
    aws.answers["list_shards"] |= {"ResponseMetadata": headers}
    checkpoints = MemoryCheckpoints()
    source = kinesis(checkpoints=checkpoints, start="LATEST")
    await source.open()
    assert checkpoints.kept == {"s1": "AT_TIMESTAMP 1795576452.0"}
    await source.close()


async def test_an_aggregate_stays_as_it_is_unless_told_otherwise(aws: FakeAws) -> None:
    data = pack([("a", None, b"1"), ("b", None, b"2")])
    aws.answers["get_records"] = page(record("17", data))
    source = kinesis()
    await source.open()
    assert [found.body for found in await source.fetch(10, 0)] == [data]
    await source.close()


async def test_an_aggregate_is_delivered_and_settled_one_by_one(aws: FakeAws) -> None:
    data = pack([("a", 1, b"1"), ("b", 2, b"2"), ("a", 3, b"3")])
    aws.answers["get_records"] = page(record("17", data), record("18", b"plain"))
    checkpoints = MemoryCheckpoints()
    source = kinesis(checkpoints=checkpoints, kpl_deaggregation=True)
    await source.open()
    found = await source.fetch(2, 0) + await source.fetch(10, 0)
    assert [record.body for record in found] == [b"1", b"2", b"3", b"plain"]
    assert [record.id for record in found] == ["17", "17", "17", "18"]
    assert [record.position for record in found] == ["17.0", "17.1", "17.2", "18"]
    assert [record.key for record in found] == ["a", "b", "a", "key"]
    assert found[1].metadata["SequenceNumber"] == "17"
    assert (found[1].metadata["PartitionKey"], found[1].metadata["SubSequenceNumber"]) == ("b", 1)
    reached = []
    for one in found:
        await source.settle([Settlement(one, Outcome.DELIVERED)])
        reached.append(checkpoints.kept.get("s1"))
    assert reached == ["17.0", "17.1", "17", "18"]
    await source.close()


@pytest.mark.parametrize(("position", "rest"), [("17.0", [b"2", b"3", b"plain"]), ("17.1", [b"3", b"plain"])])
async def test_reading_goes_on_in_the_middle_of_an_aggregate(aws: FakeAws, position: str, rest: list[bytes]) -> None:
    data = pack([("a", 1, b"1"), ("b", 2, b"2"), ("a", 3, b"3")])
    pages = [page(), page(record("17", data), record("18", b"plain")), page(record("19", b"next"))]
    aws.answers["get_records"] = lambda _request: pages.pop(0)
    checkpoints = MemoryCheckpoints()
    checkpoints.kept["s1"] = position
    source = kinesis(checkpoints=checkpoints, kpl_deaggregation=True)
    await source.open()
    found = await source.fetch(10, 2)
    assert [one.body for one in found + await source.fetch(10, 2)] == [*rest, b"next"]
    [request] = aws.of("get_shard_iterator")
    assert (request["ShardIteratorType"], request["StartingSequenceNumber"]) == ("AT_SEQUENCE_NUMBER", "17")
    await source.settle([Settlement(found[0], Outcome.DELIVERED)])
    assert checkpoints.kept["s1"] == ("17.1" if position == "17.0" else "17")
    await source.close()


async def test_an_aggregate_that_was_half_done_comes_whole_when_it_is_not_taken_apart_any_more(aws: FakeAws) -> None:
    data = pack([("a", 1, b"1"), ("b", 2, b"2")])
    aws.answers["get_records"] = page(record("17", data))
    checkpoints = MemoryCheckpoints()
    checkpoints.kept["s1"] = "17.0"
    source = kinesis(checkpoints=checkpoints)
    await source.open()
    assert [one.body for one in await source.fetch(10, 0)] == [data]
    await source.close()


async def test_of_an_aggregate_only_what_belongs_to_its_shard_is_delivered(aws: FakeAws) -> None:
    aws.answers["list_shards"] = {"Shards": [shard("s1", 0, HALF - 1)]}
    inside, outside = 5, HALF + 5
    aws.answers["get_records"] = page(
        record("17", pack([("a", inside, b"1"), ("b", outside, b"2"), ("c", inside, b"3"), ("d", outside, b"4")])),
        record("18", pack([("e", outside, b"5")])),
    )
    checkpoints = MemoryCheckpoints()
    source = kinesis(checkpoints=checkpoints, kpl_deaggregation=True)
    await source.open()
    found = await source.fetch(10, 0)
    assert [record.body for record in found] == [b"1", b"3"]
    await source.settle([Settlement(one, Outcome.DELIVERED) for one in found])
    assert checkpoints.kept == {"s1": "17"}
    await source.close()


async def test_a_shard_that_ends_with_records_of_other_shards_is_done_all_the_same(aws: FakeAws) -> None:
    aws.answers["list_shards"] = {"Shards": [shard("s1", 0, HALF - 1)]}
    ours, theirs = pack([("a", 5, b"1")]), pack([("b", HALF, b"2")])
    aws.answers["get_records"] = {"Records": [record("17", ours), record("18", theirs)], "NextShardIterator": None}
    checkpoints = MemoryCheckpoints()
    source = kinesis(checkpoints=checkpoints, kpl_deaggregation=True)
    await source.open()
    found = await source.fetch(10, 0)
    await source.settle([Settlement(one, Outcome.DELIVERED) for one in found])
    assert checkpoints.kept == {"s1": "SHARD_END"}
    await source.close()


async def test_a_source_that_nobody_reads_is_our_own_mistake(aws: FakeAws) -> None:
    source = KinesisSource(KinesisOptions(stream="clicks", endpoint_url="http://127.0.0.1:4566"))
    with pytest.raises(RuntimeError, match="read_as"):
        await source.open()
    assert aws.users == 0


@pytest.mark.parametrize(
    ("code", "error"),
    [("AccessDeniedException", Refused), ("KMSAccessDeniedException", Refused), ("ValidationException", SourceError)],
)
async def test_what_the_service_refuses_is_an_error_of_the_contract(
    aws: FakeAws, code: str, error: type[SourceError]
) -> None:
    source = kinesis()
    await source.open()
    aws.fail("get_records", code)
    with pytest.raises(SourceError) as raised:
        await source.fetch(10, 0)
    assert type(raised.value) is error
    await source.close()


async def test_a_shard_that_is_missing_is_not_taken_for_one_that_was_trimmed(aws: FakeAws) -> None:
    checkpoints = MemoryCheckpoints()
    checkpoints.kept["s1"] = "17"
    source = kinesis(checkpoints=checkpoints)
    await source.open()
    aws.fail("get_shard_iterator", "ResourceNotFoundException")
    assert await source.fetch(10, 0) == []
    assert checkpoints.moves == []
    aws.answers["get_shard_iterator"] = {"ShardIterator": "first"}
    aws.answers["get_records"] = page(record("18", b"data"))
    assert len(await source.fetch(10, 2)) == 1
    await source.close()
