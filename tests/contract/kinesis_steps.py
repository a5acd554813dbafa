"""Steps of tests on Kinesis servers: numbered records under eight keys, read whole, their order."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from connectors.contract import Record, Source
from connectors.testing.steps import settled
from tests.contract.kinesis_rig import KinesisRig

PATIENCE = 30.0


async def put(rig: KinesisRig, first: int, count: int) -> None:
    """Numbered records under eight keys."""
    numbers = range(first, first + count)
    await rig.producer.put([(f"message {n}".encode(), f"key-{n % 8}", None) for n in numbers])


async def read_all(source: Source, count: int) -> list[Record]:
    """Settle what comes until there are so many."""
    records: list[Record] = []
    async with asyncio.timeout(PATIENCE):
        while len(records) < count:
            more = await source.fetch(7, 1)
            await source.settle(settled(more))
            records += more
    return records


async def fetch_on(source: Source) -> None:
    while True:
        await source.fetch(10, 5)


def expect_order(records: Sequence[Record]) -> None:
    """Each once, those of one key in the order in which they were put, whatever shards they went through."""
    numbers = {key: [number(record) for record in records if record.key == key] for key in {r.key for r in records}}
    assert all(found == sorted(set(found)) for found in numbers.values()), numbers


def number(record: Record) -> int:
    return int(record.body.split()[-1])
