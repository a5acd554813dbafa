"""Queues on a real server, seen from their producer's side: make, fill, count. Not what is tested."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any


class Queue:
    """One queue of an SQS server."""

    def __init__(self, client: Any, name: str, url: str) -> None:
        self.client = client
        self.name = name
        self.url = url

    @property
    def fifo(self) -> bool:
        return self.name.endswith(".fifo")

    async def send(self, bodies: Sequence[str], groups: Sequence[str | None] = (), **more: Any) -> None:
        """Append messages in their order. groups: one for each, FIFO only. more: further fields of every entry."""
        entries = [{"Id": str(n), "MessageBody": body, **more} for n, body in enumerate(bodies)]
        if self.fifo:
            for entry, group in zip(entries, groups or ["group"] * len(bodies), strict=True):
                entry |= {"MessageGroupId": group, "MessageDeduplicationId": str(uuid.uuid4())}
        for first in range(0, len(entries), 10):
            answer = await self.client.send_message_batch(QueueUrl=self.url, Entries=entries[first : first + 10])
            assert not answer.get("Failed"), answer["Failed"]

    async def counts(self) -> tuple[int, int]:
        """Waiting, and in flight."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = await self.client.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)
        waiting, leased = (int(answer["Attributes"][name]) for name in names)
        return waiting, leased

    async def arn(self) -> str:
        answer = await self.client.get_queue_attributes(QueueUrl=self.url, AttributeNames=["QueueArn"])
        return str(answer["Attributes"]["QueueArn"])

    async def redrive_to(self, dead: Queue, after: int) -> None:
        policy = json.dumps({"deadLetterTargetArn": await dead.arn(), "maxReceiveCount": after})
        await self.client.set_queue_attributes(QueueUrl=self.url, Attributes={"RedrivePolicy": policy})

    async def delete(self) -> None:
        await self.client.delete_queue(QueueUrl=self.url)


async def make_queue(client: Any, *, fifo: bool = False, attributes: Mapping[str, str] | None = None) -> Queue:
    """A new queue with a name that nothing else has."""
    name = f"test-{uuid.uuid4().hex}" + (".fifo" if fifo else "")
    wanted = {**({"FifoQueue": "true"} if fifo else {}), **(attributes or {})}
    url = (await client.create_queue(QueueName=name, Attributes=wanted))["QueueUrl"]
    return Queue(client, name, url)
