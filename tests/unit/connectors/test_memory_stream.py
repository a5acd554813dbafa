"""What no other stream needs to be told about streams in memory; the rest is the conformance kit's."""

from __future__ import annotations

import uuid
from collections.abc import Collection

import pytest

from connectors.contract import Reader
from connectors.memory_stream import MemoryStreamOptions, MemoryStreamSource, stream
from connectors.testing import MemoryCheckpoints


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
