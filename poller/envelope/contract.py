"""What an envelope is: one record's share of an event, and the event from its shares. Each record is encoded exactly once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Protocol

import orjson

from connectors.contract import Record


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

    def assemble(self, parts: Sequence[bytes]) -> bytes:
        """The event, in the order of the shares."""
        ...


def as_json(value: Any) -> bytes:
    """Encode a value whatever a sender has put into its strings: a body that cannot be encoded would stop its mapping."""
    try:
        return orjson.dumps(value)
    except (
        TypeError
    ):  # half of a surrogate pair, which queues other than SQS let through; the json module writes its escape
        return json.dumps(value, separators=(",", ":")).encode()
