"""What an envelope is: one record's share of an event, and the event from its shares. Each record is encoded exactly once."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from connectors.contract import Record
from poller.envelope.content import Content
from poller.envelope.moments import with_milliseconds


@dataclass(frozen=True, slots=True)
class About:
    """What an event says of its batch beside the records.

    partition: of a stream, which all records of the batch are of. window: what a tumbling window adds, in the event's order: ``window``,
    ``state``, ``shardId``, ``eventSourceARN``, ``isFinalInvokeForWindow``, ``isWindowTerminatedEarly``; None without one.
    """

    partition: str = ""
    window: Mapping[str, Any] | None = None


NOTHING = About()


class Envelope(Protocol):
    """One event shape, made for one source.

    overhead: bytes of an event without records, at most; an event has up to ``overhead + sum of shares + commas`` bytes, and in a tumbling
        window ``window_bytes`` more, which grow with the state.
    max_records: records an event may have, where the service fixes it; None: as the mapping says.
    content: where filters find what a record holds. tumbling: whether the event has a place for what a tumbling window adds.
    """

    overhead: int
    max_records: int | None = None
    content: Content = Content("body")
    tumbling: bool = False

    def shape(self, record: Record) -> dict[str, Any]:
        """The record as a filter sees it: the source's own event record."""
        ...

    def encode(self, record: Record) -> bytes:
        """The record's share of the event, JSON. Here: its shape."""
        return as_json(self.shape(record))

    def assemble(self, parts: Sequence[bytes], batch: About = NOTHING) -> bytes:
        """The event, in the order of the shares; there may be none in the last event of a tumbling window."""
        ...

    def batch_info(self, records: Sequence[Record], partition: str) -> dict[str, dict[str, Any]]:
        """What a failure record says of its batch, under the source's own key: ``{"KinesisBatchInfo": {...}}``.

        records: in order, all of the partition, maybe none. A member ``payloadSize`` is filled in by whoever knows the event. Here: the
        words for streams that AWS does not know; positions instead of sequence numbers.
        """
        return {"StreamBatchInfo": batch_extent(records, partition)}


def window_bytes(window: Mapping[str, Any] | None) -> int:
    """What ``About.window`` adds to an event, exactly."""
    return len(window_members(window))


def listed(parts: Sequence[bytes], batch: About) -> bytes:
    """``{"Records": [...]}`` and the members of a tumbling window."""
    return b"".join((b'{"Records":[', b",".join(parts), b"]", window_members(batch.window), b"}"))


def window_members(window: Mapping[str, Any] | None) -> bytes:
    """Members of a tumbling window, to stand behind others of the event's object."""
    return b"," + as_json(dict(window))[1:-1] if window else b""


def batch_extent(records: Sequence[Record], partition: str) -> dict[str, Any]:
    """Where a batch lies in its partition; times are left out where the source tells none."""
    if not records:
        return {"partition": partition}
    first, last = records[0], records[-1]
    extent: dict[str, Any] = {"partition": partition, "startPosition": first.position, "endPosition": last.position}
    if first.arrived is not None and last.arrived is not None:
        extent["approximateArrivalOfFirstRecord"] = with_milliseconds(first.arrived)
        extent["approximateArrivalOfLastRecord"] = with_milliseconds(last.arrived)
    return extent | {"batchSize": len(records)}


def shard_info(
    records: Sequence[Record], shard: str, arn: str, written: Callable[[float], str], *, ids: bool = False
) -> dict[str, Any]:
    """KinesisBatchInfo or DDBStreamBatchInfo, keys in recorded order. Without records it names shard and stream only.

    ids: whether a record's sequence number is its id; else it is its position.
    """
    if not records:
        return {"shardId": shard, "streamArn": arn}
    first, last = records[0], records[-1]
    return {
        "shardId": shard,
        "startSequenceNumber": first.id if ids else first.position,
        "endSequenceNumber": last.id if ids else last.position,
        "approximateArrivalOfFirstRecord": written(first.arrived or 0.0),
        "approximateArrivalOfLastRecord": written(last.arrived or 0.0),
        "batchSize": len(records),
        "streamArn": arn,
    }


def as_json(value: Any) -> bytes:
    """Encode a value whatever a sender has put into its strings: a body that cannot be encoded would stop its mapping."""
    try:
        return orjson.dumps(value)
    except (
        TypeError
    ):  # half of a surrogate pair, which queues other than SQS let through; the json module writes its escape
        return json.dumps(value, separators=(",", ":")).encode()
