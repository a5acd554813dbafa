"""What the client has fetched of a partition -> records, in one pass over the bytes.

The client itself takes a call for each number of a record and makes two objects of it before ours: 5.5 of the 6 µs a record that a bare
loop around it needs (3.0.12, CPython 3.11). Here it is 1.5 µs. What belongs to the protocol stays with the client: requests, compression,
checksums, transactions, the old message formats.

Source: Apache Kafka, Message format (record batch, message format v2).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from kafka import TopicPartition
from kafka import errors as client
from kafka.consumer.fetcher import Fetcher, IsolationLevel

from connectors.contract import Record
from connectors.kafka.positions import name_of

TIMESTAMP_TYPES = ("CREATE_TIME", "LOG_APPEND_TIME")
LATEST_FORMAT = 2
ONE = 127
"""The largest number of one byte."""
Header = tuple[str, bytes | None]
NO_HEADERS: tuple[Header, ...] = ()
"""No list: the garbage collector need not look at a record whose description has none."""
Message = tuple[int, int, bytes | None, bytes | None, Sequence[Header]]
"""Offset, timestamp, key, value, headers."""


class Place(NamedTuple):
    """Of the records of one batch. name: topic-number. timestamps: what their time is."""

    name: str
    topic: str
    number: int
    timestamps: str


class FetchedRecords(Fetcher.PartitionRecords):  # type: ignore[misc] # the client has no types
    """Records of one partition that one fetch has brought, as the client's fetcher wants them: an iterator that says how far it is.

    ``next_fetch_offset`` goes with it, since whoever takes them may stop anywhere.
    """

    def _unpack_records(self, partition: TopicPartition, batches: Any, *_: Any) -> Iterator[Record]:
        name = name_of(partition)
        while (batch := batches.next_batch()) is not None:
            if self.check_crcs and not batch.validate_crc():
                raise client.CorruptRecordError(f"a batch of {name} at {batch.base_offset} fails its checksum")
            place = Place(name, partition.topic, partition.partition, TIMESTAMP_TYPES[batch.timestamp_type or 0])
            for message in self._messages(batch):
                self.next_fetch_offset = message[0] + 1
                yield record_of(place, message)
            if batch.magic == LATEST_FORMAT:
                self.next_fetch_offset = batch.next_offset  # the last records of a batch may be gone by compaction
            self.bytes_read += batch.size_in_bytes
        self.drain()

    def _maybe_skip_record(self, record: Record) -> bool:
        """A batch comes whole, and may begin before what was asked for."""
        return bool(record.handle < self.fetch_offset)

    def _messages(self, batch: Any) -> Iterable[Message]:
        if batch.magic < LATEST_FORMAT:
            return self._of_old_format(batch)
        self.leader_epoch = batch.leader_epoch
        return () if self._is_hidden(batch) else messages_of(batch)

    def _is_hidden(self, batch: Any) -> bool:
        """Whether its records are not for readers: of a transaction that was aborted, or marks of the broker's."""
        if self.isolation_level == IsolationLevel.READ_COMMITTED and batch.has_producer_id():
            self._consume_aborted_transactions_up_to(batch.last_offset)
            if self._contains_abort_marker(batch):
                self.aborted_producer_ids.discard(batch.producer_id)
            elif self._is_batch_aborted(batch):
                return True
        return bool(batch.is_control_batch)

    def _of_old_format(self, batch: Any) -> Iterator[Message]:
        """Read by the client. Each record has a checksum of its own; the oldest have no time."""
        for each in batch:
            if self.check_crcs and not each.validate_crc():
                raise client.CorruptRecordError(f"the record at {each.offset} fails its checksum")
            yield each.offset, -1 if each.timestamp is None else each.timestamp, each.key, each.value, each.headers


