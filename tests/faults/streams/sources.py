"""Streams of a test, seen from their producer's side: make, fill, disturb. Each knows its ``source:`` block of a configuration.

Records are the JSON messages of function/streams.py, numbered in the order of sending; ``group`` is the key that order is kept by.
"""

from __future__ import annotations

import base64
import contextlib
import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import boto3
import redis
from botocore.config import Config

from tests.faults.until import until
from tests.kafka_server import Cluster
from tests.kafka_topics import Sent, Topic, topic

GROUPS = 12


class Stream(Protocol):
    """One stream. kind: its type under ``source:``."""

    kind: str

    def create(self) -> None:
        """Make it on the server."""
        ...

    def source(self) -> dict[str, Any]:
        """The ``source:`` block."""
        ...

    def put(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """Append (key, message) in this order; all of them when it returns."""
        ...

    def close(self) -> None:
        """Disconnect."""
        ...


class Numbered:
    """What sends numbered messages to one stream, and knows when they are done. failures: folder of the on-failure destination.

    handled: numbers that the function has handled so far.
    """

    def __init__(self, stream: Stream, numbers: Iterator[int], failures: Path, handled: Callable[[], set[int]]) -> None:
        self.stream = stream
        self.sent: list[int] = []
        self.failures = failures
        self._numbers = numbers
        self._handled = handled

    @property
    def name(self) -> str:
        return self.stream.kind

    def wait_empty(self, seconds: float = 120.0) -> None:
        """Return when each message sent is handled, or given up with a failure record."""
        what = f"all that was sent to {self.name} is handled or given up"
        until(lambda: self._handled().union(self.dead()).issuperset(self.sent), what, seconds)

    def dead(self) -> list[int]:
        """Numbers in the failure records so far."""
        found = set()
        for path in self.failures.rglob("*.json"):
            found |= {_number(record) for record in json.loads(path.read_text())["records"]}
        return sorted(found)

    def send(self, count: int, **message: Any) -> list[int]:
        """Send that many alike, spread over twelve keys; returns their numbers."""
        return self.send_each(dict(message) for _ in range(count))

    def send_each(self, messages: Iterable[dict[str, Any]]) -> list[int]:
        """Send messages in this order. group: by number, unless a message has one."""
        numbered = []
        for message in messages:
            number = next(self._numbers)
            numbered.append((number, {"n": number, "group": f"g{number % GROUPS}", **message}))
        self.stream.put([(str(message["group"]), json.dumps(message).encode()) for _, message in numbered])
        sent = [number for number, _ in numbered]
        self.sent += sent
        return sent


def aws_client(service: str, url: str) -> Any:
    """A client that never repeats a request: a put that is repeated could be two records."""
    return boto3.client(
        service,
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}),
    )


