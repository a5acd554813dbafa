"""Records whose values, or keys, a schema registry describes: decoded as Lambda does it (reference: event source mappings, 3.4).

The framing is Confluent's: a zero byte, four bytes of the schema's id, the data. With JSON the value becomes the text of its JSON, with
SOURCE it loses its framing only; either way it is decoded, so that what does not match its schema is found. ``Record.metadata`` then has
keySchemaMetadata and valueSchemaMetadata. A record that cannot be decoded stays as it was, and has ``undecodable`` there:
SCHEMA_NOT_FOUND or DESERIALIZATION_ERROR. ``Record.key`` stays the key as stored, since order and failure topics go by it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from connectors.contract import UNDECODABLE, Record
from connectors.kafka.options import SchemaRegistryOptions
from connectors.kafka.schemas.codecs import Codec, codec_of
from connectors.kafka.schemas.registry import Registry

FRAMING = 5  # bytes before the data
ABSENT_SECONDS = 10.0  # for which a schema that is not there is not asked for again: it may yet be registered
NOT_FOUND = "SCHEMA_NOT_FOUND"
WRONG = "DESERIALIZATION_ERROR"


class Decoder:
    """One source's view of a registry. Schemas never change under their id, so each is asked for once."""

    def __init__(self, options: SchemaRegistryOptions) -> None:
        self._options = options
        self._registry = Registry(options)
        self._codecs: dict[int, tuple[str, Codec | None]] = {}
        self._absent: dict[int, float] = {}

    async def learn(self, records: Iterable[Record]) -> None:
        """Have the schemas of these records. Raises ``SourceError``: what is known by then stays known."""
        for number in {number for record in records for number in self._numbers(record)} - self._codecs.keys():
            if self._absent.get(number, 0.0) > time.monotonic():
                continue
            schema = await self._registry.schema(number)
            if schema is None:
                self._absent[number] = time.monotonic() + ABSENT_SECONDS
                continue
            try:
                self._codecs[number] = (schema.kind, codec_of(schema))
            except Exception:  # noqa: BLE001 - of any library, about a schema that it cannot read
                self._codecs[number] = (schema.kind, None)

    def decode(self, record: Record) -> None:
        """Make the record what its schemas say; mark it where it does not match them. Never raises."""
        found = dict(record.metadata)
        body = record.body
        for name, data in self._parts(record):
            number = _number(data)
            kind, codec = ("", None) if number is None else self._codecs.get(number, ("", None))
            try:
                source, text = (codec or _undecodable)(data[FRAMING:])
            except Exception:  # noqa: BLE001 - of any library, about bytes from anywhere
                absent = number is not None and not kind
                record.metadata = {**record.metadata, UNDECODABLE: NOT_FOUND if absent else WRONG}
                return
            decoded = text if self._options.event_record_format == "JSON" else source
            found[f"{name}SchemaMetadata"] = {"dataFormat": kind, "schemaId": str(number)}
            if name == "key":
                found["key"] = decoded
            else:
                body = decoded
        record.metadata, record.body = found, body

    async def close(self) -> None:
        """Disconnect; what is known stays known."""
        await self._registry.close()

    def _numbers(self, record: Record) -> Iterator[int]:
        for _, data in self._parts(record):
            number = _number(data)
            if number is not None:
                yield number

    def _parts(self, record: Record) -> Iterator[tuple[str, bytes]]:
        """What is to be decoded, by name; neither a missing key nor a tombstone has a schema."""
        key = record.metadata["key"]
        if "KEY" in self._options.validate and key is not None:
            yield "key", key
        if (
            "VALUE" in self._options.validate
            and not record.metadata.get("tombstone")
            and isinstance(record.body, bytes)
        ):
            yield "value", record.body


def _number(data: bytes) -> int | None:
    return int.from_bytes(data[1:FRAMING], "big") if len(data) >= FRAMING and data[0] == 0 else None


def _undecodable(_: bytes) -> tuple[bytes, bytes]:
    raise ValueError("there is no schema")