def record_of(place: Place, message: Message) -> Record:
    """The record; what it is made of goes by place, since names would take half a microsecond more."""
    name, topic, number, timestamps = place
    offset, timestamp, key, value, headers = message
    metadata = {
        "topic": topic,
        "partition": number,
        "offset": offset,
        "timestamp": timestamp,
        "timestampType": timestamps,
        "key": key,
        "headers": headers,
    }
    if value is None:
        metadata["tombstone"] = True
    position, arrived = str(offset), timestamp / 1000 if timestamp >= 0 else None
    return Record(f"{name}:{position}", value or b"", name, metadata, offset, 1, name, position, key, arrived)


def messages_of(batch: Any) -> list[Message]:
    """All of a batch of the client's, in order. Raises ``CorruptRecordError``."""
    batch._maybe_uncompress()  # noqa: SLF001 - the client has no other way to it
    data = bytes(memoryview(batch._buffer)[batch._pos :])  # noqa: SLF001 - the client offers no other way (as of 3.0.12)
    clock = batch.max_timestamp if batch.timestamp_type else None
    try:
        messages, end = _read(data, batch.records_count, batch.base_offset, batch.first_timestamp, clock)
    except (IndexError, ValueError) as error:
        raise client.CorruptRecordError(f"the batch at {batch.base_offset} is none: {error!r}") from error
    if end != len(data):
        raise client.CorruptRecordError(f"the batch at {batch.base_offset} has more than its records")
    return messages


def _read(data: bytes, count: int, base: int, first: int, clock: int | None) -> tuple[list[Message], int]:
    """So many messages, and where the last one ends. clock: the time of all of them, where the topic goes by its own.

    ``n`` is a number as it stands there: its lowest bit is the sign, the highest of a byte says that another one follows. Where two bytes
    are usual they are put together in place; a call for each would take as long as all the rest.
    """
    messages: list[Message] = []
    at = 0
    for _ in range(count):
        n, at = data[at], at + 1
        if n > ONE:
            n, at = (n & ONE | data[at] << 7, at + 1) if data[at] <= ONE else _number(data, at - 1)
        end = at + (n >> 1)
        n, at = data[at + 1], at + 2  # behind attributes, which say nothing
        if n > ONE:
            n, at = _number(data, at - 1)
        timestamp = first + ((n >> 1) ^ -(n & 1)) if clock is None else clock
        n, at = data[at], at + 1
        if n > ONE:
            n, at = (n & ONE | data[at] << 7, at + 1) if data[at] <= ONE else _number(data, at - 1)
        offset = base + (n >> 1)
        n, at = data[at], at + 1
        if n > ONE:
            n, at = _number(data, at - 1)
        key, at = (None, at) if n & 1 else (data[at : at + (n >> 1)], at + (n >> 1))
        n, at = data[at], at + 1
        if n > ONE:
            n, at = (n & ONE | data[at] << 7, at + 1) if data[at] <= ONE else _number(data, at - 1)
        value, at = (None, at) if n & 1 else (data[at : at + (n >> 1)], at + (n >> 1))
        headers, at = _headers(data, at) if data[at] else (NO_HEADERS, at + 1)
        if at != end:
            raise ValueError(f"record {offset} has another length than it says")
        messages.append((offset, timestamp, key, value, headers))
    return messages, at


def _headers(data: bytes, at: int) -> tuple[list[Header], int]:
    headers: list[Header] = []
    count, at = _number(data, at)
    if count & 1:
        raise ValueError("fewer headers than none")
    for _ in range(count >> 1):
        n, at = _number(data, at)
        name, at = data[at : at + (n >> 1)].decode(), at + (n >> 1)
        n, at = _number(data, at)
        value, at = (None, at) if n & 1 else (data[at : at + (n >> 1)], at + (n >> 1))
        headers.append((name, value))
    return headers, at


def _number(data: bytes, at: int) -> tuple[int, int]:
    """A number of any length, its sign still in its lowest bit, and where it ends."""
    n, shift = 0, 0
    while (byte := data[at]) > ONE:
        n |= (byte & ONE) << shift
        at, shift = at + 1, shift + 7
    return n | byte << shift, at + 1
