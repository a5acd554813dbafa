"""Values of shapes ↔ JSON values of AWS's JSON protocols.

Timestamps are seconds since 1970 as float inside, blobs bytes. What is null was not given. Members that the shape does not know are
passed over, as AWS does, so that clients newer than the model work.
"""

from __future__ import annotations

import base64
import binascii
import email.utils
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from poller.wire.aws.errors import ApiError
from poller.wire.aws.model import Shape

SERIALIZATION = "SerializationException"

_WHOLE = re.compile(r"-?[0-9]{1,20}")


def from_json(shape: Shape, value: Any) -> Any:
    """What a JSON value means as this shape. Raises ApiError (SerializationException) when it cannot be one."""
    return _READERS[shape.kind](shape, value)


def from_text(shape: Shape, text: str) -> Any:
    """The same for what stands in a path, a query or a header, where everything is text."""
    if shape.kind == "boolean" and text.lower() in {"true", "false"}:
        return text.lower() == "true"
    if shape.kind in {"integer", "long"} and _WHOLE.fullmatch(text):
        return from_json(shape, int(text))
    if shape.kind in {"string", "timestamp"}:
        return from_json(shape, text)
    raise _cannot("STRING_VALUE", shape)


def to_json(shape: Shape, value: Any) -> Any:
    """A JSON value for a value of this shape; members that are None are left out, and so are those that the shape does not know."""
    if shape.kind == "structure":
        members = shape.members
        return {
            members[name].wire_name: to_json(members[name].shape, given)
            for name, given in value.items()
            if given is not None and name in members
        }
    if shape.kind == "list":
        return [to_json(shape.item, given) for given in value]
    if shape.kind == "map":
        return {key: to_json(shape.value, given) for key, given in value.items() if given is not None}
    if shape.kind == "blob":
        return base64.b64encode(value).decode()
    return value


def _cannot(found: str, shape: Shape) -> ApiError:
    return ApiError(SERIALIZATION, f"{found} can not be converted to {_KINDS.get(shape.kind, shape.kind)}")


_KINDS = {
    "string": "a String",
    "integer": "an Integer",
    "long": "a Long",
    "float": "a Float",
    "double": "a Double",
    "boolean": "a Boolean",
    "timestamp": "a Timestamp",
    "blob": "a Blob",
}


def _found(value: Any) -> str:
    if isinstance(value, bool):
        return "TRUE_VALUE" if value else "FALSE_VALUE"
    if isinstance(value, int):
        return "NUMBER_VALUE"
    if isinstance(value, float):
        return "DECIMAL_VALUE"
    return "STRING_VALUE" if isinstance(value, str) else "START_OBJECT" if isinstance(value, Mapping) else "START_ARRAY"


def _structure(shape: Shape, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ApiError(SERIALIZATION, "Start of structure or map expected where it was not found.")
    given = {}
    for name, member in shape.members.items():
        if not member.location and (own := value.get(member.wire_name)) is not None:
            given[name] = from_json(member.shape, own)
    return given


def _list(shape: Shape, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ApiError(SERIALIZATION, "Start of list expected where it was not found.")
    return [from_json(shape.item, item) for item in value if item is not None]


def _map(shape: Shape, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ApiError(SERIALIZATION, "Start of structure or map expected where it was not found.")
    return {key: from_json(shape.value, item) for key, item in value.items() if item is not None}


def _string(shape: Shape, value: Any) -> str:
    if not isinstance(value, str):
        raise _cannot(_found(value), shape)
    return value


def _boolean(shape: Shape, value: Any) -> bool:
    if not isinstance(value, bool):
        raise _cannot(_found(value), shape)
    return value


def _integer(shape: Shape, value: Any) -> int:
    bits = 32 if shape.kind == "integer" else 64
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not -(2 ** (bits - 1)) <= value < 2 ** (bits - 1):
        raise _cannot(_found(value), shape)
    return value


def _number(shape: Shape, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _cannot(_found(value), shape)
    return float(value)


def _timestamp(shape: Shape, value: Any) -> float:
    """Seconds, ISO 8601, or as in HTTP headers: which of them where is the model's, and clients take liberties."""
    if not isinstance(value, str):
        return _number(shape, value)
    for read in (_iso, _http_date, float):
        try:
            moment = read(value)
        except (ValueError, OverflowError):
            continue
        if math.isfinite(moment):
            return moment
    raise _cannot("STRING_VALUE", shape)


def _iso(text: str) -> float:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _http_date(text: str) -> float:
    return email.utils.parsedate_to_datetime(text).timestamp()


def _blob(shape: Shape, value: Any) -> bytes:
    if not isinstance(value, str):
        raise _cannot(_found(value), shape)
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise _cannot("STRING_VALUE", shape) from None


_READERS: Mapping[str, Callable[[Shape, Any], Any]] = {
    "structure": _structure,
    "list": _list,
    "map": _map,
    "string": _string,
    "boolean": _boolean,
    "integer": _integer,
    "long": _integer,
    "float": _number,
    "double": _number,
    "timestamp": _timestamp,
    "blob": _blob,
}
