"""Schema -> how bytes become JSON: Avro, Protobuf, JSON. Pure; no I/O. Client libraries of the formats are loaded when one is met.

Each takes the bytes behind the registry's framing, and returns what is left when all framing is off, and the same as JSON text. What it
raises is not told: bytes that are not of the schema, or a schema that nobody can read.
"""

from __future__ import annotations

import base64
import importlib
import io
import json
from collections.abc import Callable, Iterator
from typing import Any

from connectors.kafka.schemas.registry import PROTOBUF, Schema

Codec = Callable[[bytes], tuple[bytes, bytes]]
"""Bytes behind magic byte and id -> the original without framing, and its JSON."""

MOST_INDEXES = 100  # messages inside messages; a longer way to one is rubbish


def codec_of(schema: Schema) -> Codec:
    """Raises whatever the format's library raises for a schema it cannot read."""
    match schema.kind:
        case "AVRO":
            return _avro(schema)
        case "JSON":
            return _json
    if schema.kind == PROTOBUF:
        return _protobuf(schema)
    raise ValueError(f"schemas of type {schema.kind} are not known")


def _json(data: bytes) -> tuple[bytes, bytes]:
    json.loads(data)  # as Lambda's, it is JSON, or it is not; the schema's own rules are its producers' affair
    return data, data


def _avro(schema: Schema) -> Codec:
    """Plain JSON: a union's value stands without its type's name, bytes and fixed as text of Latin-1 (Avro specification, JSON encoding).

    Logical types stay what they are made of: a timestamp is a number.
    """
    fastavro = importlib.import_module("fastavro")
    named: dict[str, Any] = {}
    for part in (*_before(schema), schema):
        parsed = fastavro.parse_schema(_physical(json.loads(part.text)), named_schemas=named)

    def decode(data: bytes) -> tuple[bytes, bytes]:
        stream = io.BytesIO(data)
        value = fastavro.schemaless_reader(stream, parsed, None)
        if stream.read(1):
            raise ValueError("more bytes than the schema has")
        return data, json.dumps(
            value, default=_latin, ensure_ascii=False, allow_nan=False, separators=(",", ":")
        ).encode()

    return decode


def _physical(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {key: _physical(value) for key, value in schema.items() if key != "logicalType"}
    return [_physical(each) for each in schema] if isinstance(schema, list) else schema


def _latin(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("latin-1")
    raise TypeError(type(value).__name__)


def _protobuf(schema: Schema) -> Codec:
    """Protobuf's own JSON, fields named as in the schema. Behind the id stands which of the file's messages it is."""
    descriptors = importlib.import_module("google.protobuf.descriptor_pb2")
    pools = importlib.import_module("google.protobuf.descriptor_pool")
    factory = importlib.import_module("google.protobuf.message_factory")
    as_json = importlib.import_module("google.protobuf.json_format").MessageToJson
    pool = pools.DescriptorPool()

    def add(file: Any) -> None:
        for name in file.dependency:
            if name.startswith("google/protobuf/") and not _has(pool, name):
                known = importlib.import_module(name.removesuffix(".proto").replace("/", ".") + "_pb2")
                add(descriptors.FileDescriptorProto.FromString(known.DESCRIPTOR.serialized_pb))
        if not _has(pool, file.name):
            pool.Add(file)

    for part in (*_before(schema), schema):
        file = descriptors.FileDescriptorProto.FromString(base64.b64decode(part.text))
        file.name = part.name or "schema.proto"
        add(file)
    top = pool.FindFileByName("schema.proto")

    def decode(data: bytes) -> tuple[bytes, bytes]:
        path, rest = _indexes(data)
        messages = [top.message_types_by_name[message.name] for message in file.message_type]
        for index in path[:-1]:
            messages = list(messages[index].nested_types)
        message = factory.GetMessageClass(messages[path[-1]]).FromString(rest)
        text = as_json(message, preserving_proto_field_name=True, indent=None, ensure_ascii=False, descriptor_pool=pool)
        return rest, text.encode()

    return decode


def _has(pool: Any, name: str) -> bool:
    try:
        pool.FindFileByName(name)
    except KeyError:
        return False
    return True


def _indexes(data: bytes) -> tuple[list[int], bytes]:
    """Message indexes of Confluent's framing: how many, then each, as zigzag varints; none at all stands for the first message."""
    stream = io.BytesIO(data)
    count = _varint(stream)
    if not 0 <= count <= MOST_INDEXES:
        raise ValueError("no message has such a place")
    path = [_varint(stream) for _ in range(count)] or [0]
    if min(path) < 0:
        raise ValueError("no message has such a place")
    return path, stream.read()


def _varint(stream: io.BytesIO) -> int:
    value = shift = 0
    while True:
        (byte,) = stream.read(1)
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:  # noqa: PLR2004 - the bit that says that more follow
            return value >> 1 ^ -(value & 1)


def _before(schema: Schema) -> Iterator[Schema]:
    """What a schema refers to, each after what it refers to itself, and once."""
    seen: set[str] = set()

    def walk(part: Schema) -> Iterator[Schema]:
        for each in part.references:
            if each.name not in seen:
                seen.add(each.name)
                yield from walk(each)
                yield each

    return walk(schema)
