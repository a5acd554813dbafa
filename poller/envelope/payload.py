"""What a record holds, for envelopes that any source may have."""

from __future__ import annotations

from typing import Any

from connectors.contract import Record
from poller.envelope.content import Content
from poller.envelope.contract import as_json


def payload(record: Record, shape: dict[str, Any], content: Content) -> bytes | str | None:
    """Undecoded: its body, or JSON where the source has an object (DynamoDB). None where it has a null. shape: the source's own."""
    holder = shape[content.inside] if content.inside else shape
    held = holder.get(content.key)
    if held is None:
        return None
    return as_json(held) if isinstance(held, dict | list) else record.body
