"""A process that takes all records of a stream or a list, says how many, and waits to be killed."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

from connectors.contract import Reader
from connectors.redis.lists import RedisListOptions, RedisListSource
from connectors.redis.stream import RedisStreamOptions, RedisStreamSource
from connectors.testing import MemoryCheckpoints


def take_and_die(kind: str, port: int, key: str, group: str, lease: float) -> int:
    """Let such a process take all there is, kill -9 it, and return how many records it had in hand."""
    command = [sys.executable, __file__, kind, str(port), key, group, str(lease)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as victim:
        assert victim.stdout is not None
        taken = int(victim.stdout.readline())
        victim.kill()
    return taken


async def main(kind: str, port: int, key: str, group: str, lease: float) -> None:
    source = _stream(port, key, group, lease) if kind == "stream" else _list(port, key, lease)
    await source.open()
    taken = 0
    while records := await source.fetch(1000, 0.2):
        taken += len(records)
    sys.stdout.write(f"{taken}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


def _stream(port: int, key: str, group: str, lease: float) -> Any:
    source = RedisStreamSource(RedisStreamOptions(stream=key, port=port, consumer="victim", lease_seconds=lease))
    source.read_as(Reader(group, "TRIM_HORIZON", None, MemoryCheckpoints(), lambda _: asyncio.sleep(0)))
    return source


def _list(port: int, key: str, lease: float) -> Any:
    return RedisListSource(RedisListOptions(list=key, port=port, lease_seconds=lease))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4], float(sys.argv[5])))
