"""``redis-stream``: entries of a Redis stream, in the form of Kinesis records, and named after what they are.

| member of a record | holds |
|---|---|
| ``redis.schemaVersion`` | ``"1.0"``, of this shape |
| ``redis.stream`` | key of the stream |
| ``redis.partitionKey`` | value of the option key_field's field; null without one |
| ``redis.sequenceNumber`` | the entry's id |
| ``redis.data`` | value of the option data_field's field; without that option all fields, as the text of a JSON object |
| ``redis.isBase64Encoded`` | whether data is in base64, since the value is no UTF-8 |
| ``redis.fields`` | with data_field: all other fields, name -> text; of a name that comes twice a list; bytes that are no UTF-8 escaped |
| ``redis.approximateArrivalTimestamp`` | epoch seconds, of the entry's id |
| ``eventSource``, ``eventName`` | ``"redis:stream"``, ``"redis:stream:record"`` |
| ``eventVersion`` | ``"1.0"`` |
| ``eventID`` | ``stream:id`` |
| ``eventSourceARN`` | ``arn:pollerd:redis:::stream/<key>`` |

Filters know the data as ``data`` and the rest of ``redis`` by its names, as Kinesis has it. Reads metadata of the redis-stream connector.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from typing import Any

from connectors.contract import Identity, Record
from poller.envelope.content import Content
from poller.envelope.contract import NOTHING, About, Envelope, as_json, listed


class RedisStreamEnvelope(Envelope):
    """``{"Records": [...]}``, and the members of a tumbling window."""

    overhead = len(b'{"Records":[]}')
    content = Content("data", inside="redis")
    tumbling = True

    def __init__(self, identity: Identity, *, window: bool) -> None:  # noqa: ARG002  # a batching window leaves no trace
        self._arn = identity.arn
        self._end = b'","eventName":"redis:stream:record","eventSourceARN":%b}' % as_json(identity.arn)
        self._names: dict[str, bytes] = {}  # of streams, JSON

    def shape(self, record: Record) -> dict[str, Any]:
        """One element of Records."""
        data, encoded = text_of(record.body)
        redis: dict[str, Any] = {
            "schemaVersion": "1.0",
            "stream": record.partition,
            "partitionKey": record.key,
            "sequenceNumber": record.position,
            "data": data,
            "isBase64Encoded": encoded,
            "approximateArrivalTimestamp": record.arrived,
        }
        if named := record.metadata["dataField"]:
            redis["fields"] = _others(record.metadata["fields"], named)
        return {
            "redis": redis,
            "eventSource": "redis:stream",
            "eventVersion": "1.0",
            "eventID": f"{record.partition}:{record.position}",
            "eventName": "redis:stream:record",
            "eventSourceARN": self._arn,
        }

    def encode(self, record: Record) -> bytes:
        """The same as the record's shape, written at once. An id is made of digits and hyphens."""
        data, encoded = text_of(record.body)
        stream, named, position = (
            self._names.get(record.partition),
            record.metadata["dataField"],
            record.position.encode(),
        )
        if stream is None:
            stream = self._names[record.partition] = as_json(record.partition)
        return (
            b'{"redis":{"schemaVersion":"1.0","stream":%b,"partitionKey":%b,"sequenceNumber":"%b","data":%b,"isBase64Encoded":%b,'
            b'"approximateArrivalTimestamp":%b%b},"eventSource":"redis:stream","eventVersion":"1.0","eventID":%b:%b%b'
        ) % (
            stream,
            b"null" if record.key is None else as_json(record.key),
            position,
            as_json(data),
            b"true" if encoded else b"false",
            as_json(record.arrived),
            b',"fields":%b' % as_json(_others(record.metadata["fields"], named)) if named else b"",
            stream[:-1],
            position,
            self._end,
        )

    def assemble(self, parts: Sequence[bytes], batch: About = NOTHING) -> bytes:
        """The event."""
        return listed(parts, batch)


def text_of(body: str | bytes) -> tuple[str, bool]:
    """A body for JSON, and whether it had to be put into base64."""
    if isinstance(body, str):
        return body, False
    try:
        return body.decode(), False
    except UnicodeDecodeError:
        return b64encode(body).decode(), True


def _others(fields: Sequence[bytes], data_field: str) -> dict[str, str | list[str]]:
    others: dict[str, str | list[str]] = {}
    data = data_field.encode()
    for at in range(0, len(fields), 2):
        if fields[at] != data:
            name, value = _readable(fields[at]), _readable(fields[at + 1])
            before = others.get(name)
            if before is None:
                others[name] = value
            else:
                others[name] = [*([before] if isinstance(before, str) else before), value]
    return others


def _readable(value: bytes) -> str:
    return value.decode(errors="backslashreplace")
