"""What the conformance kit cannot ask of every stream: features and failures of DynamoDB Streams, on real servers.

What the servers do differently from DynamoDB itself. All: a stream has one shard that never ends. MiniStack: that shard has the same name
in every stream, and a sequence number without a record counts as trimmed. moto: one stream of a table at a time. dynoxide 3.2.0:
likewise, one that is switched off is gone at once; its region is called dynoxide; the shard has an EndingSequenceNumber, like one that is
closed, as soon as there is a record in it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from connectors.contract import Missing, Source, Unreachable
from connectors.dynamodb_streams import DynamodbStreamsOptions, DynamodbStreamsSource
from connectors.testing import Message, opened, receive, unsettled
from connectors.testing.steps import settled
from tests.aws_clients import client_of
from tests.contract.dynamodb_rig import DynamodbRig, dynamodb_rig
from tests.servers import Server
from tests.streams import make_table

pytestmark = [pytest.mark.server, pytest.mark.timeout(120, func_only=True)]  # a server may have to be built first

PATIENCE = 30.0


@pytest.fixture(scope="module", params=["ministack", "moto", "dynoxide"])
def server(request: pytest.FixtureRequest) -> Server:
    found: Server = request.getfixturevalue(request.param)
    return found


@pytest.fixture
async def rig(server: Server) -> AsyncIterator[DynamodbRig]:
    async with dynamodb_rig(server) as rig:
        yield rig


@pytest.fixture
async def mini(ministack: Server) -> AsyncIterator[DynamodbRig]:
    async with dynamodb_rig(ministack) as rig:
        yield rig


async def fetch_on(source: Source) -> None:
    while True:
        await source.fetch(10, 5)


async def test_table_and_arn_are_the_same_stream(rig: DynamodbRig) -> None:
    arn = await rig.table.stream_arn()
    async with opened(rig) as source:
        by_table = await source.open()
    options = DynamodbStreamsOptions(stream=arn, endpoint_url=f"http://127.0.0.1:{rig.relay.port}")
    by_arn = DynamodbStreamsSource(options)
    by_arn.read_as(rig.reader())
    assert await by_arn.open() == by_table
    assert by_table.arn == arn
    assert by_table.region == arn.split(":")[3]
    assert f"region {by_table.region}, stream of table {rig.table.name}, at http://" in by_table.label
    await rig.table.put("key", "body")
    assert len(await receive(by_arn, 1, PATIENCE)) == 1
    await by_arn.close()


async def test_changes_of_an_item_come_in_order_under_its_key(rig: DynamodbRig) -> None:
    await rig.table.put("one", "first", blob={"B": b"\x00\xff"}, tags={"SS": ["a", "b"]})
    await rig.table.put("two", "other")
    await rig.table.put("one", "second")
    await rig.table.client.delete_item(TableName=rig.table.name, Key={"id": {"S": "one"}})
    async with opened(rig) as source:
        records = await receive(source, 4, PATIENCE)
    one = [record for record in records if record.key == '{"id":{"S":"one"}}']
    assert [record.metadata["eventName"] for record in one] == ["INSERT", "MODIFY", "REMOVE"]
    assert {record.metadata["eventSource"] for record in records} == {"aws:dynamodb"}
    first = one[0].metadata["dynamodb"]
    assert first["NewImage"]["blob"] == {"B": b"\x00\xff"}
    assert first["Keys"] == {"id": {"S": "one"}}
    assert one[0].id == one[0].position == first["SequenceNumber"]
    assert (one[0].body, one[0].metadata["dynamodb"]["StreamViewType"]) == (b"", "NEW_AND_OLD_IMAGES")


async def test_a_table_without_a_stream_is_missing_one_until_it_is_switched_on(rig: DynamodbRig) -> None:
    table = await make_table(rig.table.client, stream=False)
    options = DynamodbStreamsOptions(table=table.name, endpoint_url=f"http://127.0.0.1:{rig.relay.port}")
    source = DynamodbStreamsSource(options)
    source.read_as(rig.reader())
    with pytest.raises(Missing, match=f"table {table.name} has no stream: switch it on"):
        await source.open()
    await table.switch(on=True)
    await source.open()
    await table.put("key", "body")
    assert len(await receive(source, 1, PATIENCE)) == 1
    await source.close()
    await table.delete()


async def test_a_table_that_does_not_exist_is_missing_until_it_does(rig: DynamodbRig) -> None:
    name = rig.table.name
    await rig.table.delete()
    source = rig.source()
    with pytest.raises(Missing, match=f"has no table {name} in us-east-1"):
        await source.open()
    await make_table(rig.table.client, name)
    await source.open()
    await rig.table.put("key", "body")
    assert len(await receive(source, 1, PATIENCE)) == 1
    await source.close()


async def test_a_table_that_is_made_anew_while_it_is_read_is_read_from_its_new_stream(mini: DynamodbRig) -> None:
    async with opened(mini) as source:
        await mini.send([Message("before 0"), Message("before 1")])
        await source.settle(settled(await receive(source, 2, PATIENCE)))
        await mini.table.delete()
        await asyncio.sleep(0.01)  # a stream is named by the millisecond
        await make_table(mini.table.client, mini.table.name)
        await mini.send([Message("after 0")])
        with pytest.raises(Unreachable, match="has gone: looking for its latest"):
            await asyncio.wait_for(fetch_on(source), PATIENCE)
        assert (await source.open()).arn == await mini.table.stream_arn()
        assert mini.texts(await receive(source, 1, PATIENCE)) == ["after 0"]
    assert [moved[1] for moved in mini.checkpoints.moves] == ["TRIM_HORIZON"]


async def test_trimmed_records_are_told_and_reading_goes_on_with_the_oldest(mini: DynamodbRig) -> None:
    await mini.send([Message(f"message {n}") for n in range(3)])
    async with opened(mini) as source:
        (first, *_) = await receive(source, 3, PATIENCE)
    mini.checkpoints.kept[first.partition] = "17"
    assert await unsettled(mini, PATIENCE) == [f"message {n}" for n in range(3)]
    (moved,) = mini.checkpoints.moves
    assert moved[:2] == (first.partition, "TRIM_HORIZON")
    assert "17" in moved[2]


async def test_many_streams_of_one_server_are_read_at_once(mini: DynamodbRig, ministack: Server) -> None:
    async with client_of("dynamodb", ministack.url) as client:
        tables = [await make_table(client) for _ in range(10)]
        rigs = [DynamodbRig(table, mini.relay) for table in tables]
        sources = [rig.source() for rig in rigs]
        await asyncio.gather(*(source.open() for source in sources))
        for table in tables:
            await table.put("key", table.name)
        found = await asyncio.gather(*(receive(source, 1, PATIENCE) for source in sources))
        assert [mini.text(records[0]) for records in found] == [table.name for table in tables]
        for source, table in zip(sources, tables, strict=True):
            await source.close()
            await table.delete()
