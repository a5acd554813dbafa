"""Queues of a test: one with a dead-letter queue behind it, filled with numbered messages, and looked at from outside."""

from __future__ import annotations

import itertools
import json
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

import boto3
from botocore.config import Config

from tests.faults.until import until

BATCH = 10


def sqs_client(url: str) -> Any:
    """A client that never repeats a request: a send that is repeated could be two messages. Close it."""
    return boto3.client(
        "sqs",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}),
    )


class Queue:
    """One queue and its dead-letter queue. numbers: where the messages' numbers come from; sent: those sent here."""

    def __init__(
        self,
        sqs: Any,
        numbers: Iterator[int],
        *,
        visibility: int = 30,
        max_receives: int = 5,
        fifo: bool = False,
    ) -> None:
        ending = ".fifo" if fifo else ""
        self.name = f"work-{uuid.uuid4().hex[:12]}{ending}"
        self.dead_name = f"dead-{self.name}"
        self.sent: list[int] = []
        self._dead: set[int] = set()
        self._sqs = sqs
        self._numbers = numbers
        self._fifo = fifo
        self._attributes = {"VisibilityTimeout": str(visibility)} | ({"FifoQueue": "true"} if fifo else {})
        self._max_receives = max_receives
        self._url = self._dead_url = ""

    def create(self) -> None:
        """Make both queues on the server."""
        kind = {"FifoQueue": "true"} if self._fifo else {}
        self._dead_url = self._sqs.create_queue(QueueName=self.dead_name, Attributes=kind)["QueueUrl"]
        arn = self._look(self._dead_url, "QueueArn")["QueueArn"]
        redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": self._max_receives})
        answer = self._sqs.create_queue(QueueName=self.name, Attributes={**self._attributes, "RedrivePolicy": redrive})
        self._url = answer["QueueUrl"]

    def send(self, count: int, **message: Any) -> list[int]:
        """Send numbered messages; returns their numbers. ``group`` is the message group, the rest tells the handler what to do."""
        group = message.pop("group", None)
        return self.send_each({**message, "group": group} for _ in range(count))

    def send_each(self, messages: Iterable[dict[str, Any]]) -> list[int]:
        """Send messages in this order, numbered as they go."""
        sent = []
        for ten in _batched(messages, BATCH):
            entries = []
            for message in ten:
                number = next(self._numbers)
                group = message.pop("group", None)
                entry = {"Id": str(number), "MessageBody": json.dumps({"n": number, **message})}
                if self._fifo:
                    entry |= {"MessageGroupId": str(group), "MessageDeduplicationId": str(number)}
                entries.append(entry)
                sent.append(number)
            answer = self._sqs.send_message_batch(QueueUrl=self._url, Entries=entries)
            assert not answer.get("Failed"), answer
        self.sent += sent
        return sent

    def counts(self) -> tuple[int, int]:
        """Messages that wait, and messages in flight or delayed."""
        waiting, *hidden = map(
            int,
            self._look(
                self._url,
                "ApproximateNumberOfMessages",
                "ApproximateNumberOfMessagesNotVisible",
                "ApproximateNumberOfMessagesDelayed",
            ).values(),
        )
        return waiting, sum(hidden)

    def wait_empty(self, seconds: float = 90.0) -> None:
        """Return when nothing is in the queue, waiting or in flight."""
        until(lambda: self.counts() == (0, 0), f"queue {self.name} is empty", seconds)

    def dead(self) -> list[int]:
        """Numbers that have come to the dead-letter queue so far; looking hides them from the next look, so they are remembered."""
        while messages := self._sqs.receive_message(
            QueueUrl=self._dead_url, MaxNumberOfMessages=BATCH, VisibilityTimeout=3600
        ).get("Messages"):
            self._dead |= {json.loads(message["Body"])["n"] for message in messages}
        return sorted(self._dead)

    def _look(self, url: str, *names: str) -> dict[str, str]:
        attributes = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(names))["Attributes"]
        return {name: attributes[name] for name in names}


def _batched(items: Iterable[dict[str, Any]], size: int) -> Iterator[list[dict[str, Any]]]:
    rest = iter(items)
    while batch := list(itertools.islice(rest, size)):
        yield batch
