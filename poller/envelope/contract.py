"""What an envelope is: one record's share of an event, and the event from its shares. Each record is encoded exactly once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from connectors.contract import Record


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

    overhead: bytes of an event without records; an event has ``overhead + sum of shares + commas`` bytes.
    max_records: records an event may have, where the service fixes it; None: as the mapping says.
    """

    overhead: int
    max_records: int | None

    def shape(self, record: Record) -> dict[str, Any]:
        """The record as a filter sees it: the source's own event record."""
        ...

    def encode(self, shape: dict[str, Any]) -> bytes:
        """The record's share of the event, JSON."""
        ...

    def assemble(self, parts: Sequence[bytes], batch: About = NOTHING) -> bytes:
        """The event, in the order of the shares; there may be none in the last event of a tumbling window."""
        ...


def as_json(value: Any) -> bytes:
    """Encode a value whatever a sender has put into its strings: a body that cannot be encoded would stop its mapping."""
    try:
        return orjson.dumps(value)
    except (
        TypeError
    ):  # half of a surrogate pair, which queues other than SQS let through; the json module writes its escape
        return json.dumps(value, separators=(",", ":")).encode()
