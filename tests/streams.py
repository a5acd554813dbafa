"""Streams on real servers, seen from their producers' side: make, fill, reshard. Not what is tested."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

PATIENCE = 30.0
LARGEST_BATCH = 25  # BatchWriteItem (DynamoDB API reference)


class KinesisStream:
    """One Kinesis stream of a server."""

    def __init__(self, client: Any, name: str) -> None:
        self.client = client
        self.name = name

    async def put(self, records: Sequence[tuple[bytes, str, int | None]]) -> None:
        """Append data under a partition key, each to the shard of its hash key if one is given."""
        entries = [
            {"Data": data, "PartitionKey": key, **({} if hash_key is None else {"ExplicitHashKey": str(hash_key)})}
            for data, key, hash_key in records
        ]
        for first in range(0, len(entries), 500):
            answer = await self.client.put_records(StreamName=self.name, Records=entries[first : first + 500])
            assert not answer["FailedRecordCount"], answer

    async def shards(self) -> list[dict[str, Any]]:
        """As ListShards tells them."""
        found: list[dict[str, Any]] = (await self.client.list_shards(StreamName=self.name))["Shards"]
        return found

    async def arn(self) -> str:
        answer = await self.client.describe_stream_summary(StreamName=self.name)
        return str(answer["StreamDescriptionSummary"]["StreamARN"])

    async def split(self, shard: str) -> None:
        """In the middle of its hash keys."""
        (found,) = [one for one in await self.shards() if one["ShardId"] == shard]
        first, last = (int(found["HashKeyRange"][end]) for end in ("StartingHashKey", "EndingHashKey"))
        middle = str((first + last) // 2)
        await self.client.split_shard(StreamName=self.name, ShardToSplit=shard, NewStartingHashKey=middle)
        await self.settled()

    async def merge(self, shard: str, other: str) -> None:
        await self.client.merge_shards(StreamName=self.name, ShardToMerge=shard, AdjacentShardToMerge=other)
        await self.settled()

    async def settled(self) -> None:
        """Wait until the stream is as it was asked to be."""
        async with asyncio.timeout(PATIENCE):
            while True:
                answer = await self.client.describe_stream_summary(StreamName=self.name)
                if answer["StreamDescriptionSummary"]["StreamStatus"] == "ACTIVE":
                    return
                await asyncio.sleep(0.05)

    async def delete(self) -> None:
        await self.client.delete_stream(StreamName=self.name)

    async def register(self, consumer: str) -> str:
        """Register a consumer for enhanced fan-out; its ARN, once it is there."""
        arn = await self.arn()
        answer = await self.client.register_stream_consumer(StreamARN=arn, ConsumerName=consumer)
        async with asyncio.timeout(PATIENCE):
            while True:
                found = await self.client.describe_stream_consumer(StreamARN=arn, ConsumerName=consumer)
                if found["ConsumerDescription"]["ConsumerStatus"] == "ACTIVE":
                    return str(answer["Consumer"]["ConsumerARN"])
                await asyncio.sleep(0.05)


async def make_stream(client: Any, shards: int, name: str = "") -> KinesisStream:
    """A new stream, by default with a name that nothing else has."""
    stream = KinesisStream(client, name or f"test-{uuid.uuid4().hex}")
    await client.create_stream(StreamName=stream.name, ShardCount=shards)
    await stream.settled()
    return stream


class Table:
    """One DynamoDB table with a stream."""

    def __init__(self, client: Any, name: str) -> None:
        self.client = client
        self.name = name

    async def put(self, key: str, body: str, **more: Any) -> None:
        item = {"id": {"S": key}, "body": {"S": body}, **more}
        await self.client.put_item(TableName=self.name, Item=item)

    async def put_each(self, items: Sequence[tuple[str, str]]) -> None:
        """Keys and bodies, in this order. As many in a request as it takes, each key once."""
        batch: dict[str, str] = {}
        for key, body in items:
            if key in batch or len(batch) == LARGEST_BATCH:
                await self._write(batch)
                batch = {}
            batch[key] = body
        await self._write(batch)

    async def stream_arn(self) -> str:
        return str((await self.client.describe_table(TableName=self.name))["Table"]["LatestStreamArn"])

    async def switch(self, *, on: bool) -> None:
        """The stream, off or on."""
        view = {"StreamViewType": "NEW_AND_OLD_IMAGES"} if on else {}
        await self.client.update_table(TableName=self.name, StreamSpecification={"StreamEnabled": on, **view})

    async def delete(self) -> None:
        await self.client.delete_table(TableName=self.name)

    async def _write(self, batch: Mapping[str, str]) -> None:
        if batch:
            puts = [{"PutRequest": {"Item": {"id": {"S": key}, "body": {"S": body}}}} for key, body in batch.items()]
            answer = await self.client.batch_write_item(RequestItems={self.name: puts})
            assert not answer.get("UnprocessedItems"), answer


async def make_table(client: Any, name: str = "", *, stream: bool = True) -> Table:
    """A new table, by default with a name that nothing else has."""
    table = Table(client, name or f"test-{uuid.uuid4().hex}")
    on = {"StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}} if stream else {}
    await client.create_table(
        TableName=table.name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        **on,
    )
    return table
