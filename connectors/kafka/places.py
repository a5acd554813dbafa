"""Where a consumer group goes on: what it has committed, changed from outside while it has no members.

Blocking; for a thread, once the topic was seen to be there. A group with members refuses: they would commit over it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kafka import KafkaConsumer, OffsetAndMetadata, TopicPartition
from kafka import errors as client

from connectors.contract import Missing, Refused, SourceError
from connectors.kafka.loop import new_client
from connectors.kafka.positions import name_of

PATIENCE_MS = 30_000
"""For each question to the brokers."""


def send(
    config: Mapping[str, Any], group: str, topic: str, *, partition: str | None, to: str, timestamp: float | None
) -> dict[str, str]:
    """Have a group go on there; see ``Seekable``. Returns partition -> offset of the next record.

    config: the client's settings of servers and security. Raises ``SourceError`` and errors of the client.
    """
    consumer = KafkaConsumer(
        group_id=group,
        enable_auto_commit=False,
        kafka_client=lambda **_: new_client(config, lambda _: None),
        bootstrap_timeout_ms=PATIENCE_MS,
        metrics_enabled=False,
        **config,
    )
    try:
        offsets = _offsets(consumer, _chosen(consumer, topic, partition), to, timestamp)
        consumer.assign(list(offsets))
        consumer.commit(
            {each: OffsetAndMetadata(offset, "", -1) for each, offset in offsets.items()}, timeout_ms=PATIENCE_MS
        )
    except (client.UnknownMemberIdError, client.CommitFailedError, client.RebalanceInProgressError) as error:
        sentence = f"consumer group {group} still has members, which would commit over it: stop them all"
        raise Refused(sentence) from error
    finally:
        consumer.close(autocommit=False, timeout_ms=PATIENCE_MS)
    return {name_of(each): str(offset) for each, offset in offsets.items()}


def _chosen(consumer: Any, topic: str, partition: str | None) -> list[TopicPartition]:
    found = [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic))]
    chosen = [each for each in found if partition in {None, name_of(each)}]
    if not chosen:
        raise Missing(f"there is no partition {partition!r}: {name_of(found[0])} to {name_of(found[-1])}")
    return chosen


def _offsets(
    consumer: Any, partitions: list[TopicPartition], to: str, timestamp: float | None
) -> dict[TopicPartition, int]:
    """Offset of the next record, by partition."""
    first: dict[TopicPartition, int] = consumer.beginning_offsets(partitions, timeout_ms=PATIENCE_MS)
    if to == "TRIM_HORIZON":
        return first
    end: dict[TopicPartition, int] = consumer.end_offsets(partitions, timeout_ms=PATIENCE_MS)
    if to == "LATEST":
        return end
    if to == "AT_TIMESTAMP":
        milliseconds = int((timestamp or 0.0) * 1000)
        found = consumer.offsets_for_times(dict.fromkeys(partitions, milliseconds), timeout_ms=PATIENCE_MS)
        return {each: found[each].offset if found.get(each) else end[each] for each in partitions}
    return {each: _after(to, name_of(each), first[each], end[each]) for each in partitions}


def _after(position: str, partition: str, first: int, end: int) -> int:
    offset = int(position) + 1 if position.isdecimal() else -1
    if not first <= offset <= end:
        held = f"holds offsets {first} to {end - 1}" if end > first else "is empty"
        raise SourceError(f"{position} is no place in {partition}, which {held}")
    return offset
