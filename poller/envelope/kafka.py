"""The Kafka event, for Amazon MSK and for clusters of one's own, as Lambda delivers it.

Reads a record whose metadata has topic, partition, offset, timestamp (ms), timestampType, key (bytes or None), headers (pairs of name and
bytes or None), with a schema registry also keySchemaMetadata and valueSchemaMetadata, and ``tombstone`` for a value that is null; its body
is the value. Source: Lambda DG, Using Lambda with Apache Kafka; test data of aws-lambda-go.

A null key or value is absent, as users of AWS's libraries have seen it. Header values are lists of signed bytes, in order, names repeated;
that of a null one is empty. A cluster with an ARN is Amazon MSK's; others say ``SelfManagedKafka`` and have no eventSourceArn.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Sequence
from typing import Any

from connectors.contract import Identity, Record
from poller.envelope.content import Content
from poller.envelope.contract import NOTHING, About, Envelope, as_json, window_members
from poller.envelope.moments import with_milliseconds

_SCHEMAS = ("keySchemaMetadata", "valueSchemaMetadata")
"""Members that a schema registry adds; in their order."""
LONGEST_PARTITION = 249 + len("-2147483647")
"""Characters of ``topic-partition`` (Kafka: names of topics have up to 249), all of them ASCII."""


class KafkaEnvelope(Envelope):
    """``{"eventSource": ..., "records": {"topic-0": [...]}}``; a batch is of one partition."""

    content = Content("value", base64=True, ignored=True, beside="topic")
    tumbling = True

    def __init__(self, identity: Identity, *, window: bool) -> None:  # noqa: ARG002  # a batching window leaves no trace
        self._cluster = {"eventSourceArn": identity.arn} if identity.arn else {}
        self._cluster["bootstrapServers"] = str(identity.details.get("bootstrapServers", ""))
        source = {"eventSource": "aws:kafka" if identity.arn else "SelfManagedKafka"}
        self._head = as_json(source | self._cluster)[:-1] + b',"records":{'
        self.overhead = len(self._head) + len(b'"":[]}}') + LONGEST_PARTITION
        self._begins: dict[str, bytes] = {}

    def shape(self, record: Record) -> dict[str, Any]:
        """One element of the partition's list, keys in documented order."""
        given = record.metadata
        shape: dict[str, Any] = {
            "topic": given["topic"],
            "partition": given["partition"],
            "offset": given["offset"],
            "timestamp": given["timestamp"],
            "timestampType": given["timestampType"],
        }
        key, headers = given["key"], given["headers"]
        if key is not None:
            shape["key"] = b2a_base64(key, newline=False).decode()
        if "tombstone" not in given:
            shape["value"] = b2a_base64(record.body, newline=False).decode()  # type: ignore[arg-type]  # bytes
        shape["headers"] = _headers(headers)
        return shape | {name: given[name] for name in _SCHEMAS if name in given}

    def encode(self, record: Record) -> bytes:
        """The same as the record's shape, written at once: with a dictionary in between it takes more than twice as long."""
        given = record.metadata
        key, headers = given["key"], given["headers"]
        words = [
            self._begins.get(record.partition) or self._begin(record),
            b'%d,"timestamp":%d,"timestampType":"%b"'
            % (given["offset"], given["timestamp"], given["timestampType"].encode()),
        ]
        if key is not None:
            words += (b',"key":"', b2a_base64(key, newline=False), b'"')
        if "tombstone" not in given:
            words += (b',"value":"', b2a_base64(record.body, newline=False), b'"')  # type: ignore[arg-type]  # bytes
        words.append(b',"headers":%b' % as_json(_headers(headers)) if headers else b',"headers":[]')
        words += [b',"%b":%b' % (name.encode(), as_json(given[name])) for name in _SCHEMAS if name in given]
        words.append(b"}")
        return b"".join(words)

    def _begin(self, record: Record) -> bytes:
        """What all records of its partition begin with."""
        place = as_json({name: record.metadata[name] for name in ("topic", "partition")})
        begin = self._begins[record.partition] = place[:-1] + b',"offset":'
        return begin

    def assemble(self, parts: Sequence[bytes], batch: About = NOTHING) -> bytes:
        """The event."""
        records = (as_json(batch.partition), b":[", b",".join(parts), b"]") if parts else ()
        return b"".join((self._head, *records, b"}", window_members(batch.window), b"}"))

    def batch_info(self, records: Sequence[Record], partition: str) -> dict[str, dict[str, Any]]:
        """Offsets are strings; payloadSize is for whoever knows the event."""
        info: dict[str, Any] = {"batchSize": len(records), **self._cluster, "payloadSize": 0, "recordsInfo": {}}
        if records:
            first, last = records[0], records[-1]
            info["recordsInfo"][partition] = {
                "firstRecordOffset": first.position,
                "lastRecordOffset": last.position,
                "firstRecordTimestamp": with_milliseconds(first.arrived or 0.0),
                "lastRecordTimestamp": with_milliseconds(last.arrived or 0.0),
            }
        return {"KafkaBatchInfo": info}


def _headers(pairs: Sequence[tuple[str, bytes | None]]) -> list[dict[str, list[int]]]:
    return [{name: _signed(value)} for name, value in pairs]


def _signed(value: bytes | None) -> list[int]:
    return [*memoryview(value or b"").cast("b")]
