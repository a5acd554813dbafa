"""The shape of a record whose source has none of its own: what every record has. Seen by filters, delivered by nothing.

``id``, ``body`` (text; bytes that are no UTF-8 in base64), and of streams ``partition``, ``position``, ``key``, ``arrived``.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from typing import Any

from connectors.contract import Record
from poller.envelope.contract import NOTHING, About, Envelope, listed


class PlainEnvelope(Envelope):
    """``{"Records": [...]}``."""

    overhead = len(b'{"Records":[]}')
    tumbling = True

    def shape(self, record: Record) -> dict[str, Any]:
        """What is known of the record."""
        shape: dict[str, Any] = {"id": record.id, "body": readable(record.body)}
        if record.partition:
            shape |= {"partition": record.partition, "position": record.position}
        if record.key is not None:
            shape["key"] = readable(record.key)
        if record.arrived is not None:
            shape["arrived"] = record.arrived
        return shape

    def assemble(self, parts: Sequence[bytes], batch: About = NOTHING) -> bytes:
        """The event."""
        return listed(parts, batch)


def readable(data: bytes | str) -> str:
    """As text; bytes that are no UTF-8 in base64."""
    if isinstance(data, str):
        return data
    try:
        return data.decode()
    except UnicodeDecodeError:
        return b64encode(data).decode()
