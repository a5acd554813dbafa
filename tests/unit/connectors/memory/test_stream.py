from __future__ import annotations

import contextlib
import uuid
from collections.abc import AsyncIterator, Collection, Sequence

import pytest

from connectors.contract import Outcome, Reader, Record, Settlement
from connectors.memory.stream import MemoryStream, MemoryStreamOptions, MemoryStreamSource, stream
from connectors.testing import Breakable, MemoryCheckpoints, Message, OutageContract, StreamContract, StreamRig


class MemoryStreamRig(StreamRig, Breakable):
    def __init__(self, *, prefix: bool) -> None:
        super().__init__()
        self.options = MemoryStreamOptions(stream=str(uuid.uuid4()), prefix=prefix)
        self.server = stream(self.options.stream, self.partitions)

    def stream(self) -> MemoryStreamSource:
        return MemoryStreamSource(self.options)

    async def send(self, messages: Sequence[Message]) -> None:
        for message in messages:
            partition = self.server.partitions[self.place(message)]
            self.server.send(message.body, message.lane, partition=partition)

    async def cut(self) -> None:
        self.server.cut()

    async def mend(self) -> None:
        self.server.mend()


class TestPositions(StreamContract, OutageContract):
    @contextlib.asynccontextmanager
    async def rig(self, lease_seconds: float) -> AsyncIterator[MemoryStreamRig]:
        yield MemoryStreamRig(prefix=True)


class TestRecordsByThemselves(StreamContract, OutageContract):
    @contextlib.asynccontextmanager
    async def rig(self, lease_seconds: float) -> AsyncIterator[MemoryStreamRig]:
        yield MemoryStreamRig(prefix=False)


async def forget(partitions: Collection[str]) -> None:
    """Nothing is in hand."""


@contextlib.asynccontextmanager
async def opened(stream: str, *, prefix: bool, checkpoints: MemoryCheckpoints) -> AsyncIterator[MemoryStreamSource]:
    source = MemoryStreamSource(MemoryStreamOptions(stream=stream, prefix=prefix))
    source.read_as(Reader("reader", "TRIM_HORIZON", None, checkpoints, forget))
    await source.open()
    yield source
    await source.close()


def made(partitions: int = 1) -> tuple[str, MemoryStream]:
    name = str(uuid.uuid4())
    return name, stream(name, partitions)


async def bodies(source: MemoryStreamSource) -> tuple[list[str], list[Record]]:
    records = await source.fetch(100, 0)
    return [bytes(record.body).decode() for record in records if isinstance(record.body, bytes)], records


def done(records: Sequence[Record]) -> list[Settlement]:
    return [Settlement(record, Outcome.DELIVERED) for record in records]


@pytest.mark.parametrize("prefix", [True, False])
async def test_children_are_read_when_all_of_their_parents_is_settled(prefix: bool) -> None:
    name, stream = made(2)
    left, right = stream.partitions
    stream.send("left", partition=left)
    stream.send("right", partition=right)
    child = stream.merge(left, right)
    one, other = stream.split(child)
    stream.send("one", partition=one)
    stream.send("other", partition=other)
    async with opened(name, prefix=prefix, checkpoints=MemoryCheckpoints()) as source:
        first, records = await bodies(source)
        assert sorted(first) == ["left", "right"]
        await source.settle(done(records[:1]))
        assert await bodies(source) == ([], [])
        await source.settle(done(records[1:]))
        assert sorted((await bodies(source))[0]) == ["one", "other"]


async def test_a_parent_takes_no_more_records() -> None:
    _, stream = made()
    stream.split(stream.partitions[0])
    with pytest.raises(ValueError, match="takes no more records"):
        stream.send("late", partition=stream.partitions[0])
    stream.send("by its key", "k")


@pytest.mark.parametrize("prefix", [True, False])
async def test_what_is_trimmed_is_never_read_and_blocks_no_child(prefix: bool) -> None:
    name, stream = made()
    [parent] = stream.partitions
    for n in range(4):
        stream.send(f"{n}", partition=parent)
    checkpoints = MemoryCheckpoints()
    async with opened(name, prefix=prefix, checkpoints=checkpoints) as source:
        source.hold([parent])
        stream.trim(parent, 3)
        source.hold([])
        texts, records = await bodies(source)
        assert texts == ["3"]
        await source.settle(done(records))
    stream.send("4", partition=parent)
    stream.trim(parent, 2)
    stream.split(parent)
    stream.send("child", "k")
    async with opened(name, prefix=prefix, checkpoints=checkpoints) as source:
        assert (await bodies(source))[0] == ["child"]


async def test_a_jump_over_trimmed_records_is_told() -> None:
    name, stream = made()
    [partition] = stream.partitions
    checkpoints = MemoryCheckpoints()
    async with opened(name, prefix=True, checkpoints=checkpoints) as source:
        for n in range(4):
            stream.send(f"{n}")
        _, records = await bodies(source)
        await source.settle(done(records[:1]))
    stream.trim(partition, 3)
    async with opened(name, prefix=True, checkpoints=checkpoints) as source:
        assert (await bodies(source))[0] == ["3"]
    assert [(jump[0], jump[1]) for jump in checkpoints.moves] == [(partition, "3")]


async def test_partitions_that_others_read_come_back_where_they_were_left() -> None:
    name, stream = made()
    [partition] = stream.partitions
    async with opened(name, prefix=True, checkpoints=MemoryCheckpoints()) as source:
        for n in range(3):
            stream.send(f"{n}")
        _, records = await bodies(source)
        await source.settle(done(records[:1]))
        await source.give_up(partition)
        assert await bodies(source) == ([], [])
        source.take_back(partition)
        assert (await bodies(source))[0] == ["1", "2"]


@pytest.mark.parametrize(
    ("position", "bodies"),
    [
        ("TRIM_HORIZON", [b"a", b"b", b"c"]),
        ("AT_TIMESTAMP 20.0", [b"b", b"c"]),
        ("AT_TIMESTAMP 20.5", [b"c"]),
        ("LATEST", []),
        ("2", [b"c"]),
    ],
)
async def test_a_partition_that_an_operator_has_sent_elsewhere_begins_there(position: str, bodies: list[bytes]) -> None:
    name = uuid.uuid4().hex
    there = stream(name)
    for at, body in enumerate(("a", "b", "c"), start=1):
        there.send(body, arrived=at * 10.0)
    checkpoints = MemoryCheckpoints()
    await checkpoints.move(there.partitions[0], position, "an operator's word")

    async def revoke(_: Collection[str]) -> None:
        raise AssertionError

    source = MemoryStreamSource(MemoryStreamOptions(stream=name))
    source.read_as(Reader("m", "TRIM_HORIZON", None, checkpoints, revoke))
    await source.open()
    assert [record.body for record in await source.fetch(10, 0.0)] == bodies
    await source.close()
