"""``envelope: raw``: the event is a JSON array of what the records hold.

What is JSON stands there as it was written, other text as a string, bytes that are no UTF-8 as a string of base64, a null (Kafka) as null;
of DynamoDB Streams, whose records hold no bytes, it is the member ``dynamodb``. Filters see the source's own records.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from connectors.contract import Record
from poller.envelope.contract import NOTHING, About, Envelope, as_json
from poller.envelope.payload import payload
from poller.envelope.plain import readable


class RawEnvelope(Envelope):
    """``[body, body, ...]``. native: of the source."""

    overhead = len(b"[]")

    def __init__(self, native: Envelope) -> None:
        self._native = native
        self.content = native.content
        self.batch_info = native.batch_info  # type: ignore[method-assign]  # what a failure record says is the source's affair

    def shape(self, record: Record) -> dict[str, Any]:
        """The source's own record, for filters."""
        return self._native.shape(record)

    def encode(self, record: Record) -> bytes:
        """The body. JSON goes in as it was written: reading and writing it again would change long numbers and fail on depth."""
        body = payload(record, self.shape(record), self.content)
        if body is None:
            return b"null"
        try:
            orjson.loads(body)
        except orjson.JSONDecodeError:
            return as_json(readable(body))
        return body if isinstance(body, bytes) else body.encode()

    def assemble(self, parts: Sequence[bytes], batch: About = NOTHING) -> bytes:  # noqa: ARG002  # an array says nothing of its batch
        """The event."""
        return b"[" + b",".join(parts) + b"]"
