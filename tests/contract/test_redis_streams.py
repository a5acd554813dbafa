"""What the conformance kit cannot ask of every stream: consumers that die or are slow, trimming, groups that are gone, several nodes."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable, Collection
from typing import Any

import pytest

from connectors.contract import Missing, Outcome, Reader, Record, Settlement, SourceError, Throttled, Unreachable
from connectors.redis import server as redis_server
from connectors.redis.stream import RedisStreamOptions, RedisStreamSource
from connectors.testing import MemoryCheckpoints, Relay, receive
from tests.contract.redis_victim import take_and_die
from tests.redis_servers import client
from tests.servers import Server

pytestmark = pytest.mark.server

PATIENCE = 30.0
LEASE = 1.0
"""Seconds; the least there is."""


class Stream:
    """One stream of its own, as its producer sees it, and consumers of its group."""

    def __init__(self, plain: Any, port: int) -> None:
        self.plain = plain
        self.port = port
        self.key = f"stream-{uuid.uuid4().hex}"
        self.group = "workers"
        self.checkpoints = MemoryCheckpoints()
        self.sources: list[RedisStreamSource] = []

    async def add(self, *texts: str, **more: Any) -> list[str]:
        return [await self.plain.xadd(self.key, {"text": text}, **more) for text in texts]

    def consumer(self, name: str = "", start: str = "TRIM_HORIZON", port: int = 0, **options: Any) -> RedisStreamSource:
        wanted = {"lease_seconds": LEASE, "data_field": "text", "port": port or self.port, **options}
        source = RedisStreamSource(RedisStreamOptions(stream=self.key, consumer=name, **wanted))
        source.read_as(Reader(self.group, start, None, self.checkpoints, self._revoke))
        self.sources.append(source)
        return source

    async def pending(self) -> dict[str, int]:
        """Consumer -> entries pending."""
        return {row["name"]: row["pending"] for row in await self.plain.xinfo_consumers(self.key, self.group)}

    @property
    def told(self) -> list[str]:
        return [why for _, _, why in self.checkpoints.moves]

    async def _revoke(self, partitions: Collection[str]) -> None:
        raise AssertionError(f"nobody takes {partitions} away")


@pytest.fixture(scope="module", params=["redis", "valkey"])
def server(request: pytest.FixtureRequest) -> Server:
    found: Server = request.getfixturevalue(request.param)
    return found


@pytest.fixture
async def stream(server: Server) -> AsyncIterator[Stream]:
    async with client(server.port) as plain:
        stream = Stream(plain, server.port)
        yield stream
        for source in stream.sources:
            await source.close()


def texts(records: list[Record]) -> list[str]:
    return [record.body.decode() if isinstance(record.body, bytes) else record.body for record in records]


def done(records: list[Record]) -> list[Settlement]:
    return [Settlement(record, Outcome.DELIVERED) for record in records]


async def test_a_record_says_what_the_entry_is(stream: Stream) -> None:
    id_ = await stream.plain.xadd(stream.key, {"text": "ü", "customer": "c1", "n": 1})
    source = stream.consumer(key_field="customer")
    identity = await source.open()
    (record,) = await receive(source, 1, PATIENCE)
    assert (record.id, record.position, record.partition, record.lane) == (id_, id_, stream.key, stream.key)
    assert (record.body, record.key, record.receive_count) == ("ü".encode(), "c1", 1)
    assert record.arrived == int(id_.partition("-")[0]) / 1000
    fields = [b"text", "ü".encode(), b"customer", b"c1", b"n", b"1"]
    assert record.metadata == {"stream": stream.key, "fields": fields, "dataField": "text"}
    assert identity.arn == f"arn:pollerd:redis:::stream/{stream.key}"
    assert f"stream {stream.key}, group workers, consumer " in identity.label
    await source.close()


async def test_without_a_data_field_the_body_is_all_fields(stream: Stream) -> None:
    await stream.plain.execute_command("XADD", stream.key, "*", "a", "1", "b", b"\xff", "a", "2", "a", "3")
    source = stream.consumer(data_field="")
    await source.open()
    (record,) = await receive(source, 1, PATIENCE)
    assert record.body == '{"a":["1","2","3"],"b":"\\\\xff"}'
    assert record.key is None
    await source.close()


async def test_an_entry_without_the_named_fields_has_an_empty_body_and_no_key(stream: Stream) -> None:
    await stream.plain.xadd(stream.key, {"other": "x"})
    source = stream.consumer(key_field="customer")
    await source.open()
    (record,) = await receive(source, 1, PATIENCE)
    assert (record.body, record.key) == (b"", None)
    await source.close()


async def test_a_killed_consumers_records_all_come_to_another(stream: Stream) -> None:
    """kill -9 with records in hand: the other has every one of them, within a lease and a look."""
    await stream.add(*(f"{n:03}" for n in range(250)))
    assert take_and_die("stream", stream.port, stream.key, stream.group, LEASE) == 250
    other = stream.consumer("another")
    await other.open()
    records = await receive(other, 250, PATIENCE)
    assert texts(records) == [f"{n:03}" for n in range(250)]
    assert {record.receive_count for record in records} == {2}
    assert await other.settle(done(records)) == []
    assert sum((await stream.pending()).values()) == 0
    await other.close()


async def test_a_killed_consumer_that_is_back_has_its_own_at_once(stream: Stream) -> None:
    """Long before the lease ends: its name is the same again, and its seat was free the moment it died."""
    await stream.add("a", "b")
    assert take_and_die("stream", stream.port, stream.key, stream.group, 60) == 2
    back = stream.consumer("victim", lease_seconds=60)
    await back.open()
    began = time.monotonic()
    assert texts(await receive(back, 2, PATIENCE)) == ["a", "b"]
    assert time.monotonic() - began < 10  # a sixth of the lease
    await back.close()


async def test_a_slow_handler_is_not_robbed(stream: Stream) -> None:
    """It holds a record for three leases while another looks for what was left behind."""
    await stream.add("slow")
    slow, other = stream.consumer("slow"), stream.consumer("other")
    await slow.open()
    records = await receive(slow, 1, PATIENCE)
    await other.open()
    until = time.monotonic() + 3 * LEASE
    while time.monotonic() < until:
        assert await other.fetch(10, LEASE / 4) == []
    assert (await stream.pending())["slow"] == 1
    assert await slow.settle(done(records)) == []
    await slow.close()
    await other.close()


async def test_an_idle_entry_of_a_live_consumer_is_its_own_affair(stream: Stream) -> None:
    """It gave a sign of life with another entry: this one it will find by itself."""
    await stream.add("idle", "kept")
    await stream.plain.xgroup_create(stream.key, stream.group, "0")
    [[_, [_, (kept, _)]]] = await stream.plain.xreadgroup(stream.group, "alive", {stream.key: ">"})
    await asyncio.sleep(LEASE * 1.1)
    await stream.plain.xclaim(stream.key, stream.group, "alive", 0, [kept], justid=True)
    other = stream.consumer("other")
    await other.open()
    assert await other.fetch(10, 0) == []
    assert (await stream.pending())["alive"] == 2


async def test_a_consumer_that_was_given_something_meanwhile_is_not_removed(stream: Stream) -> None:
    """Between a look and the removal lies time: removed, it would take its entries along."""
    await stream.add("a")
    await stream.plain.xgroup_create(stream.key, stream.group, "0")
    await stream.plain.xreadgroup(stream.group, "holder", {stream.key: ">"})
    source = stream.consumer("here")
    await source.open()
    assert source._reading is not None
    await source._reading.group.forget("holder", 0)
    assert (await stream.pending())["holder"] == 1


async def test_two_processes_of_a_host_are_two_consumers(stream: Stream) -> None:
    await stream.add("a")
    first, second = stream.consumer("host"), stream.consumer("host")
    assert "consumer host," in (await first.open()).label
    assert "consumer host.2," in (await second.open()).label
    (record,) = await receive(first, 1, PATIENCE)
    assert await second.fetch(10, 0) == []
    assert await first.settle(done([record])) == []
    await first.close()
    third = stream.consumer("host")
    assert "consumer host," in (await third.open()).label
    await second.close()
    await third.close()


async def test_two_nodes_share_the_work(stream: Stream) -> None:
    await stream.add(*(str(n) for n in range(40)))
    nodes = [stream.consumer("a"), stream.consumer("b")]
    for node in nodes:
        await node.open()
    shares = [await receive(node, 20, PATIENCE) for node in nodes]
    assert sorted(int(text) for share in shares for text in texts(share)) == list(range(40))
    for node in nodes:
        await node.close()


async def test_what_was_never_started_is_another_nodes_at_once(stream: Stream) -> None:
    """Handed back by a node that stops: nobody waits for its lease."""
    await stream.add("a", "b")
    stopping = stream.consumer("stopping", lease_seconds=60)
    await stopping.open()
    records = await receive(stopping, 2, PATIENCE)
    assert await stopping.settle([Settlement(record, Outcome.RELEASED) for record in records]) == []
    await stopping.close()
    other = stream.consumer("other", lease_seconds=60)
    await other.open()
    assert texts(await receive(other, 2, 10)) == ["a", "b"]
    await other.close()


async def test_what_somebody_else_holds_by_now_is_not_handed_back(stream: Stream) -> None:
    await stream.add("a")
    old, new = stream.consumer("old"), stream.consumer("new")
    await old.open()
    records = await receive(old, 1, PATIENCE)
    await stream.plain.xclaim(stream.key, stream.group, "new", 0, [records[0].id])
    assert await old.settle([Settlement(records[0], Outcome.RELEASED)]) == []
    assert (await stream.pending())["new"] == 1
    await old.close()
    await new.close()


async def test_an_answer_that_got_lost_comes_again(stream: Stream) -> None:
    """The server gave it to a fetch that was cancelled before it heard of it. What is in hand meanwhile does not."""
    async with Relay(stream.port) as relay:
        source = stream.consumer(port=relay.port, create_stream=True, lease_seconds=60)
        await source.open()
        await stream.add("in hand")
        await receive(source, 1, PATIENCE)
        relay.stall()
        fetching = asyncio.create_task(source.fetch(10, 20))
        await stream.add("a")
        while sum((await stream.pending()).values()) == 1:
            await asyncio.sleep(0.01)
        fetching.cancel()
        await asyncio.wait([fetching])
        await relay.cut()
        await relay.mend()
        assert texts(await source.fetch(10, 5)) == ["a"]
        await source.close()


async def test_entries_trimmed_while_pending_are_acknowledged_and_told(stream: Stream) -> None:
    await stream.add("a", "b", "c")
    gone = stream.consumer("gone")
    await gone.open()
    await receive(gone, 3, PATIENCE)
    await gone.close()
    await stream.plain.xtrim(stream.key, maxlen=1, approximate=False)
    back = stream.consumer("gone")
    await back.open()
    (record,) = await back.fetch(10, 0)
    assert record.body == b"c"
    assert [why.partition(":")[0] for why in stream.told] == [
        "2 entries lost, trimmed from the stream while they were pending"
    ]
    assert await back.settle(done([record])) == []
    assert sum((await stream.pending()).values()) == 0
    await back.close()


async def test_entries_trimmed_before_they_were_read_are_told_each_once(stream: Stream) -> None:
    source = stream.consumer(create_stream=True)
    await source.open()
    await stream.add("read")
    await source.settle(done(await receive(source, 1, PATIENCE)))
    await source.close()
    await stream.add(*(str(n) for n in range(10)), maxlen=4, approximate=False)
    await source.open()
    records = await receive(source, 4, PATIENCE)
    assert texts(records) == ["6", "7", "8", "9"]
    assert stream.told == ["6 entries lost, trimmed from the stream before they were read"]
    await source.settle(done(records))
    for _ in range(2):
        await source.close()
        await source.open()
        assert await source.fetch(10, 0) == []
    await stream.add(*(str(n) for n in range(3)), maxlen=1, approximate=False)
    await source.close()
    await source.open()
    assert texts(await receive(source, 1, PATIENCE)) == ["2"]
    assert stream.told[1:] == ["2 entries lost, trimmed from the stream before they were read"]
    await source.close()


async def test_a_group_that_is_gone_is_made_anew_where_it_was(stream: Stream) -> None:
    await stream.add("a", "b")
    source = stream.consumer()
    await source.open()
    records = await receive(source, 2, PATIENCE)
    await source.settle(done(records))
    await stream.plain.xgroup_destroy(stream.key, stream.group)
    await stream.add("c")
    assert texts(await receive(source, 1, PATIENCE)) == ["c"]
    assert [move[:2] for move in stream.checkpoints.moves] == [(stream.key, records[-1].id)]
    assert "made anew" in stream.told[0]
    await source.close()


async def test_after_a_flush_the_new_stream_is_read_from_its_start(stream: Stream) -> None:
    await stream.plain.xadd(stream.key, {"text": "old"}, id="9999999999999-0")
    source = stream.consumer(start="LATEST", create_stream=True)
    await source.open()
    await stream.plain.xadd(stream.key, {"text": "older"}, id="9999999999999-1")
    await source.settle(done(await receive(source, 1, PATIENCE)))
    await stream.plain.delete(stream.key)
    await stream.add("new")
    assert texts(await receive(source, 1, PATIENCE)) == ["new"]
    assert [move[:2] for move in stream.checkpoints.moves] == [(stream.key, "0")]
    await source.close()


async def test_a_stream_that_does_not_exist_is_missing_and_then_read_whole(stream: Stream) -> None:
    """LATEST too: all that it has came after we first looked."""
    source = stream.consumer(start="LATEST")
    with pytest.raises(Missing, match=f"has no stream {stream.key}; create_stream: true makes it"):
        await source.open()
    await stream.add("first")
    await source.open()
    assert texts(await receive(source, 1, PATIENCE)) == ["first"]
    await source.close()


async def test_settled_entries_are_deleted_where_the_options_say_so(stream: Stream) -> None:
    await stream.add("a", "b")
    source = stream.consumer(delete_settled=True)
    await source.open()
    a, _ = await receive(source, 2, PATIENCE)
    await source.settle(done([a]))
    assert [fields["text"] for _, fields in await stream.plain.xrange(stream.key)] == ["b"]
    await source.close()


async def test_a_consumer_long_gone_is_removed_unless_it_holds_something(stream: Stream) -> None:
    await stream.add("a")
    await stream.plain.xgroup_create(stream.key, stream.group, "0")
    for name in ("idle", "holder"):
        await stream.plain.xgroup_createconsumer(stream.key, stream.group, name)
    await stream.plain.xreadgroup(stream.group, "holder", {stream.key: ">"})
    await asyncio.sleep(1.1)
    source = stream.consumer("here", lease_seconds=60, consumer_retention_seconds=1)
    await source.open()
    assert await source.fetch(10, 0) == []
    assert {name: n for name, n in (await stream.pending()).items() if name != "here"} == {"holder": 1}
    await source.close()


async def test_backlog_is_what_the_group_was_not_given(stream: Stream) -> None:
    await stream.add("a", "b", "c")
    source = stream.consumer()
    await source.open()
    assert await source.backlog() == 3
    await receive(source, 3, PATIENCE)
    assert await source.backlog() == 0
    await source.close()


async def test_backlog_where_the_server_cannot_tell(stream: Stream) -> None:
    """Entries were deleted from what is still to be read: all that the stream has, or nothing once all was given out."""
    _, b, _ = await stream.add("a", "b", "c")
    source = stream.consumer()
    await source.open()
    await source.fetch(1, 0)
    await stream.plain.xdel(stream.key, b)
    assert await source.backlog() == 2
    await receive(source, 1, PATIENCE)
    assert await source.backlog() == 0


async def test_a_fetch_that_waits_is_told_when_the_hold_is_over(stream: Stream) -> None:
    await stream.add("a")
    source = stream.consumer()
    await source.open()
    source.hold([stream.key])
    fetching = asyncio.create_task(source.fetch(10, 20))
    await asyncio.sleep(0.1)
    began = time.monotonic()
    source.hold([])
    assert await fetching == []
    assert time.monotonic() - began < 10
    assert texts(await receive(source, 1, PATIENCE)) == ["a"]
    await source.close()


@pytest.mark.parametrize(
    ("to", "expected", "position"),
    [("TRIM_HORIZON", "abcd", "0"), ("LATEST", "d", "1-3"), ("1-1", "bcd", "1-1"), ("AT_TIMESTAMP", "abcd", "")],
)
async def test_an_operator_sends_the_group_elsewhere(to: str, expected: str, position: str, stream: Stream) -> None:
    """What was pending comes again where that lies behind, and is passed over else."""
    for n, text in enumerate("abc", 1):
        await stream.plain.xadd(stream.key, {"text": text}, id=f"1-{n}")
    source = stream.consumer()
    await source.open()
    records = await receive(source, 3, PATIENCE)
    assert (
        await source.settle([*done(records[:1]), *(Settlement(record, Outcome.RELEASED) for record in records[1:])])
        == []
    )
    await source.close()
    again = stream.consumer()
    found = await again.seek(None, to, 0.001 if to == "AT_TIMESTAMP" else None)
    assert found == {stream.key: position or "0-18446744073709551615"}
    await stream.plain.xadd(stream.key, {"text": "d"}, id="1-4")
    await again.open()
    assert "".join(texts(await receive(again, len(expected), PATIENCE))) == expected
    assert await again.fetch(10, 0) == []


async def test_a_group_is_not_sent_elsewhere_under_a_consumers_hands(stream: Stream) -> None:
    await stream.add("a")
    working = stream.consumer("working")
    await working.open()
    records = await receive(working, 1, PATIENCE)
    with pytest.raises(SourceError, match="consumer working still handles entries of stream"):
        await stream.consumer().seek(stream.key, "TRIM_HORIZON", None)
    await working.settle(done(records))
    assert await stream.consumer().seek(stream.key, "TRIM_HORIZON", None) == {stream.key: "0"}


async def test_what_cannot_be_sought_is_refused_in_words(stream: Stream) -> None:
    with pytest.raises(Missing, match="has no stream"):
        await stream.consumer().seek(None, "LATEST", None)
    await stream.add("a")
    with pytest.raises(SourceError, match="'yesterday' is no id of an entry, such as"):
        await stream.consumer().seek(None, "yesterday", None)
    with pytest.raises(SourceError, match="there is no partition 'other'"):
        await stream.consumer().seek("other", "LATEST", None)


async def test_a_frozen_server_is_unreachable_in_time(
    private_redis: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_server, "ANSWER_SECONDS", 1.0)
    server = private_redis()
    async with client(server.port) as plain:
        stream = Stream(plain, server.port)
        source = stream.consumer(create_stream=True)
        await source.open()
        server.freeze()
        with pytest.raises(Unreachable, match=r"did not answer in time"):
            await source.fetch(10, 0)
        server.thaw()
        await source.close()


async def test_nothing_is_lost_when_the_server_is_killed_and_comes_back(private_redis: Callable[..., Server]) -> None:
    """With its log on disk: what was settled is over, what was in hand comes again."""
    server = private_redis("--appendonly", "yes", "--appendfsync", "always")
    async with client(server.port) as plain:
        stream = Stream(plain, server.port)
        await stream.add(*(str(n) for n in range(10)))
        source = stream.consumer(lease_seconds=60)
        await source.open()
        records = await receive(source, 10, PATIENCE)
        await source.settle(done(records[:4]))
        server.kill()
        with pytest.raises(Unreachable):
            await source.settle(done(records[4:]))
        await source.close()
        server.start()
        await _until_open(source)
        assert texts(await receive(source, 6, PATIENCE)) == [str(n) for n in range(4, 10)]
        await source.close()


async def _until_open(source: RedisStreamSource) -> None:
    """As the engine does it: again and again while the server loads its data."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                await source.open()
            except (Throttled, Unreachable):
                await asyncio.sleep(0.05)
            else:
                return


async def test_a_probe_makes_no_group_and_tells_what_is_not_there(stream: Stream) -> None:
    options = RedisStreamOptions(stream=stream.key, port=stream.port)
    with pytest.raises(Missing, match=f"has no stream {stream.key}; create_stream: true makes it"):
        await RedisStreamSource(options).probe()
    await stream.add("a")
    assert stream.key in (await RedisStreamSource(options).probe()).label
    assert await stream.plain.xinfo_groups(stream.key) == []
    await stream.plain.delete(stream.key)
    await stream.plain.rpush(stream.key, "a")
    with pytest.raises(Missing, match="the key holds a list"):
        await RedisStreamSource(options).probe()
