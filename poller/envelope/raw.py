"""``envelope: raw``: the event is a JSON array of the bodies; a body that is JSON stands there as such, another one as a string."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from connectors.contract import Identity, Record
from poller.envelope.contract import NOTHING, About, Envelope, as_json
from poller.envelope.sqs import SqsEnvelope


class RawEnvelope(Envelope):
    """``[body, body, ...]``."""

    overhead = len(b"[]")
    max_records = None

    def __init__(self, identity: Identity, *, window: bool) -> None:
        self._sqs = SqsEnvelope(identity, window=window)

    def shape(self, record: Record) -> dict[str, Any]:
        """The queue's record, for filters."""
        return self._sqs.shape(record)

    def encode(self, shape: dict[str, Any]) -> bytes:
        """The body. JSON goes in as it was written: reading and writing it again would change long numbers and fail on depth."""
        body = shape["body"]
        try:
            orjson.loads(body)
        except orjson.JSONDecodeError:
            return as_json(body)
        return str(body).encode()

    def assemble(self, parts: Sequence[bytes], batch: About = NOTHING) -> bytes:  # noqa: ARG002  # a queue has no partitions
        """The event."""
        return b"[" + b",".join(parts) + b"]"
