"""The demo's queue and what is put into it."""

from __future__ import annotations

import json
import random
import time
from typing import Any

import boto3

KINDS = {"plain": 400, "noise": 60, "flaky": 39, "poison": 1}
"""Orders of each kind: noise is filtered out, flaky fails once, poison always."""


class Orders:
    """A queue that gives a message up after three receives, and its dead-letter queue."""

    def __init__(self, endpoint: str) -> None:
        keys = {"aws_access_key_id": "demo", "aws_secret_access_key": "demo"}
        self._sqs: Any = boto3.client("sqs", region_name="us-east-1", endpoint_url=endpoint, **keys)
        self._dead = self._sqs.create_queue(QueueName="orders-dead")["QueueUrl"]
        redrive = {"deadLetterTargetArn": self._attribute(self._dead, "QueueArn"), "maxReceiveCount": 3}
        attributes = {"VisibilityTimeout": "2", "RedrivePolicy": json.dumps(redrive)}
        self.url: str = self._sqs.create_queue(QueueName="orders", Attributes=attributes)["QueueUrl"]

    def send(self) -> None:
        """Put all orders in, shuffled."""
        kinds = [kind for kind, count in KINDS.items() for _ in range(count)]
        random.Random(7).shuffle(kinds)  # noqa: S311  # the same demo every time
        for first in range(0, len(kinds), 10):
            entries = [
                {"Id": str(n), "MessageBody": json.dumps({"id": first + n, "kind": kind, "sent": time.time()})}
                for n, kind in enumerate(kinds[first : first + 10])
            ]
            self._sqs.send_message_batch(QueueUrl=self.url, Entries=entries)

    def dead_lettered(self) -> int:
        """Messages in the dead-letter queue."""
        return int(self._attribute(self._dead, "ApproximateNumberOfMessages"))

    def left(self) -> int:
        """Messages in the queue, waiting or in flight."""
        waiting = self._attribute(self.url, "ApproximateNumberOfMessages")
        return int(waiting) + int(self._attribute(self.url, "ApproximateNumberOfMessagesNotVisible"))

    def _attribute(self, queue: str, name: str) -> str:
        answer = self._sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=[name])
        return str(answer["Attributes"][name])
