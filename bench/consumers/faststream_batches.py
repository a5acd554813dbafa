"""FastStream on aiokafka: a batch subscriber that counts, acknowledged after each batch, so that like ours it loses nothing.

Bodies are decoded from JSON, as ours are for the handler. Runs in an environment of its own (peers.py), on uvloop.
"""

from __future__ import annotations

import argparse
import logging
import os
import time
from typing import Any

import uvloop
from faststream import AckPolicy, FastStream
from faststream.kafka import KafkaBroker


async def main(arguments: argparse.Namespace) -> None:
    tally = os.open(arguments.tally, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    broker = KafkaBroker(arguments.servers, logger=None)

    @broker.subscriber(  # type: ignore[untyped-decorator,unused-ignore]
        arguments.topic,
        batch=True,
        max_records=arguments.batch,
        group_id=arguments.reader,
        auto_offset_reset="earliest",
        ack_policy=AckPolicy.REJECT_ON_ERROR,
    )
    async def count(bodies: list[Any]) -> None:
        os.write(tally, b"%d %d\n" % (time.time_ns(), len(bodies)))

    await FastStream(broker, logger=None).run(log_level=logging.WARNING)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for name in ("--servers", "--topic", "--reader", "--tally"):
        parser.add_argument(name, required=True)
    parser.add_argument("--batch", type=int, required=True)
    uvloop.run(main(parser.parse_args()))
