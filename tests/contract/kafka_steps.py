"""Steps that tests of the Kafka connector share."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Callable, Collection, Sequence

from connectors.contract import Outcome, Reader, Record, Settlement, SourceError, Unreachable
from connectors.kafka.options import KafkaOptions
from connectors.kafka.source import KafkaSource
from connectors.testing import MemoryCheckpoints
from tests.kafka_topics import Topic

PATIENCE = 30.0


def options_of(made: Topic, **more: object) -> KafkaOptions:
    """Short sessions, so that heartbeats, and with them rebalances, come soon."""
    given = {"bootstrap_servers": made.servers, "topic": made.name, "session_timeout_seconds": 1.5} | more
    return KafkaOptions(**given)  # type: ignore[arg-type]  # values of several types


def source_of(
    options: KafkaOptions, group: str = "", start: str = "TRIM_HORIZON", checkpoints: MemoryCheckpoints | None = None
) -> KafkaSource:
    source = KafkaSource(options)
    source.read_as(Reader(group or uuid.uuid4().hex, start, None, checkpoints or MemoryCheckpoints(), revoke_nothing))
    return source


@contextlib.asynccontextmanager
async def opened(source: KafkaSource) -> AsyncIterator[KafkaSource]:
    await source.open()
    try:
        yield source
    finally:
        await source.close()


async def receive(source: KafkaSource, count: int) -> list[Record]:
    """Fetch until so many have come."""
    records: list[Record] = []
    async with asyncio.timeout(PATIENCE):
        while len(records) < count:
            records += await source.fetch(count - len(records), 1)
    return records


async def receive_all_the_same(source: KafkaSource, count: int) -> list[Record]:
    """As the engine does: close, wait, and open again when it is unreachable; each record once."""
    seen: dict[str, Record] = {}
    async with asyncio.timeout(PATIENCE * 2):
        while len(seen) < count:
            try:
                seen |= {record.id: record for record in await source.fetch(count, 1)}
            except Unreachable:
                await reopen(source)
    return list(seen.values())


async def reopen(source: KafkaSource) -> None:
    await source.close()
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                await source.open()
            except SourceError:
                await asyncio.sleep(0.1)
            else:
                return


def settled(records: Sequence[Record]) -> list[Settlement]:
    return [Settlement(record, Outcome.DELIVERED) for record in records]


async def until(condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


async def revoke_nothing(partitions: Collection[str]) -> None:
    pass
