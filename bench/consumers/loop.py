"""A bare aiobotocore loop: receive ten, count them, delete them, for ever. What any Python program could do at best.

On uvloop, as our daemon is. ``--parked``: further queues, each with a long poll waiting on it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from typing import Any

import uvloop
from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession


async def main(arguments: argparse.Namespace) -> None:
    tally = os.open(arguments.tally, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    config = AioConfig(max_pool_connections=len(arguments.parked) + arguments.loops + 1)
    async with (
        AioSession().create_client("sqs", endpoint_url=arguments.endpoint, config=config) as client,
        asyncio.TaskGroup() as tasks,
    ):
        for url in arguments.parked:
            tasks.create_task(park(client, url))
        for _ in range(arguments.loops):
            tasks.create_task(consume(client, arguments.queue, tally))


async def consume(client: Any, url: str, tally: int) -> None:
    while True:
        answer = await client.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=20)
        messages = answer.get("Messages", [])
        if messages:
            os.write(tally, b"%d %d\n" % (time.time_ns(), len(messages)))
            entries = [{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(messages)]
            await client.delete_message_batch(QueueUrl=url, Entries=entries)


async def park(client: Any, url: str) -> None:
    while True:
        await client.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=20)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for name in ("--endpoint", "--queue", "--tally"):
        parser.add_argument(name, required=True)
    parser.add_argument("--loops", type=int, default=1)
    parser.add_argument("--parked", nargs="*", default=[])
    uvloop.run(main(parser.parse_args()))
