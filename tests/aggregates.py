"""Aggregated records as the Kinesis Producer Library packs them, for tests. Not what is tested."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

MAGIC = b"\xf3\x89\x9a\xc2"


def pack(records: Sequence[tuple[str, int | None, bytes]]) -> bytes:
    """Data of one aggregate. records: partition key, explicit hash key, data of each."""
    keys = list(dict.fromkeys(key for key, _, _ in records))
    hashes = list(dict.fromkeys(explicit for _, explicit, _ in records if explicit is not None))
    message = b"".join(_field(1, key.encode()) for key in keys)
    message += b"".join(_field(2, str(explicit).encode()) for explicit in hashes)
    for key, explicit, data in records:
        inner = b"\x08" + _varint(keys.index(key))
        if explicit is not None:
            inner += b"\x10" + _varint(hashes.index(explicit))
        message += _field(3, inner + _field(3, data))
    return seal(message)


def seal(message: bytes) -> bytes:
    """A message with its magic bytes and digest."""
    return MAGIC + message + hashlib.md5(message).digest()


def _field(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])
