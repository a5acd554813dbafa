"""What the conformance kit cannot ask of every queue: killed consumers, order after a hand-back, dead letters, what is in the list."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from connectors.contract import Missing, Outcome, Record, Settlement, Throttled, Unreachable
from connectors.redis.lists import RedisListOptions, RedisListSource
from connectors.testing import receive
from tests.contract.redis_victim import take_and_die
from tests.redis_servers import client
from tests.servers import Server

pytestmark = pytest.mark.server

PATIENCE = 30.0
LEASE = 0.3


class List:
    """One list of its own, as its producer sees it, and consumers."""

    def __init__(self, plain: Any, port: int) -> None:
        self.plain = plain
        self.port = port
        self.key = f"list-{uuid.uuid4().hex}"
        self.sources: list[RedisListSource] = []

    async def push(self, *bodies: str | bytes) -> None:
        await self.plain.lpush(self.key, *bodies)

    def consumer(self, **options: Any) -> RedisListSource:
        source = RedisListSource(
            RedisListOptions(list=self.key, **{"port": self.port, "lease_seconds": LEASE, **options})
        )
        self.sources.append(source)
        return source

    async def opened(self, **options: Any) -> RedisListSource:
        source = self.consumer(**options)
        await source.open()
        return source

    async def keys(self) -> list[str]:
        return sorted(key.removeprefix(f"{{{self.key}}}:pollerd:") for key in await self.plain.keys(f"*{self.key}*"))


@pytest.fixture(scope="module", params=["redis", "valkey"])
def server(request: pytest.FixtureRequest) -> Server:
    found: Server = request.getfixturevalue(request.param)
    return found


@pytest.fixture
async def queue(server: Server) -> AsyncIterator[List]:
    async with client(server.port) as plain:
        queue = List(plain, server.port)
        yield queue
        for source in queue.sources:
            await source.close()


def told(records: list[Record], outcome: Outcome) -> list[Settlement]:
    return [Settlement(record, outcome) for record in records]


async def test_a_record_looks_like_a_message_of_sqs(queue: List) -> None:
    await queue.push('{"a":1}')
    source = await queue.opened()
    (record,) = await receive(source, 1, PATIENCE)
    assert record.body == '{"a":1}'
    message = record.metadata
    assert (message["MessageId"], message["Body"]) == (record.id, '{"a":1}')
    assert message["MD5OfBody"] == "bb6cb5c68df4652941caf652a366f2d8"
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"
    assert int(message["Attributes"]["ApproximateFirstReceiveTimestamp"]) > 1_600_000_000_000


async def test_bytes_that_are_no_text_stay_bytes(queue: List) -> None:
    await queue.push(b"\xff\x00")
    (record,) = await receive(await queue.opened(), 1, PATIENCE)
    assert record.body == b"\xff\x00"


@pytest.mark.parametrize(("pop", "expected"), [("right", ["1", "2", "3"]), ("left", ["3", "2", "1"])])
async def test_records_come_from_the_end_the_options_name(pop: str, expected: list[str], queue: List) -> None:
    await queue.push("1", "2", "3")
    source = await queue.opened(pop=pop)
    assert [record.body for record in await source.fetch(10, 0)] == expected


async def test_records_of_one_body_are_told_apart(queue: List) -> None:
    await queue.push("same", "same")
    source = await queue.opened()
    first, second = await receive(source, 2, PATIENCE)
    assert first.id != second.id
    assert await source.settle(told([first], Outcome.DELIVERED)) == []
    (again,) = await receive(source, 1, PATIENCE)
    assert (again.id, again.receive_count) == (second.id, 2)


@pytest.mark.parametrize("pop", ["right", "left"])
async def test_what_was_handed_back_keeps_its_place(pop: str, queue: List) -> None:
    """Before what came later, in its own order, however it was handed back."""
    await queue.plain.rpush(queue.key, *("123456" if pop == "left" else "654321"))
    source = await queue.opened(pop=pop, lease_seconds=60)
    records = await receive(source, 4, PATIENCE)
    for part in (records[2:], records[:1], records[1:2]):
        assert await source.settle(told(part, Outcome.RELEASED)) == []
    again = await source.fetch(10, 0)
    assert [record.body for record in again] == list("123456")
    assert {record.receive_count for record in again} == {1}


@pytest.mark.parametrize("pop", ["right", "left"])
async def test_a_stop_puts_what_was_never_tried_into_the_list_again(pop: str, queue: List) -> None:
    """As it was: others may read it, too, and nothing of ours is left beside it but the counter."""
    whole = list("123456")
    await queue.plain.rpush(queue.key, *whole)
    source = await queue.opened(pop=pop, lease_seconds=60)
    records = await receive(source, 4, PATIENCE)
    assert await source.settle(told(records, Outcome.RELEASED)) == []
    await source.close()
    assert await queue.plain.lrange(queue.key, 0, -1) == whole
    assert await queue.keys() == ["counter", queue.key]


async def test_nothing_but_a_counter_stays_of_settled_records(queue: List) -> None:
    await queue.push("a", "b", "c")
    source = await queue.opened()
    a, b, c = await receive(source, 3, PATIENCE)
    await source.settle(
        [Settlement(a, Outcome.DELIVERED), Settlement(b, Outcome.FILTERED), Settlement(c, Outcome.REJECTED)]
    )
    assert await queue.keys() == ["counter"]


async def test_a_record_received_too_often_goes_to_the_dead_letter_list(queue: List) -> None:
    dead = f"{queue.key}-dead"
    await queue.push("poison", "good")
    source = await queue.opened(maximum_receives=2, dead_letter_list=dead)
    for count in (1, 2):
        records = await receive(source, 2 if count == 1 else 1, PATIENCE)
        assert records[0].receive_count == count
        await source.settle([*told(records[:1], Outcome.RETRY), *told(records[1:], Outcome.DELIVERED)])
    while not await queue.plain.exists(dead):
        assert await source.fetch(10, LEASE) == []
    assert await queue.plain.lrange(dead, 0, -1) == ["poison"]
    assert await queue.keys() == ["counter", dead]


async def test_a_hand_back_does_not_count_as_a_receive(queue: List) -> None:
    """Nor does it wipe out those that do."""
    await queue.push("a")
    source = await queue.opened()
    for expected, outcome in ((1, Outcome.RELEASED), (1, Outcome.RETRY), (2, Outcome.RELEASED)):
        (record,) = await receive(source, 1, PATIENCE)
        assert record.receive_count == expected
        await source.settle(told([record], outcome))
    await source.close()
    assert await queue.plain.llen(queue.key) == 0, "a record that failed before keeps its count, so it stays in custody"
    other = await queue.opened()
    assert (await receive(other, 1, PATIENCE))[0].receive_count == 2


async def test_a_killed_consumers_records_all_come_to_another(queue: List) -> None:
    """kill -9 with records in hand: when their lease is over the other has every one, in order."""
    await queue.push(*(f"{n:03}" for n in range(250)))
    assert take_and_die("list", queue.port, queue.key, "", 0.5) == 250
    other = await queue.opened(lease_seconds=60)
    records = await receive(other, 250, PATIENCE)
    assert [record.body for record in records] == [f"{n:03}" for n in range(250)]
    assert {record.receive_count for record in records} == {2}


async def test_a_lease_that_ended_unnoticed_is_still_ours(queue: List) -> None:
    """Nobody was handed the record meanwhile: settling it late spares a duplicate."""
    await queue.push("a", "b")
    source = await queue.opened()
    a, b = await receive(source, 2, PATIENCE)
    other = await queue.opened()
    while await other.backlog() < 2:
        assert await other.fetch(0, 0) == []
    assert await source.extend([b], 60) == []
    assert await source.settle(told([a, b], Outcome.DELIVERED)) == []
    assert await queue.keys() == ["counter"]


async def test_a_body_that_somebody_removed_is_passed_over(queue: List) -> None:
    await queue.push("a", "b")
    source = await queue.opened()
    a, _ = await receive(source, 2, PATIENCE)
    await queue.plain.hdel(f"{{{queue.key}}}:pollerd:bodies", a.id)
    assert [record.body for record in await receive(source, 1, PATIENCE)] == ["b"]


async def test_backlog_is_what_waits(queue: List) -> None:
    await queue.push("a", "b", "c")
    source = await queue.opened(lease_seconds=60)
    records = await receive(source, 2, PATIENCE)
    assert await source.backlog() == 1
    await source.settle(told(records[:1], Outcome.RELEASED))
    assert await source.backlog() == 2


async def test_a_key_that_holds_something_else_is_no_list(queue: List) -> None:
    await queue.plain.set(queue.key, "text")
    with pytest.raises(Missing, match=f"has no list {queue.key}: the key holds a string"):
        await queue.consumer().open()


async def test_nothing_is_lost_when_the_server_is_killed_and_comes_back(private_redis: Callable[..., Server]) -> None:
    """With its log on disk. Scripts are sent anew: the server has forgotten them."""
    server = private_redis("--appendonly", "yes", "--appendfsync", "always")
    async with client(server.port) as plain:
        queue = List(plain, server.port)
        await queue.push(*(str(n) for n in range(10)))
        source = await queue.opened(lease_seconds=60)
        records = await receive(source, 10, PATIENCE)
        await source.settle(told(records[:4], Outcome.DELIVERED))
        server.kill()
        with pytest.raises(Unreachable):
            await source.settle(told(records[4:], Outcome.DELIVERED))
        await source.close()
        server.start()
        while True:
            try:
                await source.open()
                break
            except (Throttled, Unreachable):
                continue
        assert await source.settle(told(records[4:8], Outcome.DELIVERED)) == []
        assert await source.settle(told(records[8:], Outcome.RELEASED)) == []
        assert [record.body for record in await source.fetch(10, 0)] == ["8", "9"]
        await source.close()


async def test_several_consumers_wait_and_each_record_wakes_one_that_gets_it(queue: List) -> None:
    """Waiting moves an element from one end of the list to the same end: whoever comes first has it, the rest waits on."""
    sources = [await queue.opened(lease_seconds=60) for _ in range(3)]
    fetching = [asyncio.create_task(source.fetch(1, 5)) for source in sources]
    await asyncio.sleep(0.1)
    await queue.push("a", "b", "c")
    found = [record.body for records in await asyncio.gather(*fetching) for record in records]
    assert sorted(map(str, found)) == ["a", "b", "c"]