class KinesisStream:
    """A data stream."""

    kind = "kinesis"

    def __init__(self, url: str, shards: int = 2) -> None:
        self.stream = f"stream-{uuid.uuid4().hex[:12]}"
        self._shards = shards
        self._kinesis = aws_client("kinesis", url)

    def create(self) -> None:
        self._kinesis.create_stream(StreamName=self.stream, ShardCount=self._shards)
        self._until_active()

    def source(self) -> dict[str, Any]:
        return {"type": "kinesis", "stream": self.stream}

    def put(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """One by one: a batch request keeps no order among those that are thrown back."""
        for key, message in messages:
            self._kinesis.put_record(StreamName=self.stream, PartitionKey=key, Data=message)

    def split(self) -> None:
        """Split every open shard in two."""
        for shard in self._open_shards():
            low, high = (int(shard["HashKeyRange"][end]) for end in ("StartingHashKey", "EndingHashKey"))
            middle = str((low + high) // 2)
            self._kinesis.split_shard(StreamName=self.stream, ShardToSplit=shard["ShardId"], NewStartingHashKey=middle)
            self._until_active()

    def merge(self) -> None:
        """Merge the first two neighbours among the open shards."""
        first, second, *_ = sorted(self._open_shards(), key=lambda shard: int(shard["HashKeyRange"]["StartingHashKey"]))
        names = {"ShardToMerge": first["ShardId"], "AdjacentShardToMerge": second["ShardId"]}
        self._kinesis.merge_shards(StreamName=self.stream, **names)
        self._until_active()

    def close(self) -> None:
        self._kinesis.close()

    def _open_shards(self) -> list[dict[str, Any]]:
        shards = self._kinesis.list_shards(StreamName=self.stream)["Shards"]
        return [shard for shard in shards if "EndingSequenceNumber" not in shard["SequenceNumberRange"]]

    def _until_active(self) -> None:
        def active() -> bool:
            about = self._kinesis.describe_stream_summary(StreamName=self.stream)["StreamDescriptionSummary"]
            return bool(about["StreamStatus"] == "ACTIVE")

        until(active, f"stream {self.stream} is active")


class DynamoTable:
    """A table with a stream; each record is a new item, its key the message's key and number."""

    kind = "dynamodb-streams"

    def __init__(self, url: str) -> None:
        self.table = f"table-{uuid.uuid4().hex[:12]}"
        self._dynamodb = aws_client("dynamodb", url)

    def create(self) -> None:
        self._dynamodb.create_table(
            TableName=self.table,
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )

    def source(self) -> dict[str, Any]:
        return {"type": "dynamodb-streams", "table": self.table}

    def put(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """Items named by their key: later messages of a key change its item, so that order is kept by it."""
        for key, message in messages:
            item = {"id": {"S": key}, "message": {"S": message.decode()}}
            self._dynamodb.put_item(TableName=self.table, Item=item)

    def close(self) -> None:
        self._dynamodb.close()


class KafkaTopic:
    """A topic; a key's partition is given by its number."""

    kind = "kafka"

    def __init__(self, cluster: Cluster, partitions: int = 3) -> None:
        self._cluster = cluster
        self._partitions = partitions
        self._open = contextlib.ExitStack()
        self.topic: Topic

    def create(self) -> None:
        self.topic = self._open.enter_context(topic(self._cluster.servers, self._partitions))

    def source(self) -> dict[str, Any]:
        names = {"bootstrap_servers": self._cluster.servers, "topic": self.topic.name}
        return {"type": "kafka", **names, "session_timeout_seconds": 3}  # how long a killed member keeps its partitions

    def put(self, messages: Sequence[tuple[str, bytes]]) -> None:
        self.topic.send(
            [Sent(message, key.encode(), int(key.strip("g")) % self._partitions) for key, message in messages]
        )

    def close(self) -> None:
        self._open.close()


class RedisStream:
    """A stream on a Redis server."""

    kind = "redis-stream"

    def __init__(self, port: int) -> None:
        self.stream = f"stream-{uuid.uuid4().hex[:12]}"
        self._port = port
        self.client = redis.Redis(port=port)

    def create(self) -> None:
        """Streams begin with their first record."""

    def source(self) -> dict[str, Any]:
        return {
            "type": "redis-stream",
            "port": self._port,
            "stream": self.stream,
            "create_stream": True,
            "data_field": "message",
            "key_field": "group",
        }

    def put(self, messages: Sequence[tuple[str, bytes]]) -> None:
        with self.client.pipeline(transaction=False) as pipe:
            for key, message in messages:
                pipe.xadd(self.stream, {"group": key, "message": message})
            pipe.execute()

    def close(self) -> None:
        self.client.close()


def _number(record: dict[str, Any]) -> int:
    """Of a record as the file destination keeps it."""
    if "dynamodb" in record["metadata"]:
        message = record["metadata"]["dynamodb"]["NewImage"]["message"]["S"]
    else:
        message = base64.b64decode(record["body"]["base64"])
    return int(json.loads(message)["n"])
