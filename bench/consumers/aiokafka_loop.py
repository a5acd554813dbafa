"""A bare aiokafka loop: get a batch, count it, for ever; offsets are committed as the client does by itself, every five seconds.

Runs in an environment of its own (peers.py), on uvloop.
"""

from __future__ import annotations

import argparse
import os
import time

import uvloop
from aiokafka import AIOKafkaConsumer


async def main(arguments: argparse.Namespace) -> None:
    tally = os.open(arguments.tally, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    consumer = AIOKafkaConsumer(
        arguments.topic,
        bootstrap_servers=arguments.servers,
        group_id=arguments.reader,
        auto_offset_reset="earliest",
    )
    async with consumer:
        while True:
            found = await consumer.getmany(timeout_ms=1000, max_records=arguments.batch)
            if count := sum(map(len, found.values())):
                os.write(tally, b"%d %d\n" % (time.time_ns(), count))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for name in ("--servers", "--topic", "--reader", "--tally"):
        parser.add_argument(name, required=True)
    parser.add_argument("--batch", type=int, required=True)
    uvloop.run(main(parser.parse_args()))
