"""What records carry of the traces they were sent in: SQS in the system's attribute AWSTraceHeader, Kafka in headers. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice

from connectors.contract import Record

HEADERS = frozenset({"traceparent", "x-amzn-trace-id"})
MOST = 32
"""Of one batch: what is told of each takes room in every span of it."""


def carried(records: Sequence[Record]) -> tuple[str, ...]:
    """Headers of different traces, of the first records that have one; each as it came, X-Amzn-Trace-Id or traceparent."""
    found = dict.fromkeys(header for record in records if (header := _of(record)))
    return tuple(islice(found, MOST))


def _of(record: Record) -> str:
    """Of one record, "" where it has none."""
    metadata = record.metadata
    attributes = metadata.get("Attributes")
    if isinstance(attributes, Mapping):
        header = attributes.get("AWSTraceHeader", "")
        return header if isinstance(header, str) else ""
    for name, value in metadata.get("headers") or ():
        if name.lower() in HEADERS and isinstance(value, bytes):
            return value.decode(errors="replace")
    return ""
