"""The client's loop by itself, without a broker."""

from __future__ import annotations

from typing import Any

import pytest
from kafka.protocol.consumer import FetchRequest, JoinGroupRequest, OffsetCommitRequest, SyncGroupRequest
from kafka.protocol.metadata import MetadataRequest
from kafka.protocol.schemas.fields.codecs import EncodeBuffer, EncodeBufferPool

from connectors.contract import Unreachable
from connectors.kafka.loop import REQUEST_BYTES, ClientLoop

MANY = 3000


def requests() -> list[Any]:
    """What members send, of many partitions, topics or bytes."""
    commit, fetch = OffsetCommitRequest.OffsetCommitRequestTopic, FetchRequest.FetchTopic
    return [
        JoinGroupRequest(
            group_id="g", session_timeout_ms=1, rebalance_timeout_ms=1, member_id="m", group_instance_id=None,
            protocol_type="consumer", protocols=[("cooperative-sticky", b"x" * 100_000)],
        ),
        SyncGroupRequest(
            group_id="g", generation_id=1, member_id="m", group_instance_id=None, protocol_type="consumer",
            protocol_name="cooperative-sticky", assignments=[(f"member-{n}", b"y" * 50) for n in range(MANY)],
        ),
        OffsetCommitRequest(
            group_id="g", generation_id_or_member_epoch=1, member_id="m", group_instance_id=None,
            topics=[commit(name="t", partitions=[
                commit.OffsetCommitRequestPartition(
                    partition_index=n, committed_offset=n, committed_leader_epoch=1, committed_metadata="",
                ) for n in range(MANY)
            ])],
        ),
        FetchRequest(
            max_wait_ms=1, min_bytes=1, max_bytes=1, isolation_level=0, session_id=1, session_epoch=1,
            topics=[fetch(topic="t", partitions=[
                fetch.FetchPartition(
                    partition=n, current_leader_epoch=1, fetch_offset=n, last_fetched_epoch=-1, log_start_offset=-1,
                    partition_max_bytes=1,
                ) for n in range(MANY)
            ])],
            forgotten_topics_data=[], rack_id="",
        ),
        MetadataRequest(topics=[(f"topic-{n}",) for n in range(MANY)]),
    ]  # fmt: skip


async def test_a_loop_begins_with_a_small_buffer_for_its_requests() -> None:
    """The client's own would be 64 KB a source."""
    loop = ClientLoop({"bootstrap_servers": ["127.0.0.1:1"]}, lambda _: None)

    async def size() -> int:
        return len(EncodeBufferPool._get().buf)

    assert await loop.call(size) == REQUEST_BYTES
    await loop.close()


def test_a_request_is_the_same_whatever_buffer_it_begins_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client promises that each of its writers asks for room; with its own 64 KB few would ever have to."""

    def encoded(request: Any, version: int, size: int) -> bytes:
        monkeypatch.setattr(EncodeBufferPool._local, "buf", EncodeBuffer(size), raising=False)
        request.with_header(correlation_id=1, client_id="pollerd-1")
        return bytes(request.encode(version, header=True, framed=True))

    for request in requests():
        for version in range(max(request.min_version, 4), min(request.max_version, 8) + 1):
            whole = encoded(request, version, 1 << 20)
            assert len(whole) > 10 * REQUEST_BYTES
            assert all(encoded(request, version, size) == whole for size in (REQUEST_BYTES, REQUEST_BYTES + 7)), request


async def test_what_is_asked_of_a_loop_that_closes_ends() -> None:
    loop = ClientLoop({"bootstrap_servers": ["127.0.0.1:1"]}, lambda _: None)
    waiting = loop.call(lambda: loop.manager.wait_for(loop.manager.cluster.request_update(), 60_000))
    await loop.close()
    with pytest.raises(Unreachable, match="being closed"):
        await waiting
