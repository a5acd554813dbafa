"""Aggregated records of the Kinesis Producer Library: many user records in the data of one. Pure; no I/O.

The format is the library's own (awslabs, amazon-kinesis-producer, aggregation-format.md): four magic bytes, a protobuf message, and the
MD5 of that message. Data that begins like one and is none is a record like any other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

MAGIC = b"\xf3\x89\x9a\xc2"
DIGEST_BYTES = 16
LONGEST_NUMBER = 10  # bytes of a varint of 64 bits
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5  # wire types of protobuf

KeyRange = tuple[int, int]
"""First and last hash key of a shard."""


@dataclass(frozen=True, slots=True)
class Inner:
    """One user record. hash_key: decides which shard it belongs to."""

    partition_key: str
    hash_key: int
    data: bytes


def unpack(data: bytes) -> list[Inner] | None:
    """User records of an aggregate, in order; None for data that is no aggregate. Never raises."""
    message = data[len(MAGIC) : -DIGEST_BYTES]
    if not data.startswith(MAGIC) or hashlib.md5(message, usedforsecurity=False).digest() != data[-DIGEST_BYTES:]:
        return None
    try:
        return _records(message)
    except (
        ValueError,
        IndexError,
    ):  # cut off, or not what its digest promised: the library's own readers let it through too
        return None


def lies_in(inner: Inner, keys: KeyRange) -> bool:
    """Whether a user record belongs to a shard of these hash keys. An aggregate that was written around a split may hold others."""
    return keys[0] <= inner.hash_key <= keys[1]


def _records(message: bytes) -> list[Inner]:
    tables: dict[int, list[bytes]] = {1: [], 2: [], 3: []}  # partition keys, explicit hash keys, records
    for number, value in _fields(message):
        if number in tables and isinstance(value, bytes):
            tables[number].append(value)
    keys = [key.decode() for key in tables[1]]
    hashes = [int(key) for key in tables[2]]
    return [_record(record, keys, hashes) for record in tables[3]]


def _record(message: bytes, keys: list[str], hashes: list[int]) -> Inner:
    found = dict(_fields(message))
    key, explicit, data = found.get(1), found.get(2), found.get(3)
    if not isinstance(key, int) or not isinstance(data, bytes):
        raise ValueError("a user record has a partition key and data")  # noqa: TRY004 - of the message, not of an argument
    hash_key = hashes[explicit] if isinstance(explicit, int) else hash_of(keys[key])
    return Inner(keys[key], hash_key, data)


def hash_of(partition_key: str) -> int:
    """Hash key of a partition key (Kinesis DG, Partition key)."""
    return int.from_bytes(hashlib.md5(partition_key.encode(), usedforsecurity=False).digest())


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of each field. Raises ``ValueError`` or ``IndexError`` for what is no message."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, kind = tag >> 3, tag & 7
        if kind == VARINT:
            value, at = _varint(message, at)
            yield number, value
            continue
        if kind == BYTES:
            length, at = _varint(message, at)
        elif kind in {FIXED64, FIXED32}:
            length = 8 if kind == FIXED64 else 4
        else:
            raise ValueError(f"wire type {kind}")
        if at + length > len(message):
            raise ValueError("cut off")
        yield number, message[at : at + length]
        at += length


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """Return the number that begins there, and where the next thing begins."""
    value = 0
    for place in range(LONGEST_NUMBER):
        byte = message[at + place]
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:  # noqa: PLR2004 - the highest bit says that more follow
            return value, at + place + 1
    raise ValueError("a number without an end")
