"""The client's messages -> records. Pure; no I/O."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from kafka import TopicPartition

from connectors.contract import Record
from connectors.kafka.positions import name_of

TIMESTAMP_TYPES = {0: "CREATE_TIME", 1: "LOG_APPEND_TIME"}


def records_of(partition: TopicPartition, messages: Sequence[Any]) -> Iterator[Record]:
    """In their order. The handle is the partition and the offset."""
    name = name_of(partition)
    for message in messages:
        metadata = {
            "topic": message.topic,
            "partition": message.partition,
            "offset": message.offset,
            "timestamp": message.timestamp,
            "timestampType": TIMESTAMP_TYPES.get(message.timestamp_type, "CREATE_TIME"),
            "key": message.key,
            "headers": message.headers,
        }
        if message.value is None:
            metadata["tombstone"] = True
        position = str(message.offset)
        yield Record(
            id=f"{name}:{position}",
            body=message.value or b"",
            lane=name,
            metadata=metadata,
            handle=(partition, message.offset),
            partition=name,
            position=position,
            key=message.key,
            arrived=message.timestamp / 1000 if message.timestamp >= 0 else None,
        )
