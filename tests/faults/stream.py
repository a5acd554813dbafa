"""A Kinesis stream of a test, filled with numbered messages. It has no end that could be looked at, so it is done when all is handled."""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import boto3
from botocore.config import Config

from tests.faults.until import until

AT_ONCE = 500


class Stream:
    """One stream. numbers: where the messages' numbers come from; sent: those sent here. handled: numbers the function has dealt with."""

    def __init__(self, url: str, numbers: Iterator[int], shards: int, handled: Callable[[], set[int]]) -> None:
        self.name = f"stream-{uuid.uuid4().hex[:12]}"
        self.source = {"type": "kinesis", "stream": self.name}
        """As a mapping names it."""
        self.sent: list[int] = []
        self._url = url
        self._numbers = numbers
        self._handled = handled
        with self._client() as kinesis:
            kinesis.create_stream(StreamName=self.name, ShardCount=shards)
            until(lambda: self._status(kinesis) == "ACTIVE", f"stream {self.name} is there")

    def send_each(self, messages: Iterable[dict[str, Any]]) -> list[int]:
        """Send messages in this order, numbered as they go; ``key`` is the partition key, the rest tells the handler what to do."""
        entries = []
        sent = []
        for message in messages:
            sent.append(next(self._numbers))
            key = str(message.pop("key"))
            entries.append({"Data": json.dumps({"n": sent[-1], **message}).encode(), "PartitionKey": key})
        with self._client() as kinesis:
            for first in range(0, len(entries), AT_ONCE):
                answer = kinesis.put_records(StreamName=self.name, Records=entries[first : first + AT_ONCE])
                assert not answer["FailedRecordCount"], answer
        self.sent += sent
        return sent

    def wait_empty(self, seconds: float = 120.0) -> None:
        """Return when all that was sent is handled."""
        until(lambda: set(self.sent) <= self._handled(), f"all of stream {self.name} is handled", seconds)

    def _status(self, kinesis: Any) -> str:
        summary = kinesis.describe_stream_summary(StreamName=self.name)["StreamDescriptionSummary"]
        return str(summary["StreamStatus"])

    def _client(self) -> contextlib.closing[Any]:
        """One that never repeats a request: a record that is sent twice could be two."""
        client = boto3.client(
            "kinesis",
            endpoint_url=self._url,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}),
        )
        return contextlib.closing(client)
