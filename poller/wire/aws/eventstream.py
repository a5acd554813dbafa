"""Frames of AWS's event stream (``application/vnd.amazon.eventstream``): how the answer of InvokeWithResponseStream comes.

A frame is: total length, length of the headers, CRC-32 of these eight bytes, headers, payload, CRC-32 of everything before it; numbers
are big-endian. Headers are strings: length of the name, name, type 7, length of the value, value (AWS SDKs, event stream encoding).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from typing import Any

import orjson

from poller.wire.aws.errors import ApiError
from poller.wire.aws.model import Shape
from poller.wire.aws.values import to_json

CONTENT_TYPE = "application/vnd.amazon.eventstream"
LONGEST_PAYLOAD = 1024 * 1024
"""Bytes of payload that we put into one frame at most, so that a client that reads slowly is seen to read. AWS allows 24 MB."""

LONGEST_HEADER = 32767
"""Bytes of a header's value (AWS SDKs, event stream encoding); a longer sentence is cut."""

_STRING = 7
_PRELUDE = struct.Struct("!II")
_CRC = struct.Struct("!I")


def frame(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One message."""
    head = b"".join(_header(name, value) for name, value in headers.items())
    prelude = _PRELUDE.pack(_PRELUDE.size + _CRC.size + len(head) + len(payload) + _CRC.size, len(head))
    message = prelude + _CRC.pack(zlib.crc32(prelude)) + head + payload
    return message + _CRC.pack(zlib.crc32(message))


def event(stream: Shape, given: Mapping[str, Any]) -> bytes:
    """One event of a stream, as its shape says. given: one member by name, with the event's own members in it.

    Bytes that are too many for one frame become several events of the kind, one after the other; structures are not so long.
    """
    ((name, members),) = given.items()
    shape = stream.members[name].shape
    payload = next((member for member in shape.members.values() if member.is_event_payload), None)
    headers = {":message-type": "event", ":event-type": name}
    if payload is None or payload.shape.kind != "blob":
        return frame(headers | {":content-type": "application/json"}, orjson.dumps(to_json(shape, members)))
    body = members.get(payload.name, b"")
    headers[":content-type"] = "application/octet-stream"
    parts = range(0, max(len(body), 1), LONGEST_PAYLOAD)
    return b"".join(frame(headers, body[start : start + LONGEST_PAYLOAD]) for start in parts)


def initial(output: bytes) -> bytes:
    """The first frame where a stream is one member of an output among others: these, in JSON."""
    headers = {":message-type": "event", ":event-type": "initial-response", ":content-type": "application/json"}
    return frame(headers, output)


def failure(stream: Shape, error: ApiError) -> bytes:
    """The end of a stream that cannot be finished. The client raises it: as an exception where the stream has it, else as an error."""
    if error.code in stream.members:
        headers = {":message-type": "exception", ":exception-type": error.code, ":content-type": "application/json"}
        return frame(headers, orjson.dumps({"message": error.message}))
    return frame({":message-type": "error", ":error-code": error.code, ":error-message": error.message or ""}, b"")


def _header(name: str, value: str) -> bytes:
    name_bytes, value_bytes = name.encode(), value.encode("utf-8", "replace")[:LONGEST_HEADER]
    return struct.pack(f"!B{len(name_bytes)}sBH", len(name_bytes), name_bytes, _STRING, len(value_bytes)) + value_bytes
