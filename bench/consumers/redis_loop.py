"""A bare redis-py loop: XREADGROUP a batch, count it, XACK it, for ever."""

from __future__ import annotations

import argparse
import os
import time
from typing import Any

from redis import Redis


def main(arguments: argparse.Namespace) -> None:
    tally = os.open(arguments.tally, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    client: Any = Redis(port=arguments.port)
    stream, group = arguments.stream, arguments.reader
    client.xgroup_create(stream, group, id="0")
    while True:
        found = client.xreadgroup(group, "loop", {stream: ">"}, count=arguments.batch, block=1000)
        for _, entries in found or []:
            os.write(tally, b"%d %d\n" % (time.time_ns(), len(entries)))
            client.xack(stream, group, *[number for number, _ in entries])


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for name in ("--stream", "--reader", "--tally"):
        parser.add_argument(name, required=True)
    for name in ("--port", "--batch"):
        parser.add_argument(name, type=int, required=True)
    main(parser.parse_args())
