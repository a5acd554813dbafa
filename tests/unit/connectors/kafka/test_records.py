"""Batches of Kafka's message format -> records: what is read of them is what the client itself reads of them."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka import TopicPartition
from kafka import errors as client
from kafka.consumer.fetcher import IsolationLevel
from kafka.protocol.consumer.fetch import FetchResponse
from kafka.record import MemoryRecords
from kafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder
from kafka.record.legacy_records import LegacyRecordBatchBuilder

from connectors.kafka.records import FetchedRecords, messages_of

PARTITION = TopicPartition("orders-2026", 7)
NOW = 1_764_085_660_107
GZIP = 1
TRANSACTION, PRODUCER = True, 41

texts = st.one_of(st.none(), st.binary(max_size=5), st.integers(0, 20_000).map(bytes))
kinds = st.tuples(
    st.integers(0, 2**40) | st.integers(0, 200),
    texts,
    texts,
    st.lists(st.tuples(st.text(max_size=80), st.none() | st.binary(max_size=70)), max_size=3),
)


def batch(
    sent: list[Any], *, base: int = 0, compression: int = 0, producer: int = -1, transactional: bool = False
) -> bytes:
    """One batch as a broker has it: offsets counted from ``base`` on."""
    builder = DefaultRecordBatchBuilder(2, compression, transactional, producer, 0, 0, 2**30)
    for number, (later, key, value, headers) in enumerate(sent):
        assert builder.append(number, NOW + later, key, value, headers)
    built = bytearray(builder.build())
    struct.pack_into(">q", built, 0, base)
    return bytes(built)


def plain(count: int) -> list[Any]:
    return [(n, b"k", b"%d" % n, []) for n in range(count)]


def fetched(data: bytes, *, offset: int = 0, **more: Any) -> FetchedRecords:
    return FetchedRecords(offset, PARTITION, MemoryRecords(data), **more)


@given(st.lists(kinds, min_size=1, max_size=300), st.integers(0, 2**50), st.sampled_from([0, GZIP]))
def test_messages_are_those_that_the_client_reads(sent: list[Any], base: int, compression: int) -> None:
    data = batch(sent, base=base, compression=compression)
    theirs = [(each.offset, each.timestamp, each.key, each.value, each.headers) for each in DefaultRecordBatch(data)]
    assert [(*each, list(headers)) for *each, headers in messages_of(DefaultRecordBatch(data))] == theirs


def test_a_record_is_called_by_its_place() -> None:
    [record, tombstone] = fetched(batch([(0, None, b"v", []), (1, b"k", None, [])], base=300), offset=300).take()
    assert (record.id, record.partition, record.lane) == ("orders-2026-7:300", "orders-2026-7", "orders-2026-7")
    assert (record.position, record.arrived, record.receive_count) == ("300", NOW / 1000, 1)
    assert (record.metadata["topic"], record.metadata["partition"]) == ("orders-2026", 7)
    assert (record.key, record.body, "tombstone" in record.metadata) == (None, b"v", False)
    assert (tombstone.key, tombstone.body, tombstone.metadata["tombstone"]) == (b"k", b"", True)


def test_the_time_of_a_topic_that_goes_by_its_own_clock_is_one_for_the_batch() -> None:
    data = bytearray(batch(plain(3)))
    data[22] |= 0x08  # attributes: timestamp type
    records = fetched(bytes(data), check_crcs=False).take()
    assert {(each.metadata["timestampType"], each.arrived) for each in records} == {
        ("LOG_APPEND_TIME", (NOW + 2) / 1000)
    }


def test_whoever_takes_may_stop_anywhere() -> None:
    found = fetched(batch(plain(5), base=10) + batch(plain(5), base=15), offset=12)
    assert [each.handle for each in found.take(2)] == [12, 13]
    assert found.next_fetch_offset == 14
    assert [each.handle for each in found.take(4)] == [14, 15, 16, 17]
    assert found.next_fetch_offset == 18
    assert [each.handle for each in found.take(100)] == [18, 19]
    assert (found.next_fetch_offset, bool(found)) == (20, False)


def test_a_batch_that_lost_its_last_records_to_compaction_is_behind_us_all_the_same() -> None:
    data = bytearray(batch(plain(2), base=10))
    struct.pack_into(">i", data, 23, 6)  # last offset delta
    found = fetched(bytes(data), offset=10, check_crcs=False)
    assert [each.handle for each in found.take(9)] == [10, 11]
    assert found.next_fetch_offset == 17


@pytest.mark.parametrize("place", [70, 90, -1])
def test_a_batch_that_was_damaged_fails_its_checksum(place: int) -> None:
    data = bytearray(batch(plain(5)))
    data[place] ^= 0x40
    with pytest.raises(client.CorruptRecordError, match="checksum"):
        fetched(bytes(data)).take(9)


@given(st.integers(61, 300), st.integers(0, 255))
def test_rubbish_is_an_error_of_the_client_or_other_messages(place: int, byte: int) -> None:
    data = bytearray(batch(plain(30)))
    data[place % len(data)] = byte
    for damaged in (bytes(data), bytes(data[:-1]), bytes(data) + b"\0"):
        try:
            found = messages_of(DefaultRecordBatch(damaged))
        except client.CorruptRecordError:
            continue
        assert len(found) == 30


@pytest.mark.parametrize("magic", [0, 1])
def test_records_of_old_formats_are_read_by_the_client(magic: int) -> None:
    builder = LegacyRecordBatchBuilder(magic, 0, 2**20)
    for number in range(3):
        builder.append(number, NOW, b"k", b"%d" % number, [])
    records = fetched(bytes(builder.build())).take(9)
    assert [(each.handle, each.body, each.key) for each in records] == [(n, b"%d" % n, b"k") for n in range(3)]
    assert {each.metadata["timestampType"] for each in records} == {"CREATE_TIME"}
    assert {each.arrived for each in records} == {NOW / 1000 if magic else None}
    damaged = bytearray(builder.build())
    damaged[-1] ^= 1
    found = fetched(bytes(damaged))
    assert [each.handle for each in found.take(9)] == [0, 1]
    with pytest.raises(client.CorruptRecordError, match="checksum"):
        found.take(9)


def test_an_aborted_transaction_is_not_seen_by_who_reads_what_is_committed() -> None:
    marker = DefaultRecordBatchBuilder(2, 0, TRANSACTION, PRODUCER, 0, 0, 2**20)
    marker.append(0, NOW, struct.pack(">hh", 0, 0), b"\0\0\0\0\0\0", [])
    end = bytearray(marker.build())
    struct.pack_into(">q", end, 0, 3)
    end[22] |= 0x20  # attributes: a mark of the broker's
    data = batch(plain(3), producer=PRODUCER, transactional=True) + bytes(end) + batch(plain(2), base=4)
    aborted = [
        FetchResponse.FetchableTopicResponse.PartitionData.AbortedTransaction(producer_id=PRODUCER, first_offset=0)
    ]
    found = fetched(data, check_crcs=False, isolation_level=IsolationLevel.READ_COMMITTED, aborted_transactions=aborted)
    assert [each.handle for each in found.take(9)] == [4, 5]
    assert (found.next_fetch_offset, found.aborted_producer_ids) == (6, set())
    seen = fetched(data, check_crcs=False)
    assert [each.handle for each in seen.take(9)] == [0, 1, 2, 4, 5]
