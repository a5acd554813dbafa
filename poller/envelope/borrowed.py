"""Another service's event for a source with a shape of its own: filters and failure records go by that one, functions see the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from connectors.contract import Record
from poller.envelope.contract import NOTHING, About, Envelope


class BorrowedEnvelope(Envelope):
    """Events of ``other``, which reads the same records as ``native``."""

    def __init__(self, native: Envelope, other: Envelope) -> None:
        self._native = native
        self._other = other
        self.overhead = other.overhead
        self.max_records = other.max_records
        self.tumbling = other.tumbling
        self.content = native.content
        self.batch_info = native.batch_info  # type: ignore[method-assign]  # what a failure record says is the source's affair

    def shape(self, record: Record) -> dict[str, Any]:
        """The source's own record, for filters."""
        return self._native.shape(record)

    def encode(self, record: Record) -> bytes:
        """The other's record."""
        return self._other.encode(record)

    def assemble(self, parts: Sequence[bytes], batch: About = NOTHING) -> bytes:
        """The other's event."""
        return self._other.assemble(parts, batch)
