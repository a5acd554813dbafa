r"""``envelope: cloudevents``: CloudEvents 1.0 in JSON, batched: the event is an array of them, for every source.

| member | holds | |---|---| | ``specversion`` | ``1.0`` | | ``id`` | of a stream ``partition:position``, else the message's own; with
``source`` unique, and the same when a record comes again | | ``source`` | the ARN; of Kafka without one ``kafka:<bootstrap servers>``;
else the source's label. Of a stream, ``/<partition>`` follows | | ``type`` | ``com.amazonaws.sqs.message``,
``com.amazonaws.kinesis.record``, ``com.amazonaws.dynamodb.INSERT`` (``MODIFY``, ``REMOVE``), \ ``org.apache.kafka.record``; of other
sources ``<source>.record`` | | ``subject``, ``partitionkey`` | the record's key, of a FIFO queue the message group; bytes that are no text
in base64; absent without one | | ``time`` | when the source took the record in, UTC, milliseconds; absent where it does not tell | |
``sequence`` | the position, its numbers with zeros before them, so that texts compare as positions do; absent where there is no order | |
``datacontenttype`` | ``application/json``, else ``text/plain``, else ``application/octet-stream``; absent without data | | ``data`` | what
the record holds: JSON as it was written, or a string | | ``data_base64`` | instead of data: bytes that are no text |

Without data: a null of Kafka. Source: CloudEvents 1.0.2, sections 3.1 and JSON format 3 and 4; the extensions Partitioning and Sequence,
whose order holds within a source: hence the partition in it. Filters see the source's own records.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

import orjson

from connectors.contract import Identity, Record
from poller.envelope.contract import NOTHING, About, Envelope, as_json
from poller.envelope.moments import with_milliseconds
from poller.envelope.payload import payload
from poller.envelope.plain import readable

_TYPES: dict[str, Callable[[dict[str, Any]], str]] = {
    "dynamodb": lambda shape: f"com.amazonaws.dynamodb.{shape['eventName']}",
    "kafka": lambda _: "org.apache.kafka.record",
    "kinesis": lambda _: "com.amazonaws.kinesis.record",
    "sqs": lambda _: "com.amazonaws.sqs.message",
}
_WIDTHS = {"dynamodb": 40, "kafka": 19, "kinesis": 56}
_WIDTH = 20
"""Digits of the longest number in a position (DynamoDB Streams API, SequenceNumber: 40); of any number of 64 bits."""

_DIGITS = re.compile("[0-9]+")
_NO_TEXT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
"""What a String may not hold; non-characters beyond the first plane apart, which nobody sends (CloudEvents 1.0.2, Type System)."""


class CloudEventsEnvelope(Envelope):
    """``[{"specversion": "1.0", ...}, ...]``. native: of the source, which is called ``name``."""

    overhead = len(b"[]")

    def __init__(self, native: Envelope, name: str, identity: Identity) -> None:
        self._native = native
        self.content = native.content
        self.batch_info = native.batch_info  # type: ignore[method-assign]  # what a failure record says is the source's affair
        self._type: Callable[[dict[str, Any]], str] = _TYPES.get(name, lambda _: f"{name}.record")
        self._width = _WIDTHS.get(name, _WIDTH)
        servers = identity.details.get("bootstrapServers")
        self._source = identity.arn or quote(f"kafka:{servers}" if servers else identity.label, safe=":/,;@")
        self._sources: dict[str, str] = {}  # by partition

    def shape(self, record: Record) -> dict[str, Any]:
        """The source's own record, for filters."""
        return self._native.shape(record)

    def encode(self, record: Record) -> bytes:
        """One CloudEvent."""
        shape = self.shape(record)
        event, data = self._attributes(record, shape), payload(record, shape, self.content)
        if data is None:
            return as_json(event)
        if _is_json(data):
            event["datacontenttype"] = "application/json"
            body = data if isinstance(data, bytes) else data.encode()
            return as_json(event)[:-1] + b',"data":' + body + b"}"
        try:
            event["data"] = data.decode() if isinstance(data, bytes) else data
            event["datacontenttype"] = "text/plain"
        except UnicodeDecodeError:
            event["data_base64"] = b64encode(data).decode()  # type: ignore[arg-type]  # bytes, since it is no text
            event["datacontenttype"] = "application/octet-stream"
        return as_json(event)

    def assemble(self, parts: Sequence[bytes], batch: About = NOTHING) -> bytes:  # noqa: ARG002  # an array says nothing of its batch
        """The event."""
        return b"[" + b",".join(parts) + b"]"

    def _attributes(self, record: Record, shape: dict[str, Any]) -> dict[str, Any]:
        partition = record.partition
        event = {
            "specversion": "1.0",
            "id": f"{partition}:{record.position}" if partition else record.id,
            "source": self._source_of(partition),
            "type": self._type(shape),
        }
        attributes = record.metadata.get("Attributes") or {}  # of SQS, where they are what streams have as members
        key = record.lane if record.key is None and not partition else record.key
        if key:
            event["subject"] = event["partitionkey"] = _string(key)
        if record.arrived is not None:
            event["time"] = with_milliseconds(record.arrived)
        elif "SentTimestamp" in attributes:
            event["time"] = with_milliseconds(int(attributes["SentTimestamp"]) / 1000)
        if position := record.position or attributes.get("SequenceNumber"):
            event["sequence"] = self._sequence(position)
        return event

    def _sequence(self, position: str) -> str:
        if position.isdecimal():
            return position.zfill(self._width)
        return _DIGITS.sub(lambda number: number[0].zfill(self._width), position)

    def _source_of(self, partition: str) -> str:
        found = self._sources.get(partition)
        if found is None:
            found = f"{self._source}/{quote(partition, errors='surrogatepass')}" if partition else self._source
            self._sources[partition] = found
        return found


def _is_json(data: bytes | str) -> bool:
    try:
        orjson.loads(data)
    except orjson.JSONDecodeError:
        return False
    return True


def _string(value: bytes | str) -> str:
    """A value as the type String allows it."""
    found = readable(value)
    if not _NO_TEXT.search(found):
        return found
    return b64encode(value.encode(errors="surrogatepass") if isinstance(value, str) else value).decode()
