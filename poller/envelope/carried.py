"""For envelopes that any source may have: the source's own shape, for filters, with the record still at hand, for the event."""

from __future__ import annotations

from typing import Any, cast

from connectors.contract import Record
from poller.envelope.content import Content
from poller.envelope.contract import Envelope, as_json


class Carried(dict[str, Any]):
    """A shape and its record."""

    __slots__ = ("record",)
    record: Record


def carry(native: Envelope, record: Record) -> Carried:
    """The record's own shape."""
    carried = Carried(native.shape(record))
    carried.record = record
    return carried


def carried(shape: dict[str, Any]) -> Record:
    """The record of a shape that ``carry`` made."""
    return cast("Carried", shape).record


def payload(shape: dict[str, Any], content: Content) -> bytes | str | None:
    """What the record holds, undecoded: its body, or JSON where the source has an object (DynamoDB). None where it has a null."""
    holder = shape[content.inside] if content.inside else shape
    held = holder.get(content.key)
    if held is None:
        return None
    return as_json(held) if isinstance(held, dict | list) else carried(shape).body
