"""A bare kafka-python loop: poll a batch, count it, for ever; offsets are committed as the client does by itself, every five seconds."""

from __future__ import annotations

import argparse
import os
import time

from kafka import KafkaConsumer


def main(arguments: argparse.Namespace) -> None:
    tally = os.open(arguments.tally, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    consumer = KafkaConsumer(
        arguments.topic,
        bootstrap_servers=arguments.servers.split(","),
        group_id=arguments.reader,
        auto_offset_reset="earliest",
    )
    while True:
        found = consumer.poll(timeout_ms=1000, max_records=arguments.batch)
        if count := sum(map(len, found.values())):
            os.write(tally, b"%d %d\n" % (time.time_ns(), count))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for name in ("--servers", "--topic", "--reader", "--tally"):
        parser.add_argument(name, required=True)
    parser.add_argument("--batch", type=int, required=True)
    main(parser.parse_args())
