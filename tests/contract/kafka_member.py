"""A member of a consumer group in a process of its own, to be killed: SERVER TOPIC GROUP LOG [SESSION_SECONDS INSTANCE].

Writes down what it has handled and settled.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Collection
from pathlib import Path

from connectors.contract import Outcome, Reader, Settlement
from connectors.kafka.options import KafkaOptions
from connectors.kafka.source import KafkaSource
from connectors.testing import MemoryCheckpoints


async def main(server: str, topic: str, group: str, log: str, session: str = "1.5", instance: str = "") -> None:
    options = KafkaOptions(
        bootstrap_servers=[server],
        topic=topic,
        session_timeout_seconds=float(session),
        group_instance_id=instance,
    )
    source = KafkaSource(options)
    source.read_as(Reader(group, "TRIM_HORIZON", None, MemoryCheckpoints(), _revoke))
    await source.open()
    with Path(log).open("a", encoding="utf-8", buffering=1) as file:  # noqa: ASYNC230 - nothing else runs here
        while True:
            records = await source.fetch(20, 1)
            if records:
                names = " ".join(record.id for record in records)
                file.write(f"handled {names}\n")
                await source.settle([Settlement(record, Outcome.DELIVERED) for record in records])
                file.write(f"settled {names}\n")
                await asyncio.sleep(0.3)


async def _revoke(partitions: Collection[str]) -> None:
    pass


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    asyncio.run(main(*sys.argv[1:7]))
