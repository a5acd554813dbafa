"""An entry of a stream as a record. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from connectors.contract import Record
from connectors.redis.group import Entry

_encode = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":")
).encode  # made once: json.dumps makes one each time


class Shape:
    """How records of ``stream`` are made.

    data_field: whose value is the body; "": all fields are. key_field: whose value is the key; "": there are no keys.
    """

    def __init__(self, stream: str, data_field: str, key_field: str) -> None:
        self._stream = stream
        self._data_field = data_field
        self._data = data_field.encode()
        self._key = key_field.encode()

    def record(self, entry: Entry, deliveries: int) -> Record:
        """A field that the entry does not have makes an empty body, or no key; of one that it has twice the first counts.

        What the record is made of goes by place: names would take half a microsecond more.
        """
        id_, fields = entry
        stream = self._stream
        body = (_first(fields, self._data) or b"") if self._data else as_object(fields)
        metadata = {"stream": stream, "fields": fields, "dataField": self._data_field}
        key = _key(_first(fields, self._key)) if self._key else None
        return Record(
            id_, body, stream, metadata, None, deliveries, stream, id_, key, int(id_[: id_.index("-")]) / 1000
        )


def as_object(fields: Sequence[bytes]) -> str:
    """All fields as a JSON object of texts; bytes that are no UTF-8 are escaped. A name that comes twice has the list of its values."""
    texts = [*map(_text, fields)]
    names, values = texts[::2], texts[1::2]
    found: dict[str, Any] = dict(zip(names, values, strict=True))
    if len(found) < len(names):
        found = {name: [] for name in found}
        for name, value in zip(names, values, strict=True):
            found[name].append(value)
        found = {name: each if len(each) > 1 else each[0] for name, each in found.items()}
    return _encode(found)


def _first(fields: Sequence[bytes], name: bytes) -> bytes | None:
    for at in range(0, len(fields), 2):
        if fields[at] == name:
            return fields[at + 1]
    return None


def _key(value: bytes | None) -> str | None:
    return None if value is None else _text(value)


def _text(value: bytes) -> str:
    return value.decode(errors="backslashreplace")
