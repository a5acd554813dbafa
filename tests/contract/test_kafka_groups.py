"""Members of a consumer group that come, go, and die: no record is lost; what is done twice was in hand as its partition changed hands."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterator
from pathlib import Path

import pytest

from connectors.contract import Missing, Outcome, Reader, Record, Refused, Settlement, SourceError
from connectors.kafka.options import KafkaOptions
from connectors.kafka.source import KafkaSource
from connectors.testing import MemoryCheckpoints
from tests.kafka_server import Cluster
from tests.kafka_topics import Sent, Topic, topic

pytestmark = pytest.mark.server

BATCH = 20


class Worker:
    """What the engine does, in short: fetch, handle, settle; and let go of what is revoked when the batch in hand is settled."""

    def __init__(self, options: KafkaOptions, group: str, done: Counter[str], start: str = "TRIM_HORIZON") -> None:
        self.checkpoints = MemoryCheckpoints()
        self.source = KafkaSource(options)
        self.source.read_as(Reader(group, start, None, self.checkpoints, self.revoke))
        self.done = done
        self.revoked: list[str] = []
        self.refused = 0
        self.pause = 0.0
        self._idle = asyncio.Event()
        self._idle.set()
        self._stop = False

    async def revoke(self, partitions: Collection[str]) -> None:
        self.revoked += partitions
        await self._idle.wait()

    async def run(self) -> None:
        await self.source.open()
        try:
            while not self._stop:
                records = await self.source.fetch(BATCH, 0.2)
                self._idle.clear()
                await asyncio.sleep(self.pause)
                self.done.update(record.id for record in records)
                await self._settle(records)
                self._idle.set()
        finally:
            self._idle.set()
            await self.source.close()

    async def _settle(self, records: list[Record]) -> None:
        while True:
            try:
                unsettled = await self.source.settle([Settlement(record, Outcome.DELIVERED) for record in records])
            except SourceError:
                await asyncio.sleep(0.05)
                continue
            self.refused += len(unsettled)
            return

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Worker]:
        task = asyncio.create_task(self.run())
        try:
            yield self
        finally:
            self._stop = True
            await task


@pytest.fixture
def six(kafka: Cluster) -> Iterator[Topic]:
    with topic(kafka.servers, 6) as made:
        yield made


def options_of(made: Topic, **more: object) -> KafkaOptions:
    timeouts = {"session_timeout_seconds": 1.5}  # so that heartbeats, and with them rebalances, come soon
    return KafkaOptions(bootstrap_servers=made.servers, topic=made.name, **(timeouts | more))  # type: ignore[arg-type]  # values of several types


def numbered(first: int, count: int) -> list[Sent]:
    return [Sent(b"%d" % n, partition=n % 6) for n in range(first, first + count)]


async def until(condition: object, seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # type: ignore[operator]  # given by a test
            await asyncio.sleep(0.02)


async def test_whoever_closes_in_the_middle_of_joining_holds_nobody_up(six: Topic) -> None:
    """The group would wait for who was named and never came until their session is over, a minute here."""
    options = options_of(six, session_timeout_seconds=60)
    await six.produce(numbered(0, 6))
    for milliseconds in [*range(6)] * 4:
        group = uuid.uuid4().hex
        early, late = Worker(options, group, Counter()), Worker(options, group, Counter())
        await early.source.open()
        await asyncio.sleep(milliseconds / 1000)
        await early.source.close()
        async with late.running():
            await until(lambda late=late: len(late.done) == 6, 20)


async def test_partitions_are_handed_over_when_a_member_joins_and_nothing_is_done_twice(six: Topic) -> None:
    done: Counter[str] = Counter()
    group = uuid.uuid4().hex
    first, second = Worker(options_of(six), group, done), Worker(options_of(six), group, done)
    await six.produce(numbered(0, 300))
    async with first.running():
        await until(lambda: len(done) == 300)
        async with second.running():
            await until(lambda: len(first.revoked) == 3)
            await six.produce(numbered(300, 300))
            await until(lambda: len(done) == 600)
        assert not second.revoked  # it has closed: nobody took them away
        await six.produce(numbered(600, 60))
        await until(lambda: len(done) == 660)
    assert set(done.values()) == {1}
    assert first.refused == second.refused == 0


async def test_others_read_on_while_a_partition_waits_for_its_handler(six: Topic) -> None:
    done: Counter[str] = Counter()
    group = uuid.uuid4().hex
    holding = asyncio.Event()

    async def revoke(partitions: Collection[str]) -> None:
        revoked.extend(partitions)
        await holding.wait()

    revoked: list[str] = []
    source = KafkaSource(options_of(six))
    source.read_as(Reader(group, "TRIM_HORIZON", None, MemoryCheckpoints(), revoke))
    await source.open()
    await six.produce(numbered(0, 6))
    in_hand: list[Record] = []
    while len(in_hand) < 6:
        in_hand += await source.fetch(10, 1)
    other = Worker(options_of(six), group, done)
    async with other.running():
        await until(lambda: len(revoked) == 3)
        await six.produce(numbered(6, 6))
        kept: set[str] = set()
        while len(kept) < 3:
            kept |= {record.partition for record in await source.fetch(10, 1)}
        assert not kept & set(revoked)
        assert not done  # the partitions that go are nobody else's yet
        assert not await source.settle([Settlement(record, Outcome.DELIVERED) for record in in_hand])
        holding.set()
        await until(lambda: len(done) == 3)
    assert all(name.endswith(":1") for name in done)
    await source.close()


async def test_a_member_stays_one_while_nobody_fetches(six: Topic) -> None:
    done: Counter[str] = Counter()
    group = uuid.uuid4().hex
    source = KafkaSource(options_of(six, rebalance_timeout_seconds=15))
    source.read_as(Reader(group, "TRIM_HORIZON", None, MemoryCheckpoints(), _nothing))
    await source.open()
    await six.produce(numbered(0, 6))
    records: list[Record] = []
    while len(records) < 6:
        records += await source.fetch(10, 1)
    await asyncio.sleep(3.5)  # more than two sessions
    assert not await source.settle([Settlement(record, Outcome.DELIVERED) for record in records])
    await source.close()
    assert not done


async def test_members_that_come_and_go_lose_nothing(six: Topic) -> None:
    """A storm: what is done twice was in hand when a member gave up waiting, never more."""
    done: Counter[str] = Counter()
    group = uuid.uuid4().hex
    chance = random.Random(7)
    sent = 0
    async with asyncio.timeout(60), Worker(options_of(six), group, done).running():
        for _ in range(6):
            workers = [Worker(options_of(six), group, done) for _ in range(chance.randint(1, 3))]
            async with contextlib.AsyncExitStack() as stack:
                for worker in workers:
                    worker.pause = chance.random() / 50
                    await stack.enter_async_context(worker.running())
                    await six.produce(numbered(sent, 200))
                    sent += 200
                    await asyncio.sleep(chance.random())
        await until(lambda: len(done) == sent)
    assert len(done) == sent
    twice = sum(count - 1 for count in done.values())
    assert twice <= BATCH * 2, f"{twice} of {sent} records were done again"


async def test_the_end_is_where_the_group_began_whoever_reads_next(six: Topic) -> None:
    """LATEST: what comes before the first record is settled is not skipped when partitions change hands."""
    done: Counter[str] = Counter()
    group = uuid.uuid4().hex
    await six.produce(numbered(0, 60))
    async with Worker(options_of(six), group, done, "LATEST").running():
        pass  # open, and closed again
    await six.produce(numbered(60, 60))
    async with Worker(options_of(six), group, done, "LATEST").running():
        await until(lambda: len(done) == 60)
    assert {name.rpartition(":")[2] for name in done} == {str(n) for n in range(10, 20)}


async def test_a_member_that_is_killed_is_replaced_and_its_batch_done_again(six: Topic, tmp_path: Path) -> None:
    done: Counter[str] = Counter()
    group = uuid.uuid4().hex
    await six.produce(numbered(0, 120))
    log = tmp_path / "done.txt"
    await killed_at_work(six, group, log)
    lines = log.read_text().splitlines()
    settled = {name for line in lines for name in line.split()[1:] if line.startswith("settled ")}
    handled = {name for line in lines for name in line.split()[1:] if line.startswith("handled ")}
    async with Worker(options_of(six), group, done).running():
        await until(lambda: len(done | Counter(handled)) == 120)
    assert not set(done) & settled  # nothing that the group knew of
    assert len(set(done) & handled) <= BATCH  # what was in hand


async def test_an_instance_that_is_killed_has_its_partitions_back_as_soon_as_it_returns(
    six: Topic, tmp_path: Path
) -> None:
    """Within seconds, where others would wait for a session of a minute to be over."""
    done: Counter[str] = Counter()
    group = uuid.uuid4().hex
    await six.produce(numbered(0, 120))
    log = tmp_path / "done.txt"
    await killed_at_work(six, group, log, "60", "node-1")
    options = options_of(six, session_timeout_seconds=60, group_instance_id="node-1")
    settled = {name for line in log.read_text().splitlines() for name in line.split()[1:] if line[0] == "s"}
    for count in (120, 180):  # the second time after an orderly stop
        await six.produce(numbered(120, count - 120))
        async with Worker(options, group, done).running():
            await until(lambda count=count: len(set(done) | settled) == count, 20)
    assert not set(done) & settled


async def test_two_with_the_same_instance_are_told_and_the_newer_one_reads(six: Topic) -> None:
    options = options_of(six, session_timeout_seconds=60, group_instance_id="node-1")
    group = uuid.uuid4().hex
    await six.produce(numbered(0, 6))
    older, newer = Worker(options, group, Counter()), Worker(options, group, Counter())
    await older.source.open()
    records: list[Record] = []
    while len(records) < 6:
        records += await older.source.fetch(10, 1)
    async with newer.running():
        await until(lambda: len(newer.done) == 6, 20)
        with pytest.raises(Refused, match=f"group {group} has come with this group_instance_id"):
            await older.source.settle([Settlement(record, Outcome.DELIVERED) for record in records])
        with pytest.raises(Refused, match="give each daemon its own"):
            await older.source.fetch(10, 1)
        await older.source.close()
        await six.produce(numbered(6, 6))
        await until(lambda: len(newer.done) == 12, 20)


async def test_an_instance_that_only_reads_notices_its_double_by_itself(six: Topic) -> None:
    options = options_of(six, group_instance_id="node-1")
    group = uuid.uuid4().hex
    older, newer = Worker(options, group, Counter()), Worker(options, group, Counter())
    await older.source.open()
    await older.source.fetch(10, 0.1)
    async with newer.running():
        reading = asyncio.create_task(read_on(older.source))
        await asyncio.wait([reading], timeout=30)
        assert reading.done()
        with pytest.raises(Refused, match="give each daemon its own"):
            await reading
        await older.source.close()


async def read_on(source: KafkaSource) -> None:
    while True:
        await source.fetch(10, 0.2)


async def killed_at_work(made: Topic, group: str, log: Path, *more: str) -> None:
    """A member in a process of its own handles some records, and is killed. more: session in seconds, name of the instance."""
    program = Path(__file__).with_name("kafka_member.py")
    arguments = [made.servers[0], made.name, group, str(log), *more]
    member = subprocess.Popen(  # noqa: ASYNC220 - it only starts it
        [sys.executable, str(program), *arguments], cwd=Path(__file__).parents[2]
    )
    try:
        await until(lambda: log.exists() and len(log.read_text().splitlines()) >= 3)
        os.kill(member.pid, signal.SIGKILL)
    finally:
        member.kill()
        await asyncio.to_thread(member.wait)


async def test_a_group_that_shares_otherwise_is_told(six: Topic) -> None:
    from kafka import KafkaConsumer  # noqa: PLC0415 - another's client

    group = uuid.uuid4().hex
    other = await asyncio.to_thread(KafkaConsumer, six.name, bootstrap_servers=six.servers, group_id=group)
    polling = asyncio.create_task(asyncio.to_thread(other.poll, 2000))
    await polling
    source = KafkaSource(options_of(six, consumer_group_id=group))
    source.read_as(Reader("unused", "TRIM_HORIZON", None, MemoryCheckpoints(), _nothing))
    await source.open()
    with pytest.raises(Refused, match="cooperative-sticky"):
        await source.fetch(1, 10)
    await source.close()
    await asyncio.to_thread(other.close)


async def _nothing(partitions: Collection[str]) -> None:
    pass


async def test_a_probe_joins_no_group_so_nobody_s_partitions_move(six: Topic) -> None:
    done: Counter[str] = Counter()
    group = uuid.uuid4().hex
    worker = Worker(options_of(six), group, done)
    await six.produce(numbered(0, 60))
    async with worker.running():
        await until(lambda: len(done) == 60)
        identity = await KafkaSource(options_of(six, consumer_group_id=group)).probe()
        await six.produce(numbered(60, 60))
        await until(lambda: len(done) == 120)
        assert worker.revoked == []
    assert identity.label.endswith(f"topic {six.name}, consumer group {group}")
    missing = KafkaOptions(bootstrap_servers=six.servers, topic=f"{six.name}-away")
    with pytest.raises(Missing):
        await KafkaSource(missing).probe()
